"""Photographs and frames with boxes around the faces, their classes and a bar per class."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.figures.plots import TRAIN_COLOUR, korean_font
from engine.prediction.faces.rows import FaceRow

LONGEST = 1920  # pixels of the longer side; larger ones are drawn smaller
_BARS = 8  # classes with a bar, of more the most probable
_PANELS = 6  # faces with bars, of more the largest; the others have their class alone
_COLOURS = (TRAIN_COLOUR, "#d95f02", "#1b9e77", "#e7298a", "#7570b3", "#a6761d")  # of tracks in turn
_DARK, _PALE, _WHITE = (0, 0, 0, 150), (255, 255, 255, 90), (255, 255, 255, 255)
_HANGUL = "ᄀ"  # from here on the letters that matplotlib's own font lacks


def draw_faces(image: Image.Image, rows: Sequence[FaceRow], classes: Sequence[str]) -> Image.Image:
    """A copy of `image` (RGB), at most LONGEST pixels a side, with what is predicted of its faces.

    Each has a box with its class and probability, in a video also its track's number, in a photograph its own where there are
    several; the largest six have a bar per class
    beside the box. rows: boxes in pixels of `image`. classes: names by output.
    """
    scale = min(1.0, LONGEST / max(image.size))
    size = [max(1, round(side * scale)) for side in image.size]
    drawn = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0) if scale < 1 else image.copy()
    pen = _Pen(ImageDraw.Draw(drawn, "RGBA"), drawn.size, classes, len(rows) > 1)
    ordered = sorted(rows, key=lambda row: -row.box[2] * row.box[3])
    for number, row in reversed(list(enumerate(ordered))):  # the largest last, over the others
        pen.face(row, [value * scale for value in row.box], number < _PANELS)
    return drawn


class _Pen:
    """Draws on one image; letters and lines are in proportion to it."""

    def __init__(self, draw: ImageDraw.ImageDraw, size: tuple[int, int], classes: Sequence[str], are_several: bool):
        self.draw, self.size, self.classes, self.are_several = draw, size, classes, are_several
        self.letter = max(11, round(min(size) / 36))
        self.line = max(2, round(min(size) / 240))

    def face(self, row: FaceRow, box: Sequence[float], has_bars: bool) -> None:
        x, y, width, height = box
        colour = _COLOURS[((row.track or 1) - 1) % len(_COLOURS)]
        self.draw.rectangle((x, y, x + width, y + height), outline=colour, width=self.line)
        number = f"{row.track or row.face}: " if row.track or self.are_several else ""
        text = f"{number}{self.classes[row.best]} {row.probabilities[row.best]:.2f}"
        label = self._extent(text)
        left = min(max(0, x), max(0, self.size[0] - label[0]))
        top = y - label[1] if y >= label[1] else min(y + height, self.size[1] - label[1])
        self.draw.rectangle((left, top, left + label[0], top + label[1]), fill=colour)
        self._write((left + self.letter / 3, top + label[1] / 2), text)
        if has_bars:
            self._bars(row, box)

    def _extent(self, text: str) -> tuple[float, float]:
        return _font(text, self.letter).getlength(text) + 0.7 * self.letter, 1.5 * self.letter

    def _write(self, place: tuple[float, float], text: str, anchor: str = "lm") -> None:
        self.draw.text(place, text, font=_font(text, self.letter), fill=_WHITE, anchor=anchor)

    def _bars(self, row: FaceRow, box: Sequence[float]) -> None:
        """The panel of bars: right of the box, where that leaves the image left of it, else inside."""
        order = np.argsort(-row.probabilities, kind="stable")
        shown = sorted(order[:_BARS]) if len(order) > _BARS else range(len(order))
        names = max(self._extent(self.classes[k])[0] for k in shown)
        step, bar = 1.4 * self.letter, 4.0 * self.letter
        width, height = names + bar + 0.5 * self.letter, step * len(shown) + 0.4 * self.letter
        right, before = box[0] + box[2] + self.line, box[0] - width - self.line
        left = right if right + width <= self.size[0] else before if before >= 0 else max(0, self.size[0] - width)
        top = min(max(0, box[1]), max(0, self.size[1] - height))
        self.draw.rectangle((left, top, left + width, top + height), fill=_DARK)
        for place, k in enumerate(shown):
            middle = top + 0.2 * self.letter + step * (place + 0.5)
            self._write((left + names - 0.35 * self.letter, middle), self.classes[k], "rm")
            frame = (left + names, middle - 0.35 * self.letter, left + names + bar, middle + 0.35 * self.letter)
            self.draw.rectangle(frame, fill=_PALE)
            filled = (*frame[:2], frame[0] + bar * float(row.probabilities[k]), frame[3])
            self.draw.rectangle(filled, fill=_WHITE if k == row.best else (255, 255, 255, 170))


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """matplotlib's own, or NanumGothic where `text` has Korean letters."""
    return _loaded(max(text, default="") >= _HANGUL, size)


@lru_cache(maxsize=64)
def _loaded(is_korean: bool, size: int) -> ImageFont.FreeTypeFont:
    own = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(korean_font() or own if is_korean else own, size)
