"""What stands beside the figures of a split: 95 % intervals of a class's figures, and calibration. No drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data_preprocessing.common.words import quantity
from engine.evaluation.metrics import Metrics, wilson_interval
from engine.evaluation.predictions import Predictions

BINS = 15  # as in Guo et al. (2017)
RESAMPLES = 10_000
_SEED = 0  # of every bootstrap here
_MOST_DRAWN = 2_000_000  # numbers of a bootstrap over persons at a time
_PART = 500  # of them at a time, to bound the memory
_IMAGES_PER_CELL = 10  # with fewer, drawing images one by one is faster than drawing the counts of cells
Interval = tuple[float, float] | None  # None: no image to compute it from


@dataclass(frozen=True)
class ClassIntervals:
    """95 % intervals of one class, fractions."""

    precision: Interval
    recall: Interval
    f1: Interval


@dataclass(frozen=True)
class Calibration:
    """How far the probability of the predicted class (its confidence) can be believed.

    ece: expected calibration error; gap: mean confidence less accuracy, above 0 where the network believes too much.
    counts, confidence, accuracy: (15,) of each bin, means 0 where it is empty.
    """

    ece: float
    gap: float
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


@dataclass(frozen=True)
class PooledIntervals:
    """95 % intervals of the figures of a cross-validation, fractions. over: what was drawn again, "652 persons"."""

    accuracy: tuple[float, float]
    balanced_accuracy: tuple[float, float]
    macro_f1: tuple[float, float]
    over: str


def pooled_intervals(labels: np.ndarray, predicted: np.ndarray, number: int, persons: Sequence[str] | None) -> PooledIntervals:
    """Percentile bootstrap over persons, each drawn with all its images; without persons over images. 10,000 resamples.

    labels, predicted: (N,) indices of `number` classes. Images of one person are alike, so drawing images one by one would
    make the intervals too narrow: the units that are drawn are the independent ones (the cluster bootstrap of Davison &
    Hinkley, 1997, Bootstrap Methods and their Application, section 3.8; Field & Welsh, 2007, J. R. Stat. Soc. B 69:369).
    Means are over the classes that a resample holds, as in engine.evaluation.metrics.
    """
    cells = labels * number + predicted
    if persons is None:  # images of one cell are alike: draw how many of each
        held, counts = np.unique(cells, return_counts=True)
        confusions = np.eye(number * number)[held]
    else:
        names, who = np.unique(np.array(persons), return_inverse=True)
        counts, confusions = np.ones(len(names), int), np.zeros((len(names), number * number))
        np.add.at(confusions, (who, cells), 1)
    rng, drawn, found = np.random.default_rng(_SEED), counts.sum(), []
    step = max(1, _MOST_DRAWN // len(counts))
    for start in range(0, RESAMPLES, step):
        times = rng.multinomial(drawn, counts / drawn, min(step, RESAMPLES - start)).astype(np.float64)
        found.append(_figures((times @ confusions).reshape(-1, number, number)))
    low, high = np.percentile(np.concatenate(found, axis=1), (2.5, 97.5), axis=1)
    over = quantity(int(drawn), "image" if persons is None else "person")
    return PooledIntervals(*((float(a), float(b)) for a, b in zip(low, high)), over)


def _figures(confusions: np.ndarray) -> np.ndarray:
    """(R, C, C) confusion matrices -> (3, R) accuracies, balanced accuracies and macro F1."""
    hits, support = np.einsum("rcc->rc", confusions), confusions.sum(axis=2)
    present = support > 0
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + confusions.sum(axis=1), 1)
    means = ((values * present).sum(axis=1) / present.sum(axis=1) for values in (recall, f1))
    return np.stack([hits.sum(axis=1) / support.sum(axis=1), *means])


def class_intervals(metrics: Metrics) -> list[ClassIntervals]:
    """Of every class: Wilson's interval of precision and recall, f1_interval of F1; of a class without images no F1."""
    hits, actual, predicted = np.diag(metrics.confusion), metrics.confusion.sum(axis=1), metrics.confusion.sum(axis=0)
    return [
        ClassIntervals(_wilson(h, p), _wilson(h, a), f1_interval(int(h), int(p - h), int(a - h)) if a else None)
        for h, a, p in zip(hits, actual, predicted)
    ]


