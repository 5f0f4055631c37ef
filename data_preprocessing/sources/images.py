"""Reading one image file of any kind as RGB, in bounded memory whatever the file says of itself."""

import ctypes
import io
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from data_preprocessing.common.files import MOST_BYTES, open_file, reason, require_size
from data_preprocessing.sources.kinds import START, foreign_kind, remedy

# whatever the name ends in; no others: one runs Ghostscript
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF", "AVIF", "JPEG2000")
MOST_PIXELS = 40_000_000  # 4 bytes each as decoded, as many in RGB and as many turned upright: 480 MB
# of kinds whose decoders hold more: libwebp and libavif 12 bytes a pixel, OpenJPEG its components in 32 bits and twice
_MOST_OF = {"WEBP": MOST_PIXELS // 2, "AVIF": MOST_PIXELS // 2, "JPEG2000": MOST_PIXELS // 4}
_MOST_COEFFICIENTS = 250_000_000  # of a JPEG in several scans, 2 bytes each, which are all held until the last
_CHUNK = 2**20  # pixels converted at once where a conversion needs more memory than its result takes
_LARGE = 2**22  # pixels; of the larger ones only one is checked at a time, however many threads there are
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_checking_large = threading.Lock()

warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters is raised
logging.getLogger("PIL").addHandler(logging.NullHandler())
with suppress(OSError, AttributeError):  # a build of Pillow that hides its libtiff, which prints past Python
    for _name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        getattr(ctypes.CDLL(Image.core.__file__), _name)(None)


def open_image(file: Path | str | BinaryIO) -> Image.Image:
    """The image, not decoded yet. Raises OSError, ValueError or another of PIL's kinds where it cannot or must not be."""
    try:
        image = Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError:
        kind = None if isinstance(file, str | Path) else _foreign_kind(file)
        if kind is None:
            raise
        raise ValueError(f"it is {kind}, whatever its name says: {remedy(kind)}") from None
    pixels = image.width * image.height
    if isinstance(image, JpegImageFile):
        most = _MOST_COEFFICIENTS // len(image.getbands())
    else:
        most = _MOST_OF.get(image.format, MOST_PIXELS)
    if pixels > most:
        image.close()
        raise ValueError(f"{image.width}×{image.height} pixels; {image.format} is read up to {most / 1e6:.0f} megapixels")
    return image


def _foreign_kind(file: BinaryIO) -> str | None:
    file.seek(0)
    return foreign_kind(file.read(START))


def to_rgb(image: Image.Image) -> Image.Image:
    """Any PIL image -> RGB: upright by its EXIF tag, 16-bit and float scaled to 8 bits, transparency over black.

    Beside `image` itself it needs 4 bytes a pixel, and 4 more to turn it.
    """
    image = _upright(image)
    if image.mode.startswith("I") or image.mode == "F":  # Pillow's own conversion would clip instead of scale
        peak = _float_peak(image) if image.mode == "F" else 65535.0
        return _by_rows(image, lambda rows: _scaled(rows, 255 / peak))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return _by_rows(image, _over_black)
    return image.convert("RGB")


def load_image(path: Path | str) -> Image.Image:
    """The image at `path` as RGB; a JPEG of more than 40 megapixels at half its size.

    Raises OSError, ValueError or another of PIL's kinds where it cannot be decoded.
    """
    with open_file(path) as file:
        require_size(os.fstat(file.fileno()).st_size, MOST_BYTES, str(path))
        return decode(file)


def decode(file: BinaryIO) -> Image.Image:
    """As load_image, of an open file."""
    with open_image(file) as image:
        draft(image)
        return to_rgb(image)


def draft(image: Image.Image, times: int = 1) -> float:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, as `times` or its size allow or want; returns the scale, 1 for other kinds."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        times = max(times, 2)
    if times < 2:
        return 1.0
    drafted = image.draft(None, (max(width // times, 1), max(height // times, 1)))
    return drafted[1][2] / width if drafted else 1.0


def check_image(data: bytes) -> str | None:
    """None where `data` decodes to its end and becomes RGB, otherwise what is wrong, in one line.

    JPEGs are decoded at a small scale, for speed; their bytes are all gone through.
    """
    try:
        with open_image(io.BytesIO(data)) as image:
            stored = image.width * image.height if "progressive" in image.info else 0
            draft(image, min(image.size) // 16)
            large = max(stored, image.width * image.height) > _LARGE
            with _checking_large if large else nullcontext():
                to_rgb(image)
        return None
    except Exception as error:  # PIL's decoders raise many kinds: OSError, SyntaxError, ValueError, struct.error, ...
        return reason(error) if data else "the file is empty"


def _upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation wants it. EXIF that cannot be read turns nothing, as in every viewer."""
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # broken EXIF raises as many kinds as broken images
        turn = None
    return image if turn is None else image.transpose(turn)


def _by_rows(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """convert(image), pixel for pixel, without holding its steps for the whole image."""
    whole = Image.new("RGB", image.size)
    for rows, top in _rows(image):
        whole.paste(convert(rows), (0, top))
    return whole


def _rows(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    step = max(1, _CHUNK // max(1, image.width))
    for top in range(0, image.height, step):
        yield image.crop((0, top, image.width, min(top + step, image.height))), top


def _over_black(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba).convert("RGB")


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    with np.errstate(all="ignore"):  # of what is no number
        values = np.nan_to_num(np.asarray(image, dtype=np.float64) * factor, copy=False, posinf=255, neginf=0)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _float_peak(image: Image.Image) -> float:
    """The value that stands for white: float files are written from 0 to 1, to 255 or to 65535."""
    with np.errstate(all="ignore"):
        peaks = [np.fmax.reduce(np.asarray(rows), axis=None, initial=0) for rows, _ in _rows(image)]
    highest = max(peaks, default=0)
    return next((peak for peak in (1.0, 255.0) if highest <= peak), 65535.0)
