"""Fixtures that several test files share: generated images and folders of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_LONG = ("cli", "engine", "faults", "models")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders with long files first: with two processes none is left to one of them at the end."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in _LONG)


@pytest.fixture(scope="session")
def make_picture():
    """make_picture(seed, size=(width, height)): an RGB image of coarse random patches."""

    def make(seed: int = 0, size: tuple[int, int] = (40, 40)) -> Image.Image:
        patches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)

    return make


@pytest.fixture(scope="session")
def make_faces(make_picture):
    """make_faces(root, {split: {class: number}}): root/<split>/<class>/0.png ..., all different; returns root."""

    def make(root, tree: dict[str, dict[str, int]], size: tuple[int, int] = (40, 40)):
        seed = 0
        for split, classes in tree.items():
            for name, number in classes.items():
                folder = root / split / name
                folder.mkdir(parents=True)
                for k in range(number):
                    make_picture(seed, size).save(folder / f"{k}.png")
                    seed += 1
        return root

    return make
