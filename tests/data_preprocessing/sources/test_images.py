"""Reading images of every kind as RGB, and telling what is wrong with broken ones."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.sources.images import check_image, load_image, to_rgb
from data_preprocessing.sources.kinds import EXTENSIONS


def encode(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def saved(folder, image: Image.Image, name: str, **options):
    path = folder / name
    image.save(path, **options)
    return path


def pixel(image: Image.Image, xy: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    assert image.mode == "RGB"
    return image.getpixel(xy)


def sixteen_bit(*values: int) -> Image.Image:
    return Image.fromarray(np.array([values], dtype=np.uint16))


def floating(*values: float) -> Image.Image:
    return Image.fromarray(np.array([values], dtype=np.float32))


def levels(image: Image.Image) -> list[int]:
    """The grey levels of a one-row RGB image."""
    pixels = np.asarray(image)
    assert (pixels == pixels[..., :1]).all()
    return pixels[0, :, 0].tolist()


def palette_image() -> Image.Image:
    """Two pixels: index 0 is orange, index 1 is teal."""
    image = Image.new("P", (2, 1))
    image.putpalette([250, 120, 10, 20, 130, 140])
    image.putdata([0, 1])
    return image


def assert_reason(reason: str | None) -> None:
    assert reason
    assert len(reason.splitlines()) == 1
    assert not re.search(r"0x[0-9a-fA-F]+|<_io|object at", reason)


def test_grey_is_repeated_over_the_channels(tmp_path):
    path = saved(tmp_path, Image.new("L", (3, 2), 77), "grey.png")
    image = load_image(path)
    assert image.size == (3, 2)
    assert pixel(image) == (77, 77, 77)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("LA", (200, 255), (200, 200, 200)),
        ("LA", (200, 128), (100, 100, 100)),
        ("LA", (200, 0), (0, 0, 0)),
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        ("RGBA", (200, 100, 50, 128), (100, 50, 25)),
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
    ],
)
def test_transparency_is_composited_over_black(tmp_path, mode, colour, expected):
    path = saved(tmp_path, Image.new(mode, (2, 2), colour), "alpha.png")
    assert pixel(load_image(path)) == pytest.approx(expected, abs=1)


def test_palette_gives_its_colours(tmp_path):
    image = load_image(saved(tmp_path, palette_image(), "palette.png"))
    assert [pixel(image, (0, 0)), pixel(image, (1, 0))] == [(250, 120, 10), (20, 130, 140)]


def test_transparent_palette_entry_becomes_black(tmp_path):
    image = load_image(saved(tmp_path, palette_image(), "palette.png", transparency=1))
    assert [pixel(image, (0, 0)), pixel(image, (1, 0))] == [(250, 120, 10), (0, 0, 0)]


def test_transparent_grey_level_becomes_black(tmp_path):
    grey = Image.fromarray(np.array([[10, 200]], dtype=np.uint8))
    assert levels(load_image(saved(tmp_path, grey, "grey.png", transparency=200))) == [10, 0]


def test_one_bit_becomes_black_and_white(tmp_path):
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert levels(load_image(saved(tmp_path, image, "bits.png"))) == [0, 255]


@pytest.mark.parametrize(
    ("ink", "expected"),
    [((0, 0, 0, 0), (255, 255, 255)), ((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))],
)
@pytest.mark.parametrize("name", ["inks.tif", "inks.jpg"])
def test_cmyk_becomes_rgb(tmp_path, ink, expected, name):
    path = saved(tmp_path, Image.new("CMYK", (16, 16), ink), name)
    assert pixel(load_image(path)) == pytest.approx(expected, abs=3)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    path = saved(tmp_path, sixteen_bit(0, 257, 32768, 40000, 65535), "deep.png")
    assert levels(load_image(path)) == [0, 1, 128, 156, 255]


def test_dark_sixteen_bit_grey_stays_dark(tmp_path):
    path = saved(tmp_path, sixteen_bit(0, 1), "dark.png")
    assert levels(load_image(path)) == [0, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0.0, 0.5, 1.0), [0, 128, 255]), ((0.0, 100.0, 255.0), [0, 100, 255]), ((0.0, 32768.0, 65535.0), [0, 128, 255])],
)
def test_float_tiff_is_scaled_by_its_range(tmp_path, values, expected):
    path = saved(tmp_path, floating(*values), "float.tif")
    assert levels(load_image(path)) == expected


def test_black_float_image_stays_black():
    assert levels(to_rgb(floating(0.0, 0.0))) == [0, 0]


def test_exif_orientation_six_is_turned_upright(tmp_path):
    image = Image.new("RGB", (48, 32), (255, 0, 0))
    image.paste((0, 0, 255), (24, 0, 48, 32))  # stored: left red, right blue
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored left side is the top
    upright = load_image(saved(tmp_path, image, "turned.jpg", exif=exif, quality=95))
    assert upright.size == (32, 48)
    assert pixel(upright, (16, 4)) == pytest.approx((255, 0, 0), abs=8)
    assert pixel(upright, (16, 44)) == pytest.approx((0, 0, 255), abs=8)


def test_rgb_pixels_pass_unchanged(make_image):
    image = make_image(3)
    assert to_rgb(image).tobytes() == image.tobytes()


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_extension_is_read_and_found_good(tmp_path, make_image, extension):
    path = tmp_path / f"picture{extension}"
    make_image(1, (20, 30)).convert("L" if extension == ".pgm" else "RGB").save(path)
    assert load_image(path).size == (20, 30)
    assert load_image(str(path)).mode == "RGB"
    assert check_image(path.read_bytes()) is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_good_png_of_any_mode_has_no_fault(make_image, mode):
    image = sixteen_bit(1, 2, 3) if mode == "I;16" else make_image(0).convert(mode)
    assert check_image(encode(image, "PNG")) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_file_gives_a_reason(make_image, kind, share):
    data = encode(make_image(0, (120, 100)), kind)
    assert check_image(data) is None
    assert_reason(check_image(data[: int(share * len(data))]))


@pytest.mark.parametrize("data", [b"", b"this is no image\nbut two lines of text\n", bytes(200), b"\xff\xd8\xff"])
def test_what_is_no_image_gives_a_reason(data):
    assert_reason(check_image(data))


def test_empty_file_is_called_empty():
    assert "empty" in check_image(b"")


def test_decoder_failing_with_a_key_error_gives_a_reason(make_image, monkeypatch):
    def fail(self):
        raise KeyError("compression")

    data = encode(make_image(0), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    assert_reason(check_image(data))


@pytest.mark.parametrize("name", ["text.jpg", "empty.png"])
def test_loading_what_is_no_image_raises(tmp_path, name):
    path = tmp_path / name
    path.write_text("no image" if name == "text.jpg" else "")
    with pytest.raises((OSError, ValueError)):
        load_image(path)
