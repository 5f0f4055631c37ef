"""Fixtures that several test files share: generated images and folders of them."""

import gc
from pathlib import Path

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from tests.short_poster import short_poster

_LONG = ("cli", "engine", "faults", "models")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders with long files first: with two processes none is left to one of them at the end."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in _LONG)


def pytest_collection_finish() -> None:
    """What collection has imported stays to the end: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def constrained_layout():
    """Figures of whole runs are drawn without their layout, half of their time, and most of that of a small run.

    Yields what lays them out, for the tests of the figures themselves.
    """
    with pytest.MonkeyPatch.context() as patch:
        execute = ConstrainedLayoutEngine.execute
        patch.setattr(ConstrainedLayoutEngine, "execute", lambda engine, figure: None)
        yield execute


@pytest.fixture(name="short_poster")
def short_poster_fixture():
    """In the test, a POSTER has a short image backbone (tests.short_poster)."""
    with short_poster():
        yield


@pytest.fixture(scope="session")
def make_image():
    """make_image(seed, size=(width, height)): an RGB image of coarse random patches."""

    def make(seed: int = 0, size: tuple[int, int] = (40, 40)) -> Image.Image:
        patches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture(scope="session")
def make_faces(make_image):
    """make_faces(root, {split: {class: number}}): root/<split>/<class>/0.png ..., all different; returns root."""

    def make(root, tree: dict[str, dict[str, int]], size: tuple[int, int] = (40, 40)):
        seed = 0
        for split, classes in tree.items():
            for name, number in classes.items():
                folder = root / split / name
                folder.mkdir(parents=True)
                for k in range(number):
                    make_image(seed, size).save(folder / f"{k}.png")
                    seed += 1
        return root

    return make
