"""One found face, and which of several is the one that an image is about."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Face:
    """A face in pixels of the image that was searched; it may reach beyond the image's edges.

    box: x, y of the upper left corner, width, height. score: from 0 to 1, how sure the finder is.
    points: (5, 2), x and y of the eye on the left side of an upright face as a viewer sees it, the eye on the right, the tip of
    the nose, the corner of the mouth on the left, the one on the right; None where a finder gives none. is_guessed: whether the
    points only stand where a face has them, because its eyes are covered.
    """

    box: tuple[float, float, float, float]
    score: float
    points: np.ndarray | None = None
    is_guessed: bool = False

    @property
    def roll(self) -> float:
        """Degrees by which the line from the left eye to the right one is turned clockwise; 0 without points."""
        if self.points is None:
            return 0.0
        across, down = self.points[1] - self.points[0]
        return math.degrees(math.atan2(down, across))

    @property
    def area(self) -> float:
        """Of the box, in pixels."""
        return self.box[2] * self.box[3]

    @property
    def centre(self) -> tuple[float, float]:
        """x, y of the box's centre."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


def main_face(faces: Sequence[Face], size: tuple[int, int]) -> Face:
    """The largest, most central face of an image of `size` (width, height): the area of its box counts, less where it lies
    further out, down to a half in a corner."""
    half = math.hypot(*size) / 2

    def weight(face: Face) -> float:
        away = math.dist(face.centre, (size[0] / 2, size[1] / 2)) / half
        return face.area * (1 - 0.5 * min(away, 1))

    return max(faces, key=weight)
