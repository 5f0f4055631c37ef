"""Small CSV files of FER2013 with known pixels."""

import numpy as np

USAGES = ("Training", "PublicTest", "Training", "PrivateTest")


def values(seed: int) -> bytes:
    """The grey values of image `seed`."""
    return np.random.default_rng(seed).integers(0, 256, 48 * 48, dtype=np.uint8).tobytes()


def text_of(seed: int) -> str:
    """The image as the file writes it."""
    return " ".join(map(str, values(seed)))


def table(*rows: str, header: str = "emotion,pixels,Usage") -> str:
    return "".join(f"{row}\n" for row in (header, *rows))


def usual(usages: tuple[str, ...] = USAGES) -> str:
    """Row k + 2 has label k and image k."""
    return table(*(f"{k},{text_of(k)},{usage}" for k, usage in enumerate(usages)))
