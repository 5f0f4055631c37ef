"""Finding faces of any size and tilt with a network that knows those of a middling size and nearly upright.

The whole image is searched at two sizes for whatever may be a face. Each candidate is then looked at again, turned upright and
scaled to the size that networks know best: that tells faces from others, and places the points.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from data_preprocessing.faces.alignment import TEMPLATE, fits, similarity, warped
from data_preprocessing.faces.boxes import overlap, overlaps
from data_preprocessing.faces.eyes import SIDE, are_hidden
from data_preprocessing.faces.face import Face

LONGEST = 1280  # pixels of the longer side that an image is searched at, and not enlarged more than _ENLARGE times
_ENLARGE = 1.25
_SMALL = 320  # the same of a second search, for faces that fill most of the image
_OVERLAP = 0.4  # intersection over union from which two boxes are one face
_CROP, _ROUGH = 160, 96  # side in pixels of a candidate's crop, for its points and to tell its tilt
_AROUND = 2.0  # how many sides of its box a crop shows
_NEAR, _FAR, _HALF_SURE = (-20, 0, 20), (40, 60), 0.5  # degrees that crops are turned by, the latter to both sides; a score
_MIRRORED = [1, 0, 2, 4, 3]  # the points in the order that they have in a mirrored crop
Detect = Callable[[np.ndarray], list[Face]]


def search(image: Image.Image, detect: Detect, sure: float, tells_tilt: bool = True) -> list[Face]:
    """The faces of an upright RGB image of any size, in its pixels, the surest first.

    detect: RGB pixels (H, W, 3) -> candidates in these pixels, with points. sure: the least score of a face, either in the
    whole image or in its own crop. tells_tilt: False for a network that places the points of a tilted face nearly as those of
    a level one; how a face is tilted is then told by the turns at which it is found.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    large = _scaled(image, min(LONGEST, _ENLARGE * max(image.size)))
    sizes = [large, _scaled(large, _SMALL)] if max(large.size) > _SMALL else [large]
    candidates = [face for scaled in sizes for face in _in_whole(scaled, image.size, detect)]
    copies = _Copies(image)
    faces = [_looked_at(copies, face, detect, tells_tilt) for face in without_doubles(candidates)]
    return [_judged(copies, face) for face in without_doubles([face for face in faces if face.score >= sure])]


def follow(image: Image.Image, last: Sequence[Face], detect: Detect, sure: float) -> list[Face] | None:
    """Where the faces `last` of a moment before are in `image` (RGB), in their order, each looked for around its last place.

    None where one of them is not seen there: then the whole image is to be searched. The rest as in `search`.
    """
    copies, found = _Copies(image), []
    for face in last:
        matrix = _onto(face, face.roll, _CROP)
        here = _seen(copies.warped(matrix, _CROP), matrix, detect, mirrored=True)
        if here is None or here.score < sure:
            return None
        found.append(replace(here, is_guessed=face.is_guessed))
    return found if len(without_doubles(found)) == len(found) else None


def without_doubles(faces: Sequence[Face]) -> list[Face]:
    """The faces, the surest first, without those whose box overlaps a surer one's."""
    ordered = sorted(faces, key=lambda face: (-face.score, face.box))
    boxes = np.array([face.box for face in ordered]).reshape(-1, 4)
    kept, is_double = [], np.zeros(len(ordered), bool)
    for k, face in enumerate(ordered):
        if not is_double[k]:
            kept.append(face)
            is_double |= overlaps(boxes[k : k + 1], boxes)[0] >= _OVERLAP
    return kept


def _scaled(image: Image.Image, longest: float) -> Image.Image:
    """The image with `longest` pixels of its longer side."""
    size = [max(1, round(side * longest / max(image.size))) for side in image.size]
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _in_whole(scaled: Image.Image, size: tuple[int, int], detect: Detect) -> list[Face]:
    """The candidates of a scaled image, in pixels of the one of `size` (width, height)."""
    across, down = np.array(size) / scaled.size
    faces = []
    for face in detect(np.asarray(scaled)):
        x, y, width, height = face.box
        faces.append(Face((x * across, y * down, width * across, height * down), face.score, face.points * (across, down)))
    return faces


