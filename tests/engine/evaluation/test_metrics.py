"""Figures of a table of predictions against values worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from engine.evaluation.metrics import compute_metrics, format_table, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    [
        (8, 10, (0.4902, 0.9433)),
        (50, 100, (0.4038, 0.5962)),
        (1, 10, (0.0179, 0.4042)),
        (0, 10, (0.0, 0.2775)),
        (10, 10, (0.7225, 1.0)),
        (1, 1, (0.2065, 1.0)),
    ],
)
def test_wilson_interval_equals_known_values(successes, trials, expected):
    assert wilson_interval(successes, trials) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("trials", [1, 7, 3068, 10**6])
def test_wilson_interval_stays_between_zero_and_one(trials):
    low, high = wilson_interval(0, trials)
    assert low == pytest.approx(0, abs=1e-12)
    assert 0 <= low < high < 1
    low, high = wilson_interval(trials, trials)
    assert high == pytest.approx(1, abs=1e-12)
    assert 0 < low < high <= 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (3, 11), (11, 11), (2829, 3068)])
def test_wilson_interval_holds_the_proportion_and_is_symmetric(successes, trials):
    low, high = wilson_interval(successes, trials)
    assert low <= successes / trials <= high
    assert wilson_interval(trials - successes, trials) == pytest.approx((1 - high, 1 - low))


def test_wilson_interval_shrinks_with_more_trials():
    widths = [high - low for low, high in (wilson_interval(8 * n, 10 * n) for n in (1, 10, 100))]
    assert widths == sorted(widths, reverse=True)


def test_interval_without_trials_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        wilson_interval(0, 0)


def test_small_case_equals_the_computation_by_hand():
    metrics = compute_metrics(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0]), 3)
    assert metrics.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert metrics.support.tolist() == [3, 2, 1]
    assert metrics.precision.tolist() == pytest.approx([2 / 3, 2 / 3, 0])
    assert metrics.recall.tolist() == pytest.approx([2 / 3, 1, 0])
    assert metrics.f1.tolist() == pytest.approx([2 / 3, 4 / 5, 0])
    assert metrics.accuracy == pytest.approx(4 / 6)
    assert metrics.interval == wilson_interval(4, 6)
    assert metrics.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


def test_perfect_predictions_give_one_everywhere():
    labels = np.array([0, 1, 2, 2])
    metrics = compute_metrics(labels, labels, 3)
    assert (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1) == (1, 1, 1)
    assert metrics.interval[1] == 1


def test_class_without_images_counts_in_no_mean():
    labels, predicted = np.array([0, 0, 2, 2]), np.array([0, 2, 2, 2])
    metrics = compute_metrics(labels, predicted, 4)
    assert metrics.support.tolist() == [2, 0, 2, 0]
    assert metrics.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_prediction_of_an_output_without_class_counts_as_wrong():
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 5, 1, 1])
    metrics = compute_metrics(labels, predicted, 7)
    assert metrics.accuracy == pytest.approx(3 / 4)
    assert metrics.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    assert metrics.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert metrics.confusion[0, 5] == 1 and metrics.confusion.sum() == 4


def test_figures_of_many_predictions_agree_with_the_confusion_matrix():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 500)
    predicted = np.where(rng.random(500) < 0.6, labels, rng.integers(0, 7, 500))
    metrics = compute_metrics(labels, predicted, 7)
    confusion = metrics.confusion
    assert confusion.sum() == 500
    assert metrics.accuracy == pytest.approx(np.trace(confusion) / 500)
    assert metrics.recall.tolist() == pytest.approx((np.diag(confusion) / confusion.sum(axis=1)).tolist())
    assert metrics.precision.tolist() == pytest.approx((np.diag(confusion) / confusion.sum(axis=0)).tolist())


@pytest.mark.parametrize("seed", range(20))
def test_figures_equal_scikit_learns_to_the_last_digit(seed):
    """Some classes have no image, some are no answer."""
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, rng.integers(1, 8), 40), rng.integers(0, rng.integers(1, 8), 40)
    metrics = compute_metrics(labels, predicted, 8)
    expected = precision_recall_fscore_support(labels, predicted, labels=np.arange(8), average=None, zero_division=0)
    for ours, theirs in zip((metrics.precision, metrics.recall, metrics.f1, metrics.support), expected):
        assert ours.tolist() == theirs.tolist()
    assert metrics.confusion.tolist() == confusion_matrix(labels, predicted, labels=np.arange(8)).tolist()


def test_table_shows_the_headline_and_a_line_a_class():
    metrics = compute_metrics(np.array([0] * 5 + [1] * 5), np.array([0] * 5 + [1] * 3 + [0] * 2), 2)
    headline, _, first, second = format_table(metrics, ("anger", "기쁨")).splitlines()
    assert "80.00 %" in headline and "49.02 to 94.33" in headline and "10 images" in headline
    assert first.split() == ["anger", "0.7143", "1.0000", "0.8333", "5"]
    assert second.split() == ["기쁨", "1.0000", "0.6000", "0.7500", "5"]
