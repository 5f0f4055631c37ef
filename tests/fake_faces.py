"""A face finder for tests that needs no package: it finds the squares with a coloured corner that `marked` draws."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import FINDERS, Face
from data_preprocessing.faces.alignment import TEMPLATE, TEMPLATE_SIDE
from data_preprocessing.faces.finders import Packaged

RED, GREEN, PLAIN = (255, 0, 0), (0, 255, 0), (0, 0, 255)
SIDE = 48  # pixels of a face where nothing else is said
CORNER = 6  # times the mark's side is the face's; 8 pixels of SIDE survive a video's colours


def marked(
    faces: Sequence[np.ndarray], places: Sequence[tuple[int, int]], size: tuple[int, int] = (320, 240), colour=GREEN
) -> np.ndarray:
    """A dark image (H, W, 3) of `size` (width, height) with `faces`, each square, at `places` (x, y), marked."""
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    for face, (x, y) in zip(faces, places):
        side = len(face)
        image[y : y + side, x : x + side] = face
        image[y : y + side // CORNER, x : x + side // CORNER] = colour
    return image


def plain_squares(*squares: tuple[int, int, int], size: tuple[int, int] = (200, 150), colour=RED) -> Image.Image:
    """An image of `size` with a marked square of the colour PLAIN at x, y, of that side (a multiple of CORNER), for each."""
    faces = [np.full((side, side, 3), PLAIN, np.uint8) for _, _, side in squares]
    return Image.fromarray(marked(faces, [square[:2] for square in squares], size, colour))


def some_faces(count: int) -> list[np.ndarray]:
    """Smooth random squares (SIDE, SIDE, 3) without red or green."""
    generator = np.random.default_rng(3)
    patches = generator.integers(0, 120, (count, 4, 4), dtype=np.uint8)
    return [np.asarray(Image.fromarray(patch).resize((SIDE, SIDE)).convert("RGB")) for patch in patches]


class MarkFinder:
    """Finds the marked squares: with the template's points where the mark is red, without points where it is green."""

    name = "marks"

    def __init__(self, model_file: Path | None = None, threads: int = 0):
        pass

    def find(self, image: Image.Image) -> list[Face]:
        """As Finder.find."""
        values, found = np.asarray(image).astype(int), []
        for colour in (RED, GREEN):
            marks = (values[..., np.argmax(colour)] > 150) & ((values > 110).sum(axis=2) == 1)
            while marks.any():
                y, x = np.argwhere(marks)[0]
                part = int(np.argmin(np.append(marks[y, x:], False)))
                marks[max(y - 4, 0) : y + part + 4, max(x - 4, 0) : x + part + 4] = False
                side = CORNER * part
                points = TEMPLATE * (side / TEMPLATE_SIDE) + (x, y) if colour == RED else None
                found.append(Face((float(x), float(y), float(side), float(side)), 0.9, points))
        return found

    def follow(self, image: Image.Image, last: Sequence[Face]) -> None:
        """As Finder.follow: every frame is searched."""


def use_marks(monkeypatch: pytest.MonkeyPatch, name: str = "yunet") -> None:
    """Have --finder `name` find marked squares."""
    monkeypatch.setitem(FINDERS, name, Packaged("tests.fake_faces", "MarkFinder", (), "numpy", ""))
