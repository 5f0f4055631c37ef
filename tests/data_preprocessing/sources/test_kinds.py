"""Telling images from other files by their names and their first bytes."""

import io

import pytest
from PIL import Image

from data_preprocessing.sources.kinds import EXTENSIONS, START, choose_images, foreign_kind, holds_image, left_out_note


def never(name: str) -> bytes:
    raise AssertionError(f"{name} was opened")


def start(kind: str, **options) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (9, 9)).save(data, kind, **options)
    return data.getvalue()[:START]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF", "AVIF", "JPEG2000", "MPO"])
def test_every_kind_that_is_read_is_told_by_its_first_bytes(kind):
    assert holds_image(start(kind)) and foreign_kind(start(kind)) is None
    assert choose_images(["x"], lambda name: start(kind)) == (["x"], {})


def test_raw_jpeg_2000_and_big_tiff_are_images():
    assert holds_image(start("JPEG2000", no_jp2=True)) and holds_image(start("TIFF", big_tiff=True))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomavc1", "video"),
        (b"RIFF\1\2\3\4AVI LIST", "video"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera RAW"),
        (b"8BPS\0\1", "PSD"),
        (b"\xff\x0a\1", "JPEG XL"),
        (b"BM is how this text begins, and it goes on", None),
        (b"P1 is no image", None),
        (b"", None),
    ],
)
def test_other_files_are_no_images(data, kind):
    assert not holds_image(data) and foreign_kind(data) == kind
    assert choose_images(["a"], lambda name: data) == ([], {kind or "other": ["a"]})


def test_avif_that_names_itself_second_is_an_image():
    assert holds_image(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf")


def test_files_with_a_well_known_ending_are_not_opened():
    images = [f"a/1{ending.upper()}" for ending in EXTENSIONS]
    quiet = ["a/labels.txt", "a/1.JSON", "Thumbs.db", "desktop.ini", "README", "1_exp.npy"]
    assert choose_images([*images, *quiet, "a/1.NEF"], never) == (images, {"camera RAW": ["a/1.NEF"]})


def test_content_outweighs_the_ending_of_another_kind():
    assert choose_images(["a.heic"], lambda name: start("JPEG")) == (["a.heic"], {})


def test_file_that_cannot_be_opened_is_told_by_its_name():
    def broken(name: str) -> bytes:
        raise OSError

    assert choose_images(["a.mp4", "pipe"], broken) == ([], {"video": ["a.mp4"], "other": ["pipe"]})


def test_note_counts_names_and_says_what_to_do():
    names = {"other": ["d"], "HEIC": [f"{k}.heic" for k in range(5)]}
    assert left_out_note(names, "train") == (
        "warning: train: 6 files are left out: 5 HEIC (0.heic, 1.heic, 2.heic and 2 more; convert them to JPEG, for example "
        "with the Python package pillow-heif), 1 other (d; no images)"
    )
    assert left_out_note({"other": ["m\n"]}, "d") == "d: 1 file is left out: 1 other ('m\\n'; no images)"
    assert left_out_note({}) == ""
