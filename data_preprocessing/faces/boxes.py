"""How much boxes of faces overlap. A box is x and y of the upper left corner, width, height."""

import numpy as np

Box = tuple[float, float, float, float]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(across, 0) * max(down, 0)
    return both / max(one[2] * one[3] + other[2] * other[3] - both, 1e-9)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    a, b = first[:, None], second[None]
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(min=0).prod(axis=-1)
    union = a[..., 2:].prod(axis=-1) + b[..., 2:].prod(axis=-1) - shared
    return shared / np.maximum(union, 1e-9)