def f1_interval(hits: int, false: int, missed: int) -> Interval:
    """95 % interval of a class's F1, from its true positives, false positives and false negatives.

    F* = TP / (TP + FP + FN) is a proportion of the images that are or are called the class, and F1 = 2 F* / (1 + F*)
    rises with it: Wilson's interval of F*, carried over (the "Wilson indirect" interval of Lam, Gopal and Qian, 2023,
    "Confidence intervals for the F1 score: a comparison of four methods", arXiv:2309.14621).
    """
    share = _wilson(hits, hits + false + missed)
    return share and tuple(2 * bound / (1 + bound) for bound in share)


def macro_f1_interval(metrics: Metrics) -> tuple[float, float]:
    """95 % interval of the macro F1: percentile bootstrap (Efron, 1979, Ann. Stat. 7:1) over the images, 10,000 resamples.

    Only the cells of the confusion matrix matter to it, so a resample is one multinomial draw of those that hold images.
    """
    return _bootstrapped_macro_f1(len(metrics.confusion), tuple(metrics.confusion.ravel().tolist()))


@lru_cache(maxsize=4)  # the page and result.json show the same interval
def _bootstrapped_macro_f1(number: int, cells: tuple[int, ...]) -> tuple[float, float]:
    """cells: the (number, number) confusion matrix, row by row."""
    counts = np.array(cells)
    held = np.flatnonzero(counts)
    true, called = np.eye(number)[held // number], np.eye(number)[held % number]  # (K, C) each
    rng, means = np.random.default_rng(_SEED), []
    for _ in range(0, RESAMPLES, _PART):
        means.append(resampled_macro_f1(_resampled(rng, counts[held]).astype(np.float64), true, called))
    low, high = np.percentile(np.concatenate(means), (2.5, 97.5))
    return float(low), float(high)


def resampled_macro_f1(times: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Macro F1 of each resample, (resamples,): the mean over the classes that it holds, as in engine.evaluation.metrics.

    times: (resamples, K) how often each of K images, or cells of images, was drawn; true, predicted: (K, C), one-hot.
    """
    support, total = times @ true, times @ (true + predicted)
    f1 = 2 * (times @ (true * predicted)) / np.maximum(total, 1)
    return f1.sum(axis=1) / (support > 0).sum(axis=1)


def _resampled(rng: np.random.Generator, counts: np.ndarray) -> np.ndarray:
    """_PART draws of as many images as there are, from cells of counts (K,) images: (_PART, K) counts."""
    number, cells = counts.sum(), len(counts)
    if number >= _IMAGES_PER_CELL * cells:
        return rng.multinomial(number, counts / number, _PART)
    image_cells = np.repeat(np.arange(cells), counts)
    return np.stack([np.bincount(image_cells[rng.integers(number, size=number)], minlength=cells) for _ in range(_PART)])


def calibration(predictions: Predictions) -> Calibration:
    """Reliability in 15 equal bins of confidence, ((m - 1) / 15, m / 15], and the expected calibration error.

    ECE = Σ n_m / n |accuracy_m - confidence_m| (Guo et al., 2017, "On calibration of modern neural networks", ICML,
    equation 3).
    """
    confidence = np.nan_to_num(predictions.probabilities.max(axis=1).astype(np.float64))
    hits = (predictions.predicted == predictions.labels).astype(np.float64)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    means = [np.bincount(bins, values, BINS) / np.maximum(counts, 1) for values in (confidence, hits)]
    ece = float((counts * np.abs(means[1] - means[0])).sum() / len(hits))
    return Calibration(ece, float(confidence.mean() - hits.mean()), counts, *means)


def extended(result: dict, predictions: Predictions) -> dict:
    """`result` of engine.commands.results with what is computed here, plain numbers; bounds are [low, high] or null.

    Adds macro_f1_interval; precision_interval, recall_interval, f1_interval to every class; calibration: ece, gap, and of
    each bin images, confidence and accuracy.
    """
    metrics = predictions.metrics()
    intervals, reliability = class_intervals(metrics), calibration(predictions)
    classes = {
        name: {**figures, **{f"{what}_interval": getattr(bounds, what) for what in ("precision", "recall", "f1")}}
        for (name, figures), bounds in zip(result["classes"].items(), intervals)
    }
    bins = [
        {"pictures": int(n), "confidence": float(c), "accuracy": float(a)}
        for n, c, a in zip(reliability.counts, reliability.confidence, reliability.accuracy)
    ]
    more = {"ece": reliability.ece, "gap": reliability.gap, "bins": bins}
    return {**result, "macro_f1_interval": macro_f1_interval(metrics), "classes": classes, "calibration": more}


def _wilson(hits: int, trials: int) -> Interval:
    return wilson_interval(int(hits), int(trials)) if trials else None
