"""A face finder for tests that needs no package: it finds the red squares that `marked` draws."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data_preprocessing.faces import FINDERS, Face
from data_preprocessing.faces.alignment import TEMPLATE, TEMPLATE_SIDE
from data_preprocessing.faces.finders import Packaged

RED, GREEN = (255, 0, 0), (0, 255, 0)


class FakeFinder:
    """Every square of `marked` is a face whose points are the template's; one drawn green has none."""

    name = "fake"

    def __init__(self, model_file: Path | None = None, threads: int = 0):
        pass

    def find(self, image: Image.Image) -> list[Face]:
        """As Finder.find."""
        pixels = np.asarray(image).astype(int)
        found = []
        for colour in (RED, GREEN):
            inside = np.abs(pixels - colour).max(axis=2) < 60
            while inside.any():
                y, x = np.argwhere(inside)[0]
                side = int(np.argmin(np.append(inside[y, x:], False)))
                inside[y : y + side, max(x - 2, 0) : x + side + 2] = False
                points = TEMPLATE * (side / TEMPLATE_SIDE) + (x, y) if colour == RED else None
                found.append(Face((float(x), float(y), float(side), float(side)), 0.9, points))
        return found


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have --finder fake."""
    monkeypatch.setitem(FINDERS, "fake", Packaged("tests.fake_finder", "FakeFinder", (), "numpy", ""))


def marked(*squares: tuple[int, int, int], size: tuple[int, int] = (200, 150), colour=RED) -> Image.Image:
    """A grey image of `size` (width, height) with a square at x, y of that side for each of `squares`."""
    image = Image.new("RGB", size, (90, 90, 90))
    for x, y, side in squares:
        ImageDraw.Draw(image).rectangle((x, y, x + side - 1, y + side - 1), fill=colour)
    return image
