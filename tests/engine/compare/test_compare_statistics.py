"""Tests and intervals of engine.compare against textbook values, scipy and computations by hand."""

import warnings

import numpy as np
import pytest
from scipy import stats

from engine.compare import statistics
from engine.compare.statistics import bootstrap, bootstrap_p, holm, mcnemar, percentile_interval, summarise_seeds, welch
from engine.evaluation.metrics import compute_metrics


def discordant(only_first: int, only_second: int, both: int = 7, none: int = 3) -> tuple[np.ndarray, np.ndarray]:
    cells = [(1, 0)] * only_first + [(0, 1)] * only_second + [(1, 1)] * both + [(0, 0)] * none
    first, second = np.array(cells, bool).T
    return first, second


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        (150, 86, stats.chi2.sf(63**2 / 236, 1)),  # Agresti, 1990, approval of the Prime Minister
        (121, 59, stats.chi2.sf(61**2 / 180, 1)),  # χ² 20.67
        (13, 13, 1.0),
    ],
)
def test_mcnemar_of_many_discordant_images_is_corrected_chi_square(b, c, p):
    found = mcnemar(*discordant(b, c))
    assert (found.only_first, found.only_second, found.exact) == (b, c, False)
    assert found.p == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(("b", "c", "p"), [(6, 16, 0.0525), (1, 9, 0.0215), (0, 5, 0.0625), (4, 4, 1.0), (0, 0, 1.0)])
def test_mcnemar_of_few_is_the_exact_binomial_test(b, c, p):
    found = mcnemar(*discordant(b, c))
    assert found.exact and found.p == pytest.approx(p, abs=5e-5)
    if b + c:
        assert found.p == pytest.approx(stats.binomtest(b, b + c).pvalue)


def test_the_exact_test_ends_at_24_discordant_images():
    assert mcnemar(*discordant(20, 4)).exact and not mcnemar(*discordant(20, 5)).exact


def table(seed: int, runs: int = 2, number: int = 50, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes - 1, size=number)  # the last class has no image
    return labels, np.where(rng.random((runs, number)) < 0.5, labels, rng.integers(num_classes, size=(runs, number)))


def test_bootstrap_equals_one_resample_after_the_other():
    labels, predicted = table(0)
    found = bootstrap(labels, predicted, 4, resamples=40, seed=3)
    rng = np.random.default_rng(3)
    for k in range(40):
        drawn = rng.integers(50, size=(1, 50))[0]
        for run in range(2):
            metrics = compute_metrics(labels[drawn], predicted[run][drawn], 4)
            assert found["accuracy"][run, k] == pytest.approx(metrics.accuracy)
            assert found["macro_f1"][run, k] == pytest.approx(metrics.macro_f1)


def test_bootstrap_is_the_same_again_in_parts_of_any_size_and_beside_any_other_run(monkeypatch):
    labels, predicted = table(1, runs=3)
    whole = bootstrap(labels, predicted, 4, resamples=100)
    again = bootstrap(labels, predicted[:1], 4, resamples=100)
    monkeypatch.setattr(statistics, "_CELLS", 7 * 50)
    parts = bootstrap(labels, predicted, 4, resamples=100)
    for name, values in whole.items():
        assert np.array_equal(values, parts[name]) and np.array_equal(values[:1], again[name])


def test_bootstrap_of_accuracy_agrees_with_scipys_and_with_the_binomial_deviation():
    labels, predicted = table(2, runs=1, number=400)
    right = predicted[0] == labels
    samples = bootstrap(labels, predicted, 4)["accuracy"][0]
    assert samples.std() == pytest.approx((right.mean() * (1 - right.mean()) / 400) ** 0.5, rel=0.03)
    theirs = stats.bootstrap((right.astype(float),), np.mean, n_resamples=10_000, method="percentile", rng=1)
    assert percentile_interval(samples) == pytest.approx(tuple(theirs.confidence_interval), abs=0.004)


def test_a_difference_turned_round_has_the_negative_interval_and_the_same_p():
    labels, predicted = table(4)
    values = bootstrap(labels, predicted, 4, resamples=999)["macro_f1"]
    there, back = values[0] - values[1], values[1] - values[0]
    assert percentile_interval(there) == pytest.approx([-x for x in reversed(percentile_interval(back))])
    assert bootstrap_p(there) == bootstrap_p(back)
    first, second = predicted == labels
    a, b = mcnemar(first, second), mcnemar(second, first)
    assert (a.only_first, a.only_second, a.p) == (b.only_second, b.only_first, b.p)


def test_equal_runs_have_p_one_and_opposite_ones_a_small_one_never_zero():
    assert bootstrap_p(np.zeros(999)) == 1
    assert bootstrap_p(np.ones(999)) == pytest.approx(2 / 1000)


def test_p_of_no_difference_is_seldom_small():
    """Two runs that err alike: at most about 5 % of the tests may find a difference."""
    found = []
    for seed in range(200):
        labels, predicted = table(seed, number=120)
        values = bootstrap(labels, predicted, 4, resamples=300)["macro_f1"]
        found.append((bootstrap_p(values[0] - values[1]) < 0.05, mcnemar(*(predicted == labels)).p < 0.05))
    assert (np.mean(found, axis=0) < 0.1).all()


def test_holm_equals_the_computation_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == [0.2] and holm([0.9, 0.8]) == [1, 1] and holm([]) == []


def test_seeds_have_mean_sample_deviation_and_student_interval():
    values = [0.5, 0.53, 0.58]
    found = summarise_seeds(values)
    expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (found.mean, found.sd) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
    assert found.interval == pytest.approx(expected)
    assert summarise_seeds([1.0, 2.0]).interval == pytest.approx((1.5 - 12.7062 * 0.5, 1.5 + 12.7062 * 0.5), abs=1e-4)
    with pytest.raises(ValueError, match="at least two"):
        summarise_seeds([0.5])


def test_welch_equals_scipys_and_turned_round_its_negative():
    a, b = [0.55, 0.56, 0.61], [0.5, 0.44, 0.52, 0.57]
    ours, theirs, back = welch(a, b), stats.ttest_ind(a, b, equal_var=False), welch(b, a)
    assert (ours.p, ours.df) == (pytest.approx(theirs.pvalue), pytest.approx(theirs.df))
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval()))
    assert (back.difference, back.p) == (pytest.approx(-ours.difference), pytest.approx(ours.p))
    assert welch([0.5, 0.5], [0.6, 0.6]) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one that does not vary is no reason for a warning
        assert welch([0.5, 0.5], [0.6, 0.7]).df == pytest.approx(1)
