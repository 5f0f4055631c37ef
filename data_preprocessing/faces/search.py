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
_CROP, _ROUGH = 160, 96  # side in pixels of a candidate's crop, for its points and to tell its tilt
_AROUND = 2.0  # how many sides of its box a crop shows
_SWEEP, _HALF_SURE = (-60, -40, -20, 0, 20, 40, 60), 0.5  # degrees that crops are turned by; a score
_MIRRORED = [1, 0, 2, 4, 3]  # the points in the order that they have in a mirrored crop
Detect = Callable[[np.ndarray], list[Face]]


def search(image: Image.Image, detect: Detect, sure: float, tells_tilt: bool = True) -> list[Face]:
    """The faces of an upright RGB image of any size, in its pixels, the surest first.

    detect: RGB pixels (H, W, 3) -> candidates in these pixels, with points. sure: the least score of a face, either in the
    whole image or in its own crop. tells_tilt: False for a network that places the points of a tilted face nearly as those of
    a level one; how a face is tilted is then told by the turns at which it is found.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    large = min(LONGEST, _ENLARGE * max(image.size))
    candidates = [face for longest in {large, min(_SMALL, large)} for face in _at_size(image, longest, detect)]
    faces = [_looked_at(image, face, detect, tells_tilt) for face in without_doubles(candidates)]
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


def _looked_at(image: Image.Image, face: Face, detect: Detect, tells_tilt: bool) -> Face:
    """The candidate as it is found in a levelled crop of its own; as it is where it is not found there."""
    angles = [face.roll] if tells_tilt else _SWEEP
    looks = [(angle, look) for angle in angles if (look := _in_crop(image, face, angle, detect, _ROUGH)) is not None]
    if not looks:
        return face
    best = max((look for _, look in looks), key=lambda look: look.score)
    level = best.roll if tells_tilt else _middle_of(looks)
    found = _in_crop(image, best, level, detect, _CROP, mirrored=True) or best
    return replace(found, score=max(found.score, best.score, face.score))


def _middle_of(looks: Sequence[tuple[float, Face]]) -> float:
    """The middle of the angles at which a face was found, weighed by how surely: where it is level, degrees."""
    weights = [max(look.score - _HALF_SURE, 0.01) for _, look in looks]
    return float(np.average([angle for angle, _ in looks], weights=weights))


def _in_crop(image: Image.Image, face: Face, roll: float, detect: Detect, side: int, mirrored: bool = False) -> Face | None:
    """What is found where `face` is, in a crop of `side` pixels that is level for a face of that roll in degrees.

    mirrored: the points are the mean of those in the crop and in its mirror image, whose error is another.
    """
    angle, scale = np.radians(-roll), side / (_AROUND * max(face.box[2:]))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = side / 2 - turn @ face.centre
    pixels = np.asarray(warped(image, np.column_stack([turn, shift]), side))
    best = _middle(detect(pixels), side)
    if best is None:
        return None
    points = best.points
    if mirrored and (other := _middle(detect(np.ascontiguousarray(pixels[:, ::-1])), side)) is not None:
        points = (points + (other.points * (-1, 1) + (side, 0))[_MIRRORED]) / 2
    back = np.linalg.inv(turn)
    centre = back @ (best.centre - shift)
    sides = np.sqrt(back**2 @ np.square(best.box[2:]))  # of the box around the ellipse that the turned box holds
    return Face((*(centre - sides / 2).tolist(), *sides.tolist()), best.score, (points - shift) @ back.T)


def _middle(faces: list[Face], crop: int) -> Face | None:
    """The surest of those that lie where a candidate's crop has it."""
    side = crop / _AROUND
    box = (crop / 2 - side / 2, crop / 2 - side / 2, side, side)
    return max((face for face in faces if overlap(face.box, box) > _OVERLAP), key=lambda face: face.score, default=None)
