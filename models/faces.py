"""The faces in an image, cropped as a checkpoint's training images were. `models.predict(faces=True)` is its door."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.faces import DEFAULT_FINDER, Face, Finder, make_finder, missing_packages, placed, warped

CROPS = ("points", "box")  # those of data_preprocessing.faces.ALIGNMENTS that crop; the first where nothing else is known


@dataclass(frozen=True, eq=False)
class Crop:
    """A found face, its crop (RGB, square), and how it was cropped: "box" also where points were wanted and are poor."""

    face: Face
    image: Image.Image
    how: str


@dataclass(frozen=True, eq=False)
class PredictedFace:
    """A face of an image. box: x, y, width, height in pixels of the upright image. score: from 0 to 1, the finder's.

    points: (5, 2), eyes, nose, corners of the mouth, or None. probabilities: (C,) float32, in the order of model.classes.
    """

    box: tuple[float, float, float, float]
    score: float
    points: np.ndarray | None
    probabilities: np.ndarray


class FaceCropper:
    """Finds the faces of images and crops them; any thread may call it, each has a finder of its own.

    finder, model_file: as make_finder has them. Raises DataError in one line where packages are missing or the model is wrong.
    """

    def __init__(self, finder: str = DEFAULT_FINDER, model_file: Path | str | None = None):
        missing = missing_packages(finder, model_file is not None)
        if missing:
            raise DataError(missing)
        self.finder, self.model_file = finder, model_file
        self.align, self.size = CROPS[0], 224
        self._of_thread = threading.local()
        self._finder()  # so that a wrong model is told before anything is read

    def _finder(self) -> Finder:
        if not hasattr(self._of_thread, "finder"):
            self._of_thread.finder = make_finder(self.finder, self.model_file, threads=1)
        return self._of_thread.finder

    def __call__(self, image: Image.Image, last: Sequence[Face] = ()) -> list[Crop]:
        """The faces of an upright RGB image, from left to right, with crops of `size` pixels per side.

        last: those of a video's frame before. Where each is found near its last place, nothing else is searched for.
        """
        finder, found = self._finder(), []
        faces = finder.follow(image, last) if last else None
        for face in sorted(finder.find(image) if faces is None else faces, key=lambda face: face.box[:2]):
            matrix, how = placed(face, self.align, self.size, image.size)
            found.append(Crop(face, warped(image, matrix, self.size), how))
        return found
