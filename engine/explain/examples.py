"""The faces that are shown with their maps: of each class the most confident right and the most confident wrong answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from engine.evaluation.predictions import Predictions
from engine.explain.columns import Column
from engine.explain.drawing import overlay
from engine.figures.plots import font_families, save_figure

MOST = 16  # images
_TILE, _GAP, _NAME, _HEAD, _NOTE, _DPI = 112, 8, 118, 52, 18, 100  # pixels
_WIDEST = 1300


@dataclass(frozen=True)
class Example:
    """An image of the split by its number, and what was said of it."""

    number: int
    true: str
    predicted: str
    probability: float


def choose_examples(predictions: Predictions, classes: tuple[str, ...]) -> list[Example]:
    """Of each class in turn its most confident right answer and mistake, the first of equals; MOST in all."""
    confidence = predictions.probabilities.max(axis=1)
    found = []
    for k, name in enumerate(classes):
        for right in (True, False):
            numbers = np.flatnonzero((predictions.labels == k) & ((predictions.predicted == k) == right))
            if len(numbers):
                best = int(numbers[confidence[numbers].argmax()])
                found.append(Example(best, name, classes[predictions.predicted[best]], float(confidence[best])))
    return found[:MOST]


def draw_examples(examples: Sequence[Example], faces: np.ndarray, columns: Sequence[Column], title: str, path: Path) -> None:
    """A row an example: its names and probability, the face (N, H, W, 3) 8-bit, and each column's map over it, as a PNG."""
    width = _NAME + (1 + len(columns)) * (_TILE + _GAP)
    across = min(len(examples), max(1, _WIDEST // width))
    down = -(-len(examples) // across)
    sheet = np.full((2 * _NOTE + _HEAD + down * (_TILE + _NOTE), across * width + _GAP, 3), 255, np.uint8)
    style = {"font.family": font_families(), "font.size": 8, "text.parse_math": False}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(sheet.shape[1] / _DPI, sheet.shape[0] / _DPI), dpi=_DPI)
        write = _Writer(figure, sheet.shape)
        write(_GAP, 8, title, sheet.shape[1] - 2 * _GAP, size=10, va="top")
        for block in range(across):
            for k, column in enumerate(columns):
                write(
                    _left(block * width, k + 1) + _TILE / 2,
                    2 * _NOTE + _HEAD / 2,
                    "\n".join(column.heading),
                    _TILE + _GAP,
                    ha="center",
                )
        for k, example in enumerate(examples):
            row, block = k % down, k // down
            x, y = block * width, 2 * _NOTE + _HEAD + row * (_TILE + _NOTE)
            _write_names(write, x + _GAP, y, example)
            tiles = [faces[k], *(overlay(faces[k], column.maps[k].cpu().numpy()) for column in columns)]
            for place, tile in enumerate(tiles):
                left = _left(x, place)
                sheet[y : y + _TILE, left : left + _TILE] = _tile(tile)
                note = columns[place - 1].notes[k] if place else ""
                write(left + _TILE / 2, y + _TILE + _NOTE / 2 - 1, note, _TILE + _GAP, ha="center", color="#444444")
        figure.figimage(sheet, zorder=-1)
        save_figure(figure, path)


def _left(x: int, place: int) -> int:
    return x + _NAME + place * (_TILE + _GAP)


def _tile(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.BICUBIC))


class _Writer:
    """Text on a figure, placed in pixels from its top left corner, cut where it would be wider than it may."""

    def __init__(self, figure: Figure, shape: tuple[int, ...]):
        self.figure, self.height, self.width = figure, shape[0], shape[1]

    def __call__(self, x: float, y: float, text: str, most: float, ha: str = "left", va: str = "center", **style) -> Text:
        drawn = self.figure.text(x / self.width, 1 - y / self.height, text, ha=ha, va=va, linespacing=1.3, **style)
        while len(text) > 1 and drawn.get_window_extent().width > most:
            text = text[:-1]
            drawn.set_text(text + "…")
        return drawn


def _write_names(write: _Writer, x: float, y: float, example: Example) -> None:
    right = example.true == example.predicted
    lines = [
        (" ".join(example.true.split()), {"weight": "bold"}),
        ("predicted:" if right else "taken for:", {}),
        (" ".join(example.predicted.split()), {"color": "#1a7f37" if right else "#b3261e", "weight": "bold"}),
        (f"{100 * example.probability:.1f} %", {}),
    ]
    for k, (text, style) in enumerate(lines):
        write(x, y + 22 + 19 * k, text, _NAME - 2 * _GAP, size=9, **style)
