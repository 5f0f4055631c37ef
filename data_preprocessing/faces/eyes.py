"""Whether the eyes of a face are seen: a finder places its points also where a headset covers them."""

import numpy as np

from data_preprocessing.faces.alignment import TEMPLATE_SIDE

SIDE = TEMPLATE_SIDE  # pixels per side of the crop, aligned by the face's points, that is judged
_EYES, _BELOW = (slice(42, 62), slice(26, 86)), (slice(62, 104), slice(26, 86))  # rows and columns of it
_GREY = (0.299, 0.587, 0.114)  # of RGB: ITU-R BT.601
# Chosen on photographs with and without a drawn headset: docs/faces.md has the figures on others.
_FLAT, _UNSURE = 0.75, 0.85


def are_hidden(crop: np.ndarray, score: float) -> bool:
    """Whether the points by which `crop` (SIDE, SIDE, 3), RGB, was aligned are guessed rather than seen.

    So where the band around the eyes has less detail (median slope of the grey values) than the face below it, which is the
    other way round in an uncovered face, and where the finder's `score` says that it hardly took it for a face.
    """
    slope = np.hypot(*np.gradient(crop @ np.array(_GREY)))
    return score < _UNSURE or bool(np.median(slope[_EYES]) < _FLAT * np.median(slope[_BELOW]))
