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
_DARK, _PALE, _LIGHT, _WHITE = (0, 0, 0, 150), (255, 255, 255, 90), (255, 255, 255, 170), (255, 255, 255, 255)
_LEAST_LETTER = 11  # pixels
_HANGUL = "ᄀ"  # from here on the letters that matplotlib's own font lacks

Place = tuple[float, float, float, float]


def draw_faces(image: Image.Image, rows: Sequence[FaceRow], classes: Sequence[str]) -> Image.Image:
    """A copy of `image` (RGB), at most LONGEST pixels per side, with what is predicted of its faces.

    Each has a box with its class and probability, in a video also its track's number, in a photograph its own where there are
    several; the largest six have a bar per class beside the box, where no other face is. Of the others those whose class would
    cover another face have their number alone. rows: boxes in pixels of `image`.
    classes: names by output.
    """
    scale = min(1.0, LONGEST / max(image.size))
    size = [max(1, round(side * scale)) for side in image.size]
    drawn = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0) if scale < 1 else image.copy()
    draw = ImageDraw.Draw(drawn, "RGBA")
    ordered = sorted(rows, key=lambda row: -row.box[2] * row.box[3])
    marks = [_Mark(row, [value * scale for value in row.box], drawn.size, classes, len(rows) > 1) for row in ordered]
    labels = [mark.label for mark in marks]
    for k, mark in enumerate(marks[_PANELS:], _PANELS):
        others = (other for n, other in enumerate(marks) if n != k)
        if any(_meet(labels[k], other.box) for other in others) or any(_meet(labels[k], labels[n]) for n in range(k)):
            mark.shorten()
    taken = [place for mark in marks for place in (mark.box, mark.label)]
    for mark in marks[:_PANELS]:
        panel = mark.panel(taken)
        if panel is not None:
            taken.append(panel)
            mark.draw_bars(draw, panel)
    for mark in reversed(marks):  # the largest over the others
        mark.draw(draw)
    return drawn


class _Mark:
    """What is drawn of one face; every place is left, top, right, bottom in pixels of an image of `size`.

    Letters are in proportion to the image, and no wider than suits the face.
    """

    def __init__(self, row: FaceRow, box: Sequence[float], size: tuple[int, int], classes: Sequence[str], are_several: bool):
        self.row, self.size, self.classes = row, size, classes
        x, y, width, height = box
        self.box = x, y, x + width, y + height
        self.letter = round(max(_LEAST_LETTER, min(size) / 72, min(min(size) / 36, width / 6)))
        self.line = max(2, round(min(size) / 240))
        self.number = f"{row.track or row.face}" if row.track or are_several else ""
        self.text = f"{self.number}{': ' * bool(self.number)}{classes[row.best]} {row.probabilities[row.best]:.2f}"
        self.label = self._label()

    def shorten(self) -> None:
        """Leave the class out of what is written."""
        self.text = self.number
        self.label = self._label()

    def _width(self, text: str) -> float:
        return _font(text, self.letter).getlength(text) + 0.7 * self.letter

    def _label(self) -> Place:
        """Above the box, below it where the image ends above."""
        width, height = self._width(self.text), 1.5 * self.letter
        left = min(max(0, self.box[0]), max(0, self.size[0] - width))
        top = self.box[1] - height if self.box[1] >= height else min(self.box[3], self.size[1] - height)
        return left, top, left + width, top + height

    def panel(self, taken: Sequence[Place]) -> Place | None:
        """A free place for the bars beside the box, None where there is none; a single face has one in any case."""
        width = self._width(max((self.classes[k] for k in self._shown()), key=self._width)) + 4.5 * self.letter
        height = (1.4 * len(self._shown()) + 0.4) * self.letter
        right, left = self.box[2] + self.line, self.box[0] - width - self.line
        top = min(max(0, self.box[1]), max(0, self.size[1] - height))
        above, below = min(self.box[1], self.label[1]) - height - self.line, max(self.box[3], self.label[3]) + self.line
        begin = min(max(0, self.box[0]), max(0, self.size[0] - width))
        for x, y in ((right, top), (left, top), (begin, below), (begin, above)):
            place = x, y, x + width, y + height
            within = x >= 0 and y >= 0 and place[2] <= self.size[0] and place[3] <= self.size[1]
            if within and not any(_meet(place, other) for other in taken):
                return place
        x = max(0, self.size[0] - width)
        return (x, top, x + width, top + height) if len(taken) == 2 else None

    def _shown(self) -> Sequence[int]:
        """The classes that have a bar."""
        order = np.argsort(-self.row.probabilities, kind="stable")
        return sorted(order[:_BARS]) if len(order) > _BARS else range(len(order))

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Draw the box and the class."""
        colour = _COLOURS[((self.row.track or 1) - 1) % len(_COLOURS)]
        draw.rectangle(self.box, outline=colour, width=self.line)
        draw.rectangle(self.label, fill=colour)
        self._write(draw, (self.label[0] + self.letter / 3, (self.label[1] + self.label[3]) / 2), self.text)

    def draw_bars(self, draw: ImageDraw.ImageDraw, panel: Place) -> None:
        """Draw a bar per class into `panel`."""
        _, top, right, _ = panel
        bar = 4.0 * self.letter
        begin = right - bar - 0.5 * self.letter
        draw.rectangle(panel, fill=_DARK)
        for number, k in enumerate(self._shown()):
            middle = top + (0.2 + 1.4 * (number + 0.5)) * self.letter
            self._write(draw, (begin - 0.35 * self.letter, middle), self.classes[k], "rm")
            high, low = middle - 0.35 * self.letter, middle + 0.35 * self.letter
            draw.rectangle((begin, high, begin + bar, low), fill=_PALE)
            fill = _WHITE if k == self.row.best else _LIGHT
            draw.rectangle((begin, high, begin + bar * float(self.row.probabilities[k]), low), fill=fill)

    def _write(self, draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, anchor: str = "lm") -> None:
        draw.text(place, text, font=_font(text, self.letter), fill=_WHITE, anchor=anchor)


def _meet(first: Place, second: Place) -> bool:
    """Whether two rectangles overlap."""
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """matplotlib's own, or NanumGothic where `text` has Korean letters."""
    return _loaded(max(text, default="") >= _HANGUL, size)


@lru_cache(maxsize=64)
def _loaded(is_korean: bool, size: int) -> ImageFont.FreeTypeFont:
    own = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(korean_font() or own if is_korean else own, size)
