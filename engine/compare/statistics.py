"""What distinguishes a difference between runs from chance. No files, no drawing."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from engine.report.statistics import resampled_macro_f1

LEVEL = 0.05  # two-sided; intervals are of 95 %
RESAMPLES = 10_000
_EXACT_BELOW = 25  # discordant images
_CELLS = 2_000_000  # of resampled images held at a time


@dataclass(frozen=True)
class SeedSummary:
    """mean and sd (of the sample, n - 1) of a figure over seeds; interval: 95 % of the mean, Student's t with n - 1."""

    mean: float
    sd: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class McNemar:
    """only_first, only_second: images that one run alone has right. p: two-sided. exact: by the binomial distribution."""

    only_first: int
    only_second: int
    p: float
    exact: bool


@dataclass(frozen=True)
class Welch:
    """difference of two means (first - second), its 95 % interval, degrees of freedom, two-sided p."""

    difference: float
    interval: tuple[float, float]
    df: float
    p: float


def summarise_seeds(values: list[float]) -> SeedSummary:
    """Mean, standard deviation and mean ± t(0.975, n - 1) · sd / √n (Student, 1908, Biometrika 6:1).

    The interval takes the seeds' figures for draws from a normal distribution. It is about the training's mean on these
    test images, not about other images. Raises ValueError for fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("a deviation needs at least two values")
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    low, high = mean + stats.sem(values) * np.array(stats.t.interval(1 - LEVEL, len(values) - 1))
    return SeedSummary(mean, sd, (float(low), float(high)))


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Whether two classifiers are right equally often on the same images. first, second: (N,) bool, right or not.

    Below 25 discordant images the exact binomial test, else (|b - c| - 1)² / (b + c) as χ² with one degree of freedom
    (McNemar, 1947, Psychometrika 12:153; the correction: Edwards, 1948, Psychometrika 13:185).
    """
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    if b + c < _EXACT_BELOW:
        return McNemar(b, c, float(stats.binomtest(b, b + c).pvalue) if b + c else 1.0, exact=True)
    statistic = max(0, abs(b - c) - 1) ** 2 / (b + c)
    return McNemar(b, c, float(stats.chi2.sf(statistic, 1)), exact=False)


def bootstrap(
    labels: np.ndarray,
    predicted: np.ndarray,
    num_classes: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, np.ndarray]:
    """Accuracy and macro F1 of R runs on the same resamples of N images, drawn with replacement: each (R, resamples).

    labels: (N,), predicted: (R, N) class indices. Because the resamples are the same for every run, the difference of two
    rows is the bootstrap of the paired difference (Efron & Tibshirani, 1993, An Introduction to the Bootstrap, ch. 8, 13).
    Macro F1 is the mean over the classes that a resample holds, as in engine.evaluation.metrics.
    progress: wraps the parts of the work.
    """
    number, rng = len(labels), np.random.default_rng(seed)
    truth = np.eye(num_classes)[labels]
    answers, right = np.eye(num_classes)[predicted], (predicted == labels).astype(np.float64)
    found = {name: np.empty((len(predicted), resamples)) for name in ("accuracy", "macro_f1")}
    step = max(1, _CELLS // number)
    for start in progress(range(0, resamples, step)):
        part = slice(start, min(start + step, resamples))
        size = part.stop - start
        drawn = rng.integers(number, size=(size, number)) + number * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * number).reshape(size, number).astype(np.float64)
        for k in range(len(predicted)):
            found["accuracy"][k, part] = times @ right[k] / number
            found["macro_f1"][k, part] = resampled_macro_f1(times, truth, answers[k])
    return found


def percentile_interval(samples: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of bootstrapped values (Efron & Tibshirani, 1993, ch. 13)."""
    low, high = np.quantile(samples, (LEVEL / 2, 1 - LEVEL / 2))
    return float(low), float(high)


def bootstrap_p(differences: np.ndarray) -> float:
    """Two-sided p of "no difference": twice the smaller share of bootstrapped differences on one side of 0, ties on both.

    One is added to count and number, so that no finite number of resamples gives 0 (Davison & Hinkley, 1997, Bootstrap
    Methods and their Application, eq. 4.11). It is below 0.05 where the percentile interval leaves 0 out.
    """
    fewer = min((differences <= 0).sum(), (differences >= 0).sum())
    return min(1.0, 2 * float(fewer + 1) / (len(differences) + 1))


def holm(p_values: list[float]) -> list[float]:
    """p values of several tests, raised so that 5 % bounds the chance of any false alarm (Holm, 1979, Scand. J. Stat. 6:65)."""
    order = np.argsort(p_values, kind="stable")
    raised, highest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        raised[k] = highest
    return raised


def welch(first: list[float], second: list[float]) -> Welch | None:
    """Whether the means of two samples of independent runs differ, whatever their variances (Welch, 1947, Biometrika 34:28).

    None where neither sample varies: there is nothing to measure a difference by. Raises ValueError below two values.
    """
    a, b = summarise_seeds(first), summarise_seeds(second)
    if not a.sd and not b.sd:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where one of them does not vary, which is no loss of precision here
        test = stats.ttest_ind(first, second, equal_var=False)
    low, high = test.confidence_interval(1 - LEVEL)
    return Welch(a.mean - b.mean, (float(low), float(high)), float(test.df), float(test.pvalue))
