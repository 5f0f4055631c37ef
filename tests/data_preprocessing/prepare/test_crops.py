"""What is written of an image: crop, margin, square, reduced decoding, upright, and what is refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, JpegImagePlugin

from data_preprocessing.prepare.crops import Form, crop_area, prepare_image, prepare_pixels
from tests.data_preprocessing.prepare.prepare_files import content, sample_image

KEPT = Form(size=0, margin=0.0, format="png")


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(opened(data)).astype(int)


def turned(image: Image.Image, format: str) -> bytes:
    """An image file that says it is to be turned by a quarter."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return content(image, format, exif=exif)


def test_size_0_and_png_lose_nothing():
    image = sample_image(size=(50, 37))
    assert np.array_equal(pixels(prepare_image(content(image), None, KEPT)), np.asarray(image))


@pytest.mark.parametrize("size", [(200, 100), (30, 60), (64, 64), (1, 300)])
def test_image_is_fitted_and_padded_with_black(size):
    data = prepare_image(content(Image.new("RGB", size, (255, 255, 255))), None, Form(64, format="png"))
    filled = pixels(data).min(-1) > 250
    assert opened(data).size == (64, 64)
    scale = 64 / max(size)
    assert (filled.any(0).sum(), filled.any(1).sum()) == tuple(max(1, round(side * scale)) for side in size)
    assert not pixels(data)[~filled].any()
    rows = np.flatnonzero(filled.any(1))
    assert abs((rows[0]) - (63 - rows[-1])) <= 1  # in the middle


@pytest.mark.parametrize(("format", "kind"), [("jpg", "JPEG"), ("png", "PNG")])
def test_format_is_as_asked_and_carries_nothing_else(format, kind):
    data = prepare_image(content(sample_image(), dpi=(72, 72), icc_profile=b"x" * 200), None, Form(32, format=format))
    assert opened(data).format == kind and opened(data).mode == "RGB"
    assert "icc_profile" not in opened(data).info
    assert prepare_image(content(sample_image()), None, Form(32, format=format)) == data  # and the same bytes every time


def test_jpeg_quality_is_95():
    reference = opened(content(sample_image(), "JPEG", quality=95)).quantization
    assert opened(prepare_image(content(sample_image()), None, Form(32))).quantization == reference


@pytest.mark.parametrize(
    ("box", "margin", "area"),
    [
        ((10, 5, 30, 25), 0.0, (10, 5, 30, 25)),
        ((10, 5, 30, 25), 0.1, (8, 3, 32, 27)),
        ((10, 5, 30, 15), 0.2, (6, 3, 34, 17)),
        ((-5, -5, 30, 25), 0.0, (0, 0, 30, 25)),
        ((10, 5, 90, 90), 0.1, (2, 0, 40, 30)),
        ((39.2, 29.4, 39.4, 29.6), 0.0, (39, 29, 40, 30)),
    ],
)
def test_box_is_cropped_with_its_margin_inside_the_image(box, margin, area):
    image = sample_image(size=(40, 30))
    written = pixels(prepare_image(content(image), box, Form(0, margin, "png")))
    assert np.array_equal(written, np.asarray(image.crop(area)))


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (5, 9, 9, 9), (9, 5, 5, 9), (float("nan"), 0, 5, 5), (0, 0, float("inf"), 5)], ids=str
)
def test_empty_boxes_are_refused(box):
    with pytest.raises(ValueError, match="empty face box"):
        prepare_image(content(sample_image()), box, Form())


@pytest.mark.parametrize("box", [(-9, 0, 0, 9), (40, 0, 50, 9), (0, -9, 9, -1), (0, 30, 9, 40)], ids=str)
def test_boxes_outside_are_refused(box):
    with pytest.raises(ValueError, match=r"face box \(.*\) lies outside the image of 40×30 pixels"):
        crop_area(box, (40, 30), 1.0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_box_counts_in_the_stored_image_and_the_crop_is_turned(format):
    image = sample_image(size=(64, 48))
    stored = turned(image, format)
    crop = opened(stored).crop((8, 16, 40, 24)).convert("RGB")
    assert np.array_equal(pixels(prepare_image(stored, (8, 16, 40, 24), KEPT)), np.asarray(crop.rotate(-90, expand=True)))
    whole = opened(stored).convert("RGB").rotate(-90, expand=True)
    assert np.array_equal(pixels(prepare_image(stored, None, KEPT)), np.asarray(whole))


@pytest.mark.parametrize("kind", ["L", "P", "I;16", "RGBA", "CMYK"])
def test_every_kind_becomes_rgb(kind):
    image = sample_image().convert("L" if kind == "I;16" else kind)
    if kind == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    data = prepare_image(content(image, "TIFF"), (2, 3, 20, 20), KEPT)
    assert opened(data).mode == "RGB"
    assert (
        np.abs(
            pixels(data)
            - np.asarray(sample_image().convert("L" if kind == "I;16" else kind).convert("RGB").crop((2, 3, 20, 20)))
        ).max()
        <= 1
    )


@pytest.mark.parametrize("size,scale", [((2048, 1500), 8), ((1100, 600), 4), ((511, 300), 1), ((512, 300), 2)])
def test_large_jpegs_are_decoded_small_but_at_least_twice_the_size(size, scale, monkeypatch):
    decoded = []
    load = JpegImagePlugin.JpegImageFile.load
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", lambda self: (decoded.append(self.size), load(self))[1])
    image = sample_image(size=size)
    for box in (None, (0, 0, *size)):
        decoded.clear()
        data = prepare_image(content(image, "JPEG", quality=95), box, Form(128, 0.0, "png"))
        assert max(decoded[0]) == -(-max(size) // scale)
        full = prepare_image(content(image), box, Form(128, 0.0, "png"))
        assert np.abs(pixels(data) - pixels(full)).mean() < 2


def test_box_is_scaled_with_the_decoded_image():
    image = Image.new("RGB", (1600, 1200))
    image.paste((255, 255, 255), (800, 400, 1312, 912))
    box = (800, 400, 1312, 912)
    data = prepare_image(content(image, "JPEG", quality=95), box, Form(64, 0.0, "png"))  # 512 pixels -> decoded at 1/4
    assert pixels(data).min() > 250


def test_broken_images_are_refused():
    whole = content(sample_image(size=(300, 300)), "JPEG")
    for data in (b"", b"text", whole[: len(whole) // 2], content(sample_image(size=(99, 99)))[:-500]):
        with pytest.raises((OSError, ValueError, SyntaxError)):
            prepare_image(data, None, Form())


def test_absurd_sizes_are_refused_by_the_header_alone():
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 9)
        + b"IDAT"
    )
    with pytest.raises(Image.DecompressionBombError, match="900000000 pixels"):
        prepare_image(data, None, Form())


def test_fer2013_rows_become_grey_rgb():
    values = bytes(k % 251 for k in range(48 * 48))
    written = pixels(prepare_pixels(values, KEPT))
    assert np.array_equal(written, np.frombuffer(values, np.uint8).reshape(48, 48, 1).repeat(3, 2))
    with pytest.raises(ValueError):
        prepare_pixels(values[:-1], KEPT)
