"""A face finder for tests that needs no package: it finds squares with a red corner, which `marked` draws."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from data_preprocessing.faces import Face
from models.faces import Crop

CORNER = 8  # pixels of the red mark: enough to survive a video's colours
SIDE = 48  # pixels of a face


def marked(faces: Sequence[np.ndarray], places: Sequence[tuple[int, int]], size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A dark image (H, W, 3) of `size` (width, height) with `faces`, each (SIDE, SIDE, 3), at `places` (x, y), marked."""
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    for face, (x, y) in zip(faces, places):
        image[y : y + SIDE, x : x + SIDE] = face
        image[y : y + CORNER, x : x + CORNER] = 255, 0, 0
    return image


def some_faces(count: int) -> list[np.ndarray]:
    """Smooth random squares without red."""
    generator = np.random.default_rng(3)
    patches = generator.integers(0, 120, (count, 4, 4), dtype=np.uint8)
    return [np.asarray(Image.fromarray(patch).resize((SIDE, SIDE)).convert("RGB")) for patch in patches]


class MarkFinder:
    """Finds the marked squares. The arguments are those of every finder."""

    name = "marks"

    def __init__(self, model_file: object = None, threads: int = 0):
        self.model_file = model_file

    def find(self, image: Image.Image) -> list[Face]:
        """As every finder, without points."""
        values = np.asarray(image).astype(int)
        red = (values[..., 0] > 150) & (values[..., 1:].max(axis=2) < 110)
        found = []
        for y, x in np.argwhere(red):
            if not any(abs(y - box[1]) < CORNER + 4 and abs(x - box[0]) < CORNER + 4 for box in found):
                found.append((float(x), float(y), float(SIDE), float(SIDE)))
        return [Face(box, 0.9) for box in found]


def square(image: Image.Image, face: Face) -> Image.Image:
    """The face's own pixels, (SIDE, SIDE)."""
    x, y = map(int, face.box[:2])
    return image.crop((x, y, x + SIDE, y + SIDE))


def look(image: Image.Image) -> list[Crop]:
    """The marked faces with their own pixels as crops."""
    return [Crop(face, square(image, face), "box") for face in MarkFinder().find(image)]
