"""Finding faces of any size and tilt with a network that knows those of a middling size and nearly upright."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from data_preprocessing.faces.alignment import warped
from data_preprocessing.faces.face import Face

LONGEST = 1280  # pixels of the longer side that a large image is searched at
_SMALL = 320  # the same of a second look, at faces that fill most of the image
_OVERLAP = 0.4  # intersection over union from which two boxes are one face
_LEVEL = 30  # degrees of roll beyond which points are found again in a levelled crop
_AROUND = 2.5  # sides of the box that such a crop shows
_CROP = 256  # its side in pixels
Detect = Callable[[np.ndarray], list[Face]]


def search(image: Image.Image, detect: Detect) -> list[Face]:
    """The faces of an upright RGB image of any size, in its pixels, the surest first.

    detect: RGB pixels (H, W, 3) -> faces in these pixels.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    sizes = sorted({min(longest, max(image.size)) for longest in (LONGEST, _SMALL)})
    faces = [face for longest in sizes for face in _at_size(image, longest, detect)]
    return without_doubles([_level(image, face, detect) for face in without_doubles(faces)])


def without_doubles(faces: Sequence[Face]) -> list[Face]:
    """The faces, the surest first, without those whose box overlaps a surer one's."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) < _OVERLAP for other in kept):
            kept.append(face)
    return kept


def overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    return both / max(one[2] * one[3] + other[2] * other[3] - both, 1e-9)


def _at_size(image: Image.Image, longest: int, detect: Detect) -> list[Face]:
    """What is found with the longer side reduced to `longest`; nothing is enlarged."""
    scale = min(1.0, longest / max(image.size))
    size = [max(1, round(side * scale)) for side in image.size]
    small = image if scale == 1 else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    back = np.array(image.size) / size
    return [_moved(face, np.diag(back), np.zeros(2)) for face in detect(np.asarray(small))]


def _moved(face: Face, turn: np.ndarray, shift: np.ndarray) -> Face:
    """The face in the pixels that `turn` (2, 2), which turns nothing but scales, and `shift` lead to."""
    x, y, width, height = face.box
    corner, sides = turn @ (x, y) + shift, turn @ (width, height)
    points = None if face.points is None else face.points @ turn.T + shift
    return Face((*corner.tolist(), *sides.tolist()), face.score, points)


def _level(image: Image.Image, face: Face, detect: Detect) -> Face:
    """The face with the points and score that are found once it is turned upright; as it is where that finds nothing better."""
    if abs(face.roll) <= _LEVEL:
        return face
    angle, scale = np.radians(-face.roll), _CROP / (_AROUND * max(face.box[2:]))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.full(2, _CROP / 2) - turn @ face.centre
    found = detect(np.asarray(warped(image, np.column_stack([turn, shift]), _CROP)))
    near = [other for other in found if np.abs(np.array(other.centre) - _CROP / 2).max() < _CROP / _AROUND / 2]
    if not near:
        return face
    best, back = max(near, key=lambda other: other.score), np.linalg.inv(turn)
    if best.points is None:
        return face
    return Face(face.box, max(face.score, best.score), (best.points - shift) @ back.T)
