"""A map over a face."""

import matplotlib
import numpy as np

COLOURS = "inferno"  # its lightness rises throughout, so that it reads in grey and by the colour-blind
_LEAST, _MOST = 0.35, 0.75  # the colours' share where the map is 0 and where it is 1


def overlay(face: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """face: (H, W, 3) 8-bit, heat: (H, W) from 0 to 1 -> the face in grey under the colours of the map, (H, W, 3) 8-bit."""
    grey = (face @ np.array([0.299, 0.587, 0.114]))[:, :, None]
    colours = 255 * matplotlib.colormaps[COLOURS](heat)[:, :, :3]
    share = (_LEAST + (_MOST - _LEAST) * heat)[:, :, None]
    return ((1 - share) * grey + share * colours).round().astype(np.uint8)
