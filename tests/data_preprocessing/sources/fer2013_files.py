"""Small FER2013 files with known images, and looking at what was read of them."""

from pathlib import Path

import numpy as np

from data_preprocessing.sources.fer2013 import CsvSplit

HEADER = "emotion,pixels,Usage"
USAGES = ("Training", "Training", "PublicTest", "Training", "PrivateTest", "Training")


def levels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def text_of(seed: int) -> str:
    """The image `levels(seed)` as the file writes it."""
    return " ".join(str(value) for value in levels(seed).flat)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_usual(path: Path, first_label: int = 0) -> Path:
    """fer2013.csv with six rows; row k + 2 has image k and label first_label + k."""
    return write(path, HEADER, *(f"{first_label + k},{text_of(k)},{usage}" for k, usage in enumerate(USAGES)))


def pixels(split: CsvSplit) -> list[bytes]:
    """The grey levels of every image, which must be the same in the three channels."""
    found = []
    for index in range(len(split.paths)):
        image = split.image(index)
        assert image.mode == "RGB" and image.size == (48, 48)
        channels = np.asarray(image)
        assert (channels == channels[..., :1]).all()
        found.append(channels[..., 0].tobytes())
    return found


def expected(*seeds: int) -> list[bytes]:
    return [levels(seed).tobytes() for seed in seeds]
