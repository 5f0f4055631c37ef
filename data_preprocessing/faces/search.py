"""Finding faces of any size and tilt with a network that knows those of a middling size and nearly upright.

The whole image is searched at two sizes for whatever may be a face. Each candidate is then looked at again, turned upright and
scaled to the size that networks know best: that tells faces from others, and places the points.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from data_preprocessing.faces.alignment import warped
from data_preprocessing.faces.face import Face

LONGEST = 1280  # pixels of the longer side that an image is searched at, and not enlarged more than _ENLARGE times
_ENLARGE = 1.25
_SMALL = 320  # the same of a second search, for faces that fill most of the image
_OVERLAP = 0.4  # intersection over union from which two boxes are one face
_CROP, _AROUND = 160, 2.0  # side in pixels of a candidate's crop, and how many sides of its box that shows
_CLEAR = 0.8  # the score in such a crop that leaves no doubt about a face's tilt
_TRIED = (-35, 35)  # degrees by which it is turned where there is doubt
_LEVEL, _TURNS = 5, 2  # degrees of roll in a crop from which it is levelled once more, and how often
_MIRRORED = [1, 0, 2, 4, 3]  # the points in the order that they have in a mirrored crop
Detect = Callable[[np.ndarray], list[Face]]


def search(image: Image.Image, detect: Detect, sure: float) -> list[Face]:
    """The faces of an upright RGB image of any size, in its pixels, the surest first.

    detect: RGB pixels (H, W, 3) -> candidates in these pixels, with points. sure: the least score of a face, either in the
    whole image or in its own crop.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    large = min(LONGEST, _ENLARGE * max(image.size))
    candidates = [face for longest in {large, min(_SMALL, large)} for face in _at_size(image, longest, detect)]
    faces = [_looked_at(image, face, detect) for face in without_doubles(candidates)]
    return without_doubles([face for face in faces if face.score >= sure])


def without_doubles(faces: Sequence[Face]) -> list[Face]:
    """The faces, the surest first, without those whose box overlaps a surer one's."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: (-face.score, face.box)):
        if all(overlap(face.box, other.box) < _OVERLAP for other in kept):
            kept.append(face)
    return kept


def overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    return both / max(one[2] * one[3] + other[2] * other[3] - both, 1e-9)


def _at_size(image: Image.Image, longest: float, detect: Detect) -> list[Face]:
    """The candidates of the image scaled to `longest` pixels of its longer side."""
    size = [max(1, round(side * longest / max(image.size))) for side in image.size]
    scaled = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    across, down = np.array(image.size) / size
    faces = []
    for face in detect(np.asarray(scaled)):
        x, y, width, height = face.box
        faces.append(Face((x * across, y * down, width * across, height * down), face.score, face.points * (across, down)))
    return faces


def _looked_at(image: Image.Image, face: Face, detect: Detect) -> Face:
    """The candidate as it is found in a crop of its own; as it is where it is not found there.

    Where its tilt is not clear from that, crops turned to both sides are tried as well, and the surest counts.
    """
    found = _in_crop(image, face, face.roll, detect)
    if found is None or found.score < _CLEAR:
        turned = [_in_crop(image, face, face.roll + angle, detect) for angle in _TRIED]
        found = max([other for other in (found, *turned) if other is not None], key=lambda other: other.score, default=None)
    before = face
    for _ in range(_TURNS):
        if found is None or _between(found.roll, before.roll) <= _LEVEL:
            break
        before, found = found, _in_crop(image, found, found.roll, detect) or found
    return face if found is None else replace(found, score=max(found.score, face.score))


def _between(one: float, other: float) -> float:
    """Degrees between two directions, from 0 to 180."""
    return abs((one - other + 180) % 360 - 180)


def _in_crop(image: Image.Image, face: Face, roll: float, detect: Detect) -> Face | None:
    """What is found where `face` is, in a crop that is level for a face of that roll in degrees."""
    angle, scale = np.radians(-roll), _CROP / (_AROUND * max(face.box[2:]))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = _CROP / 2 - turn @ face.centre
    pixels = np.asarray(warped(image, np.column_stack([turn, shift]), _CROP))
    best = _middle(detect(pixels))
    if best is None:
        return None
    points = best.points
    if (other := _middle(detect(np.ascontiguousarray(pixels[:, ::-1])))) is not None:  # mirrored: its error is another
        points = (points + (other.points * (-1, 1) + (_CROP, 0))[_MIRRORED]) / 2
    back = np.linalg.inv(turn)
    centre = back @ (best.centre - shift)
    sides = np.sqrt(back**2 @ np.square(best.box[2:]))  # of the box around the ellipse that the turned box holds
    return Face((*(centre - sides / 2).tolist(), *sides.tolist()), best.score, (points - shift) @ back.T)


def _middle(faces: list[Face]) -> Face | None:
    """The surest of those that lie where a candidate's crop has it."""
    side = _CROP / _AROUND
    box = (_CROP / 2 - side / 2, _CROP / 2 - side / 2, side, side)
    return max((face for face in faces if overlap(face.box, box) > _OVERLAP), key=lambda face: face.score, default=None)
