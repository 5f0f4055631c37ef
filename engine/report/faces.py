"""Pictures on the page, with what they are and what they were taken for, as HTML."""

from collections.abc import Callable, Sequence

import numpy as np

from data_preprocessing.common.html import escaped
from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report.selection import Cell
from engine.report.thumbnails import SIDE, Thumbnails

_LONGEST_NAME, _LONGEST_PATH = 40, 60  # characters


def class_name(name: str) -> str:
    """A class's name for the page: escaped, and cut in the middle where it is very long."""
    half = _LONGEST_NAME // 2
    return escaped(name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}")


class Faces:
    """What draws single pictures of a split; each is an <li>."""

    def __init__(self, predictions: Predictions, split: Split, classes: Sequence[str], thumbnails: Thumbnails):
        self._predictions, self._split, self._classes, self._thumbnails = predictions, split, classes, thumbnails
        self._predicted = predictions.predicted

    def item(self, index: int) -> str:
        """The picture, its class, the class that it was taken for where that is another, the confidence, its name."""
        true, guess = int(self._predictions.labels[index]), int(self._predicted[index])
        path = self._split.paths[index]
        name = escaped(path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH:]}")
        confidence = 100 * float(np.nan_to_num(self._predictions.probabilities[index, guess]))
        what = class_name(self._classes[true])
        verdict = f"<b>{what}</b>" if true == guess else f"{what} → <b>{class_name(self._classes[guess])}</b>"
        return (
            f'<li>{self._image(index, name)}<span class="verdict">{verdict}</span>'
            f'<span class="confidence">{confidence:.1f} %</span><bdi class="path">{name}</bdi></li>'
        )

    def _image(self, index: int, name: str) -> str:
        source = self._thumbnails.get(self._split, index)
        if source:
            return f'<img src="{source}" width="{SIDE}" height="{SIDE}" alt="{name}">'
        return f'<span class="missing">{"not read for lack of time" if source is None else "cannot be read"}</span>'

    def gallery(self, indices: Sequence[int]) -> str:
        """Several pictures."""
        return f'<ul class="faces">{"".join(map(self.item, indices))}</ul>'


def cell_title(cell: Cell, classes: Sequence[str], row_total: int) -> str:
    """What a cell holds, in words."""
    true, guess = class_name(classes[cell.true]), class_name(classes[cell.predicted])
    what = f"{true} recognised" if cell.true == cell.predicted else f"{true} taken for {guess}"
    return f"{what}: {cell.pictures:,} picture{'s' * (cell.pictures != 1)}, {100 * cell.pictures / row_total:.1f} % of {true}"


def cell_templates(cells: Sequence[Cell], title: Callable[[Cell], str], item: Callable[[int], str], budget: int) -> str:
    """A <template> with the pictures of each cell, of at most about `budget` characters in all.

    One picture of every cell comes before the second of any, so that where there is no room for all no cell is empty.
    """
    items: list[list[str]] = [[] for _ in cells]
    heads = [f'<h3 id="cell-title">{title(cell)}</h3>' for cell in cells]
    left = budget - sum(len(head) + 300 for head in heads)
    for place in range(max((len(cell.shown) for cell in cells), default=0)):
        for number, cell in enumerate(cells):
            if place < len(cell.shown) and left > 0:
                items[number].append(item(cell.shown[place]))
                left -= len(items[number][-1])
    parts = []
    for cell, head, shown in zip(cells, heads, items):
        order = "least" if cell.true == cell.predicted else "most"
        rest = f"<p>The {len(shown)} {order} confident; predictions.csv has all.</p>" * (len(shown) < cell.pictures)
        content = f'{head}{rest}<ul class="faces">{"".join(shown)}</ul>'
        parts.append(f'<template id="c{cell.true}-{cell.predicted}">{content}</template>')
    return "\n".join(parts)
