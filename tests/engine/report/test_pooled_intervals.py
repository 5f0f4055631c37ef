"""Intervals that respect persons: wide where the images of one agree, those of the plain bootstrap where each is alone."""

import numpy as np
import pytest
from scipy import stats

from engine.evaluation.metrics import compute_metrics
from engine.report.statistics import pooled_intervals

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 400)
PREDICTED = np.where(RNG.random(400) < 0.6, LABELS, RNG.integers(0, 3, 400))


def test_of_persons_with_an_image_each_it_is_that_of_images():
    each = pooled_intervals(LABELS, PREDICTED, 3, [f"p{k}" for k in range(400)])
    images = pooled_intervals(LABELS, PREDICTED, 3, None)
    assert (each.over, images.over) == ("400 people", "400 images")
    for figure in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(each, figure) == pytest.approx(getattr(images, figure), abs=0.01)


def test_it_agrees_with_the_normal_approximation_of_cluster_means():
    """20 persons of 20 images, all right or all wrong: the images are worth 20, not 400."""
    right = np.repeat(RNG.random(20) < 0.6, 20)
    predicted = np.where(right, LABELS, (LABELS + 1) % 3)
    found = pooled_intervals(LABELS, predicted, 3, [f"p{k // 20}" for k in range(400)])
    half = stats.norm.ppf(0.975) * right[::20].std() / 20**0.5
    assert found.accuracy == pytest.approx((right.mean() - half, right.mean() + half), abs=0.03)
    images = pooled_intervals(LABELS, predicted, 3, None).accuracy
    assert found.accuracy[1] - found.accuracy[0] > 3 * (images[1] - images[0])


def test_every_figure_lies_in_its_interval_and_repeats():
    metrics = compute_metrics(LABELS, PREDICTED, 3)
    who = [f"p{k % 37}" for k in range(400)]
    found = pooled_intervals(LABELS, PREDICTED, 3, who)
    assert found == pooled_intervals(LABELS, PREDICTED, 3, who)
    for figure in ("accuracy", "balanced_accuracy", "macro_f1"):
        low, high = getattr(found, figure)
        assert low < getattr(metrics, figure) < high


def test_a_resample_by_hand():
    """Two persons: the middle 95 % of both, one twice, the other twice."""
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])
    found = pooled_intervals(labels, predicted, 2, ["a", "a", "b", "b"])
    assert found.accuracy == (0.0, 1.0) and found.balanced_accuracy == (0.0, 1.0) and found.macro_f1 == (0.0, 1.0)
