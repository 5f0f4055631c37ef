"""Intervals hold what they promise; calibration is Guo's; what is shown is what is told."""

import json

import numpy as np
import pytest

from engine.commands.results import result
from engine.evaluation.metrics import compute_metrics, wilson_interval
from engine.evaluation.predictions import Predictions
from engine.report import selection
from engine.report.selection import cells, confident_mistakes, doubtful_hits
from engine.report.statistics import calibration, class_intervals, f1_interval, macro_f1_interval


def predictions(labels, probabilities) -> Predictions:
    return Predictions(np.array(labels), np.array(probabilities, float), 0.0)


def drawn(number: int, seed: int, confusion=((0.3, 0.1, 0.02), (0.05, 0.2, 0.08), (0.05, 0.05, 0.15))) -> tuple:
    cell = np.random.default_rng(seed).choice(9, number, p=np.ravel(confusion))
    return cell // 3, cell % 3


@pytest.mark.parametrize("number", [60, 400])
def test_intervals_of_f1_cover_the_true_value_19_times_in_20(number):
    f1 = 2 * 0.2 / (0.33 + 0.35)  # of the second class, by the probabilities of `drawn`
    truth, covered, macro_covered = f1, 0, 0
    macro = np.mean([2 * 0.3 / (0.42 + 0.4), f1, 2 * 0.15 / (0.25 + 0.25)])
    for seed in range(400):
        metrics = compute_metrics(*drawn(number, seed), 3)
        low, high = class_intervals(metrics)[1].f1
        covered += low <= truth <= high
        if seed < 100:
            low, high = macro_f1_interval(metrics)
            macro_covered += low <= macro <= high
    assert 0.93 <= covered / 400 <= 0.98 and 0.88 <= macro_covered / 100 <= 1


def test_interval_of_f1_agrees_with_a_bootstrap():
    labels, guessed = drawn(2000, 1)
    rng, values = np.random.default_rng(2), []
    for _ in range(1000):
        one = rng.integers(0, 2000, 2000)
        hits, either = ((labels[one] == 1) & (guessed[one] == 1)).sum(), (labels[one] == 1).sum() + (guessed[one] == 1).sum()
        values.append(2 * hits / either)
    assert class_intervals(compute_metrics(labels, guessed, 3))[1].f1 == pytest.approx(
        np.percentile(values, (2.5, 97.5)), abs=0.005
    )


def test_intervals_at_the_edges():
    assert f1_interval(0, 0, 0) is None
    low, high = f1_interval(10, 0, 0)
    assert high == pytest.approx(1) and low == pytest.approx(2 * wilson_interval(10, 10)[0] / (1 + wilson_interval(10, 10)[0]))
    assert f1_interval(0, 3, 0)[0] == 0 and 0 < f1_interval(0, 3, 0)[1] < 1
    nothing = class_intervals(compute_metrics(np.array([0, 0]), np.array([0, 0]), 2))
    assert nothing[1].precision is None and nothing[1].recall is None and nothing[0].recall == wilson_interval(2, 2)


def test_calibration_error_by_hand():
    # bins of a fifteenth: 0.6 is the upper bound of the ninth and belongs to it, 0.61 to the tenth
    found = calibration(predictions([0, 1, 0, 1], [[0.6, 0.4], [0.6, 0.4], [0.61, 0.39], [0.05, 0.95]]))
    assert found.counts.tolist() == [0] * 8 + [2, 1, 0, 0, 0, 0, 1]
    assert found.ece == pytest.approx((2 * 0.1 + 0.39 + 0.05) / 4, abs=1e-6)
    assert found.gap == pytest.approx((0.6 + 0.6 + 0.61 + 0.95) / 4 - 3 / 4, abs=1e-6)
    assert found.accuracy[8] == 0.5 and found.confidence[14] == pytest.approx(0.95)


def test_a_calibrated_network_has_no_error_and_a_boastful_one_has():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 200_000)
    labels = (rng.random(200_000) > confidence).astype(int)
    assert calibration(predictions(labels, np.stack([confidence, 1 - confidence], axis=1))).ece < 0.005
    assert calibration(predictions(labels, np.tile([0.99, 0.01], (200_000, 1)))).ece == pytest.approx(0.24, abs=0.005)


def test_result_holds_plain_numbers_of_all_that():
    labels, guessed = drawn(50, 3)
    figures = result(predictions(labels, np.eye(3)[guessed]), ("a", "b", "c"))
    figures = json.loads(json.dumps(figures))
    low, high = figures["classes"]["b"]["f1_interval"]
    assert low < figures["classes"]["b"]["f1"] < high
    assert figures["calibration"]["ece"] == pytest.approx(1 - figures["accuracy"])
    assert sum(one["pictures"] for one in figures["calibration"]["bins"]) == 50
    assert figures["macro_f1_interval"][0] < figures["macro_f1"] < figures["macro_f1_interval"][1]


def test_images_are_chosen_by_confidence(monkeypatch):
    found = predictions([0, 0, 0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7], [0.45, 0.55]])
    assert confident_mistakes(found) == [1, 2] and doubtful_hits(found) == [4, 3, 0]
    monkeypatch.setattr(selection, "SHOWN_IN_LIST", 1)
    monkeypatch.setattr(selection, "SHOWN_IN_CELL", 1)
    assert confident_mistakes(found) == [1]
    assert [(c.true, c.predicted, c.images, c.shown) for c in cells(found)] == [
        (0, 1, 2, (1,)),
        (1, 1, 2, (4,)),
        (0, 0, 1, (0,)),
    ]