class _Copies:
    """Smaller copies of an image, made when they are needed: a large photograph is not gone through for each crop."""

    def __init__(self, image: Image.Image):
        self._of_factor = {1: image}

    def warped(self, matrix: np.ndarray, side: int) -> np.ndarray:
        """The crop (side, side, 3) that `matrix` makes, a position of the image -> of the crop."""
        factor = 1
        while 4 * factor * math.hypot(*matrix[:, 0]) <= 1:  # the copy keeps at least twice the crop's pixels per side
            factor *= 2
        if factor not in self._of_factor:
            self._of_factor[factor] = self._of_factor[1].reduce(factor)
        return np.asarray(warped(self._of_factor[factor], matrix * (factor, factor, 1), side))


def _looked_at(copies: _Copies, face: Face, detect: Detect, tells_tilt: bool) -> Face:
    """The candidate as it is found in a levelled crop of its own; as it is where it is not found there."""
    wide = math.ceil(_ROUGH * math.sqrt(2))  # what a crop of any angle shows
    level = _onto(face, 0, _ROUGH, wide)
    patch = Image.fromarray(copies.warped(level, wide))

    def look(angle: float) -> Face | None:
        matrix = _onto(face, angle, _ROUGH)
        into_patch = (_squared(level) @ np.linalg.inv(_squared(matrix)))[:2].ravel()
        pixels = patch.transform((_ROUGH, _ROUGH), Image.Transform.AFFINE, into_patch, Image.Resampling.BILINEAR)
        return _seen(np.asarray(pixels), matrix, detect)

    found = {face.roll: look(face.roll)} if tells_tilt else _swept(look)
    looks = [(angle, each) for angle, each in found.items() if each is not None]
    if not looks:
        return face
    best = max((each for _, each in looks), key=lambda each: each.score)
    matrix = _onto(best, best.roll if tells_tilt else _middle_of(looks), _CROP)
    closer = _seen(copies.warped(matrix, _CROP), matrix, detect, mirrored=True) or best
    return replace(closer, score=max(closer.score, best.score, face.score))


def _judged(copies: _Copies, face: Face) -> Face:
    """The face with is_guessed; points that lie as those of no face are not judged."""
    if not fits(face.points):
        return face
    return replace(face, is_guessed=are_hidden(copies.warped(similarity(face.points, TEMPLATE), SIDE), face.score))


def _swept(look: Callable[[float], Face | None]) -> dict[float, Face | None]:
    """What is seen at the angles at which a face may be level: further out only while it is seen, or where it is not at all."""
    found = {angle: look(angle) for angle in _NEAR}
    is_unseen = not any(found.values())
    for sign in (-1, 1):
        last = found[sign * max(_NEAR)]
        for angle in _FAR:
            if last is not None or is_unseen:
                last = found[sign * angle] = look(sign * angle)
    return found


def _middle_of(looks: Sequence[tuple[float, Face]]) -> float:
    """The middle of the angles at which a face was found, weighed by how surely: where it is level, degrees."""
    weights = [max(look.score - _HALF_SURE, 0.01) for _, look in looks]
    return float(np.average([angle for angle, _ in looks], weights=weights))


def _onto(face: Face, roll: float, side: int, wide: int | None = None) -> np.ndarray:
    """The matrix (2, 3) from a position of the image to one in a crop that is level for a face of that roll in degrees.

    side: of the crop that the face fills as networks like it. wide: side of the one that is cut, where that is larger.
    """
    angle, scale = np.radians(-roll), side / (_AROUND * max(face.box[2:]))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, (wide or side) / 2 - turn @ face.centre])


def _squared(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, (0, 0, 1)])


def _seen(pixels: np.ndarray, matrix: np.ndarray, detect: Detect, mirrored: bool = False) -> Face | None:
    """The face in a candidate's crop (side, side, 3), which `_onto` gave `matrix` for, in pixels of the image.

    mirrored: the points are the mean of those in the crop and in its mirror image, whose error is another.
    """
    side, turn, shift = len(pixels), matrix[:, :2], matrix[:, 2]
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
