"""A map over a face."""

import matplotlib
import numpy as np

COLOURS = "inferno"  # its lightness rises throughout, so that it reads in grey and by the colour-blind


def overlay(face: np.ndarray, heat: np.ndarray, share: float = 0.55) -> np.ndarray:
    """face: (H, W, 3) 8-bit, heat: (H, W) from 0 to 1 -> the face in grey under the colours of the map, (H, W, 3) 8-bit.

    share: of the colours.
    """
    grey = face @ np.array([0.299, 0.587, 0.114])
    colours = 255 * matplotlib.colormaps[COLOURS](heat)[:, :, :3]
    return ((1 - share) * grey[:, :, None] + share * colours).round().astype(np.uint8)
