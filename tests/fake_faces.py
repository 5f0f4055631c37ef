"""A face finder for tests that needs no package: it finds squares with a red corner, which `marked` draws."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

CORNER = 8  # pixels of the red mark: enough to survive a video's colours
SIDE = 48  # pixels of a face


@dataclass(frozen=True)
class FakeFace:
    """What the finder tells of one face."""

    box: tuple[float, float, float, float]
    score: float = 0.9


def marked(faces: Sequence[np.ndarray], places: Sequence[tuple[int, int]], size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """A dark image (H, W, 3) of `size` (width, height) with `faces`, each (SIDE, SIDE, 3), pasted at `places` (x, y), marked."""
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


def find(pixels: np.ndarray) -> list[FakeFace]:
    """The marked squares of an image (H, W, 3), from the top down."""
    values = pixels.astype(int)
    red = (values[..., 0] > 150) & (values[..., 1:].max(axis=2) < 110)
    found = []
    for y, x in np.argwhere(red):
        if not any(abs(y - box[1]) < CORNER + 4 and abs(x - box[0]) < CORNER + 4 for box in found):
            found.append((float(x), float(y), float(SIDE), float(SIDE)))
    return [FakeFace(box) for box in found]


def look(pixels: np.ndarray) -> list[tuple[FakeFace, np.ndarray]]:
    """The faces with their crops (SIDE, SIDE, 3)."""
    found = []
    for face in find(pixels):
        x, y = map(int, face.box[:2])
        found.append((face, np.ascontiguousarray(pixels[y : y + SIDE, x : x + SIDE])))
    return found
