"""Which images of a split are shown where. No drawing, no reading."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.evaluation.predictions import Predictions

SHOWN_IN_LIST = 24
SHOWN_IN_CELL = 24
MOST_CLASSES = 30  # a matrix of more is no table that anybody reads
MOST_PAIRS = 100


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix: indices of classes, of all its images the number, and of those to show the indices."""

    true: int
    predicted: int
    images: int
    shown: tuple[int, ...]


def confident_mistakes(predictions: Predictions) -> list[int]:
    """Indices of at most SHOWN_IN_LIST wrong images, the most confident first."""
    confidence = _confidence(predictions)
    wrong = np.flatnonzero(predictions.predicted != predictions.labels)
    return wrong[np.argsort(-confidence[wrong], kind="stable")][:SHOWN_IN_LIST].tolist()


def doubtful_hits(predictions: Predictions) -> list[int]:
    """Indices of at most SHOWN_IN_LIST right images, the least confident first."""
    confidence = _confidence(predictions)
    right = np.flatnonzero(predictions.predicted == predictions.labels)
    return right[np.argsort(confidence[right], kind="stable")][:SHOWN_IN_LIST].tolist()


def cells(predictions: Predictions) -> list[Cell]:
    """Every cell that has images, the largest mistake first, hits last.

    Of mistakes the most confident images are shown, of hits the least confident.
    """
    confidence, predicted = _confidence(predictions), predictions.predicted
    keys = predictions.labels * predictions.probabilities.shape[1] + predicted
    order = np.argsort(np.where(predicted == predictions.labels, confidence, -confidence), kind="stable")
    order = order[np.argsort(keys[order], kind="stable")]
    found = []
    for group in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
        true, guess = int(predictions.labels[group[0]]), int(predicted[group[0]])
        found.append(Cell(true, guess, len(group), tuple(group[:SHOWN_IN_CELL].tolist())))
    return sorted(found, key=lambda cell: (cell.true == cell.predicted, -cell.images))


def shown_cells(cells: Sequence[Cell], number_of_classes: int) -> list[Cell]:
    """Those that the page has: all, or of many classes the largest mistakes."""
    if number_of_classes <= MOST_CLASSES:
        return list(cells)
    return [cell for cell in cells if cell.true != cell.predicted][:MOST_PAIRS]


def _confidence(predictions: Predictions) -> np.ndarray:
    return np.nan_to_num(predictions.probabilities.max(axis=1).astype(np.float64))
