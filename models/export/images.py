"""Images to compare, calibrate and test an exported file with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import files_below
from data_preprocessing.sources.folders import Split, read_split
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.synthetic.drawing import draw_face
from data_preprocessing.synthetic.parameters import EXPRESSIONS, Identity
from models.export.errors import ExportError
from models.images import read_image

COMPARED = 41  # images: a batch of 1, 2, 5 and 33
CALIBRATED = 256  # images at most


@dataclass(frozen=True)
class Labelled:
    """Images with labels; those that cannot be read are an error. labels: (N,) indices of the network's classes."""

    split: Split
    labels: np.ndarray

    def __iter__(self) -> Iterator[Image.Image]:
        return (read_image(self.split.folder / path) for path in self.split.paths)


def drawn_faces(number: int) -> list[Image.Image]:
    """Synthetic faces of all expressions, the same ones each time."""
    rng = np.random.default_rng(0)
    return [draw_face(Identity.draw(rng), EXPRESSIONS[k % len(EXPRESSIONS)], rng, 128, False) for k in range(number)]


def find(paths: Sequence[str], flag: str, most: int) -> list[Path]:
    """The image files that `paths` name, folders with all below them; of more than `most` as many, evenly spaced.

    Raises DataError where a path does not exist or there is no image.
    """
    found: list[str] = []
    for path in paths:
        if not Path(path).exists():
            raise DataError(f"{flag} {path}: no such file or folder")
        found += [name for name in files_below(path) if is_image_name(name)] if Path(path).is_dir() else [path]
    if not found:
        raise DataError(f"{flag} {' '.join(paths)}: no images there (.jpg, .png, ...)")
    return [Path(found[k]) for k in np.linspace(0, len(found) - 1, min(most, len(found))).astype(int)]


def read_labelled(folder: str, classes: tuple[str, ...]) -> Labelled:
    """The images in `folder`, which holds one folder per class. Raises DataError, ExportError for classes of other names."""
    if not Path(folder).is_dir():
        raise DataError(f"--labelled {folder}: no such folder; give one that holds one folder per class")
    split = read_split("labelled", Path(folder))
    if unknown := [name for name in split.classes if name not in classes]:
        raise ExportError(f"--labelled {folder}: {unknown[0]} is none of the network's classes ({', '.join(classes)})")
    return Labelled(split, np.array([classes.index(split.classes[label]) for label in split.labels]))
