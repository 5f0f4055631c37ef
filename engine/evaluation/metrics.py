"""What a table of predictions is worth. No drawing, no printing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_preprocessing.common.class_names import display_order


@dataclass(frozen=True)
class Metrics:
    """Figures of one split, all fractions between 0 and 1.

    accuracy, interval (its 95 % Wilson interval), balanced_accuracy and macro_f1 (means over the classes present in
    the data), precision, recall, f1, support: (C,) a class, confusion: (C, C) counts, rows true, columns predicted.
    """

    accuracy: float
    interval: tuple[float, float]
    balanced_accuracy: float
    macro_f1: float
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    confusion: np.ndarray


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson, 1927, J. Am. Stat. Assoc. 22:209). Raises ValueError without trials."""
    if trials < 1:
        raise ValueError("an interval needs at least one trial")
    share, z = successes / trials, 1.959963984540054  # the normal distribution's 97.5 % quantile
    scale = 2 * (trials + z**2)
    centre = (2 * trials * share + z**2) / scale
    half = z / scale * math.sqrt(4 * trials * share * (1 - share) + z**2)
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == trials else centre + half)


def compute_metrics(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> Metrics:
    """labels, predicted: (N,) class indices, N ≥ 1 -> Metrics. A class that no image has counts in no mean."""
    confusion = np.bincount(labels * num_classes + predicted, minlength=num_classes**2).reshape(num_classes, num_classes)
    right, support, answered = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall, f1 = _quotient(right, answered), _quotient(right, support), _quotient(2 * right, support + answered)
    hits = int(right.sum())
    present = support > 0
    return Metrics(
        accuracy=hits / len(labels),
        interval=wilson_interval(hits, len(labels)),
        balanced_accuracy=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        confusion=confusion,
    )


def _quotient(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """(C,) counts -> (C,) fractions, 0 where there is nothing to take one of."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def displayed(metrics: Metrics, classes: Sequence[str]) -> tuple[Metrics, tuple[str, ...]]:
    """Figures and classes in the order in which they are shown."""
    order = display_order(classes)
    by_class = {name: getattr(metrics, name)[order] for name in ("precision", "recall", "f1", "support")}
    shown = replace(metrics, **by_class, confusion=metrics.confusion[np.ix_(order, order)])
    return shown, tuple(classes[k] for k in order)


def format_table(metrics: Metrics, classes: tuple[str, ...]) -> str:
    """The headline figures and a line per class, as text; a class without images has a dash for recall and F1."""
    metrics, classes = displayed(metrics, classes)
    low, high = metrics.interval
    width = max(map(len, (*classes, "class")))
    lines = [
        f"accuracy {100 * metrics.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f}), "
        f"balanced accuracy {100 * metrics.balanced_accuracy:.2f} %, macro F1 {metrics.macro_f1:.4f}, "
        f"{metrics.support.sum()} images",
        f"{'class':<{width}}  precision  recall      F1  support",
    ]
    for k, name in enumerate(classes):
        recall, f1 = (f"{value[k]:.4f}" if metrics.support[k] else "-" for value in (metrics.recall, metrics.f1))
        lines.append(f"{name:<{width}}  {metrics.precision[k]:9.4f}  {recall:>6}  {f1:>6}  {metrics.support[k]:7d}")
    return "\n".join(lines)
