"""The crop of a face, always the same way: by a similarity transform onto five points, or by its box."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from data_preprocessing.faces.face import Face

POINTS, BOX, NONE = ALIGNMENTS = ("points", "box", "none")
MARGIN = 0.1  # of a box crop: share of the box's longer side that is added on each side
# Where the eyes, the nose and the corners of the mouth lie in a face-recognition crop of 112 × 112 pixels: `arcface_dst` of
# InsightFace's face_align.py (Deng et al., ArcFace, CVPR 2019), which is SphereFace's template of 96 × 112 (Liu et al., CVPR
# 2017) moved by 8 pixels.
TEMPLATE_SIDE = 112
TEMPLATE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
_WORST_FIT = 0.35  # distances of the template's eyes, root mean square over the five points: see `fits`


class Placed(NamedTuple):
    """How a face gets into its crop.

    matrix: (2, 3), a pixel position of the image (x, y, 1) -> the position in the crop; positions count from the upper left
    corner of the first pixel. how: "points", "box" or "none", what was really done.
    """

    matrix: np.ndarray
    how: str


def aligned(image: Image.Image, face: Face | None, how: str, size: int) -> Image.Image:
    """The crop (size × size, RGB) of `face` out of `image`, the one that was searched, in full resolution.

    how: see `placed`. What lies beyond the image's edges is black.
    """
    return warped(image, placed(face, how, size, image.size).matrix, size)


def placed(face: Face | None, how: str, size: int, image_size: tuple[int, int], margin: float = MARGIN) -> Placed:
    """Where `face` comes to lie in a crop of `size` pixels per side.

    how: "points": the five points onto the template of face recognition, by the best similarity transform; by the box where the
    finder gave no points, guessed them, or they lie as those of no face do. "box": a square around the box with `margin`
    of its longer side on each side, not turned. "none": the whole image fitted into the square; so also where `face` is None.
    """
    if face is None or how == NONE:
        return Placed(_onto_square((0.0, 0.0, *map(float, image_size)), 0.0, size), NONE)
    if how == POINTS and face.points is not None and not face.is_guessed and fits(face.points):
        return Placed(similarity(face.points, TEMPLATE * (size / TEMPLATE_SIDE)), POINTS)
    return Placed(_onto_square(face.box, margin, size), BOX)


def fits(points: np.ndarray) -> bool:
    """Whether the five points (5, 2) can be those of a face: with the best similarity transform they lie near the template."""
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1e-6:
        return False
    moved = points @ (matrix := similarity(points, TEMPLATE))[:, :2].T + matrix[:, 2]
    eyes = math.dist(*TEMPLATE[:2])
    return math.sqrt(((moved - TEMPLATE) ** 2).sum(axis=1).mean()) <= _WORST_FIT * eyes


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The matrix (2, 3) that turns, scales and moves `source` (N, 2) onto `target` (N, 2) with the least sum of squares.

    Nothing is mirrored. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991; in
    two dimensions, with points as complex numbers, it is one division.
    """
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    factor = np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean())
    moved = w.mean() - factor * z.mean()
    return np.array([[factor.real, -factor.imag, moved.real], [factor.imag, factor.real, moved.imag]])


def warped(image: Image.Image, matrix: np.ndarray, size: int) -> Image.Image:
    """The square of `size` pixels per side that `matrix` (see Placed) makes of an RGB image; black beyond its edges.

    Where the crop is smaller than the face is in the image, the face's surroundings are first reduced as a whole, so that no
    detail is passed over.
    """
    inverse = np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))
    corners = (inverse @ [[0, size, size, 0], [0, 0, size, size], [1, 1, 1, 1]])[:2]
    low = np.maximum(np.floor(corners.min(axis=1)) - 2, 0)
    high = np.minimum(np.ceil(corners.max(axis=1)) + 2, image.size)
    if (high - low < 1).any():  # wholly outside
        return Image.new("RGB", (size, size))
    shrink = min(1.0, math.hypot(*matrix[:, 0]))
    reduced = [max(1, round(side * shrink)) for side in high - low]
    part = image.crop(tuple(map(int, (*low, *high)))).convert("RGB").resize(reduced, Image.Resampling.BICUBIC)
    step = reduced / (high - low)
    into_part = np.array([[step[0], 0, -step[0] * low[0]], [0, step[1], -step[1] * low[1]], [0, 0, 1]])
    coefficients = (into_part @ inverse)[:2].ravel()
    return part.transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)


def _onto_square(box: tuple[float, float, float, float], margin: float, size: int) -> np.ndarray:
    x, y, width, height = box
    side = max(width, height) * (1 + 2 * margin)
    scale = size / side
    return np.array([[scale, 0, size / 2 - scale * (x + width / 2)], [0, scale, size / 2 - scale * (y + height / 2)]])
