"""Images on the page, with what they are and what they were taken for, as HTML."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from data_preprocessing.common.html import render_template
from data_preprocessing.common.words import quantity
from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report.selection import Cell
from engine.report.thumbnails import SIDE, Thumbnails

_LONGEST_NAME, _LONGEST_PATH = 40, 60  # characters
_FACE, _CELLS = (Path(__file__).with_name(name) for name in ("face.html", "cells.html"))


def class_name(name: str) -> str:
    """A class's name for the page: cut in the middle where it is very long."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


class Faces:
    """What draws single images of a split; each is an <li>."""

    def __init__(self, predictions: Predictions, split: Split, classes: Sequence[str], thumbnails: Thumbnails):
        self._predictions, self._split, self._classes, self._thumbnails = predictions, split, classes, thumbnails
        self._predicted = predictions.predicted

    def item(self, index: int) -> Markup:
        """The image, its class, the class that it was taken for where that is another, the confidence, its name."""
        true, guess = int(self._predictions.labels[index]), int(self._predicted[index])
        path = self._split.paths[index]
        return render_template(
            _FACE,
            source=self._thumbnails.get(self._split, index),
            side=SIDE,
            name=path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}",
            is_right=true == guess,
            label=class_name(self._classes[true]),
            guess=class_name(self._classes[guess]),
            confidence=float(np.nan_to_num(self._predictions.probabilities[index, guess])),
        )


def cell_title(cell: Cell, classes: Sequence[str], row_total: int) -> str:
    """What a cell holds, in words."""
    true, guess = class_name(classes[cell.true]), class_name(classes[cell.predicted])
    what = f"{true} recognised" if cell.true == cell.predicted else f"{true} taken for {guess}"
    return f"{what}: {quantity(cell.images, 'image')}, {100 * cell.images / row_total:.1f} % of {true}"


def cell_templates(cells: Sequence[Cell], title: Callable[[Cell], str], item: Callable[[int], str], budget: int) -> Markup:
    """A <template> with the images of each cell, of at most about `budget` characters in all.

    One image of every cell comes before the second of any, so that where there is no room for all no cell is empty.
    """
    items: list[list[str]] = [[] for _ in cells]
    left = budget - sum(len(title(cell)) + 300 for cell in cells)
    for place in range(max((len(cell.shown) for cell in cells), default=0)):
        for number, cell in enumerate(cells):
            if place < len(cell.shown) and left > 0:
                items[number].append(item(cell.shown[place]))
                left -= len(items[number][-1])
    return render_template(_CELLS, cells=list(zip(cells, items)), title=title)
