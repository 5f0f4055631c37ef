"""From one image of a data set, as stored, to the image that is written: cropped, upright, RGB, fitted to a square."""

import io
import math
from dataclasses import dataclass

from PIL import Image

from data_preprocessing.sources.fer2013 import SIDE
from data_preprocessing.sources.images import check_image, draft, open_image, to_rgb

SAME = "same"  # the format of a file that is copied as it is
FORMATS = ("jpg", "png", SAME)
MARGIN = 0.1  # beside a face box, where no other is asked for
_QUALITY = 95  # of JPEG: what of it is lost is below what resizing loses
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Form:
    """How images are written.

    size: pixels per side of the square that an image is fitted into, its shape kept and black added; 0 keeps its size.
    margin: what is added to a face box on every side, as a share of its width or height. format: "jpg", "png", or
    SAME, which needs size 0.
    """

    size: int = 224
    margin: float = MARGIN
    format: str = "jpg"


def prepare_image(data: bytes, box: Box | None, form: Form) -> bytes:
    """The written file's content for an image file's content; box: the face, in pixels of the image as stored.

    The image is cropped to the box and its margin as far as it reaches, and only then turned upright by its EXIF tag. A
    JPEG is decoded at 1/2, 1/4 or 1/8 where the crop stays at least twice form.size, or where it has over 40 megapixels.
    Without a box and in the format SAME the content stays as it is. Raises ValueError for a box that is empty or
    wholly outside, and as open_image where `data` cannot be decoded.
    """
    if form.format == SAME and box is None:
        if problem := check_image(data):
            raise ValueError(problem)
        return data
    return encode(_fitted(cut_out(data, box, form.margin, form.size), form.size), form.format)


def cut_out(data: bytes, box: Box | None, margin: float, size: int = 0) -> Image.Image:
    """The box and its margin of an image file's content, in RGB and upright; all of it without a box.

    size: to which it will be fitted, 0 where its pixels are kept. Raises as prepare_image does.
    """
    with open_image(io.BytesIO(data)) as image:
        area = (0, 0, *image.size) if box is None else crop_area(box, image.size, margin)
        longest = max(area[2] - area[0], area[3] - area[1])
        scale = draft(image, int(longest // (2 * size)) if size else 1)
        if box is not None:
            image = image.crop(_whole_pixels([side * scale for side in area], image.size))
        return to_rgb(image)


def prepare_pixels(pixels: bytes, form: Form) -> bytes:
    """The written file's content for the 48×48 grey values of a FER2013 row. Raises ValueError for another number of them."""
    return encode(_fitted(Image.frombytes("L", (SIDE, SIDE), pixels).convert("RGB"), form.size), form.format)


def crop_area(box: Box, size: tuple[int, int], margin: float) -> Box:
    """The box with `margin` of its width and height on every side, clipped to an image of `size` (width, height).

    Raises ValueError for a box that is empty, is no box of finite numbers, or has nothing of the image in it.
    """
    left, top, right, bottom = box
    if not all(map(math.isfinite, box)) or right <= left or bottom <= top:
        raise ValueError(f"empty face box {_shown(box)}")
    if right <= 0 or bottom <= 0 or left >= size[0] or top >= size[1]:
        raise ValueError(f"face box {_shown(box)} lies outside the image of {size[0]}×{size[1]} pixels")
    across, down = margin * (right - left), margin * (bottom - top)
    return max(left - across, 0), max(top - down, 0), min(right + across, size[0]), min(bottom + down, size[1])


def encode(image: Image.Image, format: str) -> bytes:
    """The content of a JPEG or PNG file of an RGB image; the same image gives the same bytes."""
    target = io.BytesIO()
    image.save(target, **({"format": "JPEG", "quality": _QUALITY} if format == "jpg" else {"format": "PNG"}))
    return target.getvalue()


def _whole_pixels(area: list[float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """`area` rounded, at least one pixel of the image wide and high."""
    left, top = (min(round(area[k]), size[k] - 1) for k in (0, 1))
    return left, top, max(round(area[2]), left + 1), max(round(area[3]), top + 1)


def _fitted(image: Image.Image, size: int) -> Image.Image:
    """On a black square of `size`, or as it is; without what the file said about itself: profile, comment, EXIF."""
    if size:
        scale = size / max(image.size)
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    bare = Image.new("RGB", (size, size) if size else image.size)
    bare.paste(image, ((bare.width - image.width) // 2, (bare.height - image.height) // 2))
    return bare


def _shown(box: Box) -> str:
    return "(" + ", ".join(f"{side:g}" for side in box) + ")"
