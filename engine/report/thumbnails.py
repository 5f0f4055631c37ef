"""The images of a page: small, inside the file, read once."""

import time
from pathlib import Path

from PIL import Image, ImageOps

from data_preprocessing.common.html import data_uri
from data_preprocessing.sources.folders import Split

SIDE = 80  # pixels
_QUALITY, _BATCH_QUALITY = 60, 75
_MISSING = ""
_MOST_KEPT = 4000  # of at most 6 kB each


class Thumbnails:
    """The small images of a run's splits as addresses (data:), kept for the next time."""

    def __init__(self):
        self._known: dict[tuple[str, str], str] = {}
        self._end = 0.0

    def allow(self, seconds: float) -> None:
        """Read further images for so long from now on; those that are known already cost nothing."""
        self._end = time.monotonic() + seconds

    def get(self, split: Split, index: int) -> str | None:
        """The address of an image; "" where it cannot be read, None where the time is over."""
        key = split.name, split.paths[index]
        if key not in self._known:
            if time.monotonic() >= self._end:
                return None
            if len(self._known) >= _MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = _thumbnail(split, index)
        return self._known[key]


def _thumbnail(split: Split, index: int) -> str:
    try:
        image = split.image(index)
        return data_uri(ImageOps.pad(image, (SIDE, SIDE), Image.Resampling.BILINEAR), "WEBP", _QUALITY)
    except Exception:  # gone, changed or broken since it was checked: PIL's decoders raise many kinds
        return _MISSING


def image_file(path: Path) -> tuple[str, int, int] | None:
    """Address, width and height of an image that the run has drawn; None without one that can be read."""
    try:
        with Image.open(path) as image:
            return data_uri(image.convert("RGB"), "WEBP", _BATCH_QUALITY), *image.size
    except Exception:
        return None
