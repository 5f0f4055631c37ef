"""Damaged, lying and huge image files: read, or refused with a reason, by the check before a run and in training alike."""

import io
import json
import os
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from PIL import Image

from data_preprocessing.common.errors import DataError, one_line
from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.input_image import RGB224
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import check_images, read_split
from data_preprocessing.sources.images import check_image, decode, load_image
from tests.fuzz.hostile import SECONDS, assert_one_line, cases, limited, mutated, silent
from tests.fuzz.picture_files import chunk, encoded, png, samples, turned, with_right_sums, zeros

ROOT = Path(__file__).parents[2]
NAMES = sorted(samples())
# pytest puts filters of its own in place of those that images.py sets; see the last test
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")


def examined(data: bytes) -> str | None:
    """What the check says of an image file; training must agree with it."""
    with limited(), silent():
        problem = check_image(data)
        try:
            image, failed = decode(io.BytesIO(data)), None
        except Exception as error:
            image, failed = None, error
    assert (problem is None) == (failed is None), (problem, failed)
    if problem is None:
        assert image.mode == "RGB" and min(image.size) > 0
    else:
        assert_one_line(problem)
        assert len(problem) < 300
    return problem


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_are_good(name):
    assert examined(samples()[name]) is None


@cases(30)
@given(st.sampled_from(NAMES), st.integers(0, 2**32), st.booleans())
def test_a_damaged_file_is_read_or_refused_by_check_and_training_alike(name, seed, mend):
    data = mutated(samples()[name], seed)
    if mend and name.startswith("png"):
        data = with_right_sums(data)
    event(f"{name.split()[0]}: {'read' if examined(data) is None else 'refused'}")


@cases(6)
@given(st.sampled_from(NAMES), st.sampled_from(NAMES), st.integers(0, 2**32))
def test_two_files_run_into_each_other(first, second, seed):
    cut = seed % len(samples()[first])
    event("read" if examined(samples()[first][:cut] + samples()[second][seed % 97 :]) is None else "refused")


def exif_of(data: bytes) -> bytes:
    return encoded(Image.new("RGB", (8, 8)), "JPEG", exif=b"Exif\0\0" + data)


def floats(value: float) -> bytes:
    return encoded(Image.fromarray(np.full((3, 3), value, np.float32)), "TIFF")


def bitmap(width: int, height: int) -> bytes:
    data = encoded(Image.new("L", (2, 2)), "BMP")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def avif(width: int, height: int, as_said: tuple[int, int]) -> bytes:
    """An AVIF file that says it has another size than its pixels have."""
    data = encoded(Image.new("RGB", (width, height)), "AVIF", speed=10)
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", *as_said) + data[place + 8 :]


def codestream(width: int, height: int) -> bytes:
    """A JPEG 2000 file that says it has this size and holds 8×8 pixels."""
    data = encoded(Image.new("RGB", (8, 8)), "JPEG2000", no_jp2=True)
    place = data.index(b"\xff\x4f\xff\x51") + 8  # of the image's size, its corner, and the tile's size
    return data[:place] + struct.pack(">IIIIII", width, height, 0, 0, width, height) + data[place + 24 :]


BLACK = zeros(8 * (8 * 3 + 1))
TEXT_BOMB = chunk(b"zTXt", b"Comment\0\0" + zeros(2**27))
PROFILE_BOMB = chunk(b"iCCP", b"profile\0\0" + zeros(2**27))
GIF = b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\0;"
LYING = {  # content, words of the reason; None: it is read
    "nothing": (b"", "the file is empty"),
    "text": (b"no image", "cannot identify"),
    "EPS, which Pillow has Ghostscript run": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "cannot identify"),
    "PNG of 900 megapixels": (png(30000, 30000, 2, zeros(100)), "900000000 pixels"),
    "PNG of 41 megapixels": (png(41_000, 1000, 2, zeros(100)), "41000×1000 pixels; PNG is read up to 40 megapixels"),
    "BMP of 900 megapixels": (bitmap(30000, 30000), "900000000 pixels"),
    "BMP of 100 megapixels": (bitmap(10000, 10000), "10000×10000 pixels; BMP is read up to 40 megapixels"),
    "GIF of 65535 pixels per side": (GIF, "4294836225 pixels"),
    "PNG with more pixels than it says": (png(8, 8, 2, zeros(10**7)), None),
    "PNG with a long text": (png(8, 8, 2, BLACK, chunk(b"tEXt", b"Comment\0" + b"x" * 2_000_000)), None),
    "PNG with a text that unpacks to much": (png(8, 8, 2, BLACK, TEXT_BOMB), "Decompressed data too large"),
    "PNG with a profile that unpacks to much": (png(8, 8, 2, BLACK, PROFILE_BOMB), "Decompressed data too large"),
    "PNG of no width": (png(0, 8, 2, b""), "cannot identify"),
    "PNG with pixels missing": (png(80, 80, 2, zeros(1000)), "truncated"),
    "EXIF without end": (exif_of(b"MM\0*\0\0\0\x08\xff\xff" + b"\1\x12\0\3\0\0\0\1\0\6" * 9), None),
    "EXIF of nonsense": (exif_of(b"XX\0*\0\0"), None),
    "EXIF of nonsense in a PNG": (png(8, 8, 2, BLACK, chunk(b"eXIf", b"XX\0*\0\0")), None),
    "EXIF of nonsense in a PNG's text": (png(8, 8, 2, BLACK, chunk(b"tEXt", b"Raw profile type exif\0\n exif\n 9\nzz")), None),
    "WebP of 26 megapixels": (encoded(Image.new("RGB", (5100, 5100)), "WEBP", method=0), "WEBP is read up to 20 megapixels"),
    "AVIF of 26 megapixels": (avif(5100, 5100, as_said=(5100, 5100)), "AVIF is read up to 20 megapixels"),
    "AVIF that says it is smaller": (avif(300, 300, as_said=(8, 8)), None),
    "JPEG 2000 of 16 megapixels": (codestream(4000, 4000), "JPEG2000 is read up to 10 megapixels"),
    "JPEG 2000 with pixels missing": (codestream(300, 300), None),
    "HEIC by another name": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is HEIC, whatever its name says: convert"),
    "EXIF that points at itself": (exif_of(b"II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"), None),
    "EXIF that turns by a text": (exif_of(b"II*\0\x08\0\0\0\1\0\x12\1\2\0\2\0\0\0a\0\0\0\0\0\0\0"), None),
    "one pixel": (encoded(Image.new("RGB", (1, 1)), "PNG"), None),
    "a line of 20,000 pixels": (encoded(Image.new("RGB", (1, 20_000)), "JPEG", exif=turned()), None),
    "floats that are no numbers": (floats(np.nan), None),
    "floats without bounds": (floats(np.inf), None),
}


@pytest.mark.parametrize("name", LYING)
def test_files_that_lie_are_read_or_refused_with_their_reason(name):
    data, reason = LYING[name]
    problem = examined(data)
    assert problem is None if reason is None else reason in problem


SHAPES = [
    (name, width, height)
    for name in ("plain", "flip", "flip-noise-erase", "pad", "jitter-affine-erase")
    for width, height in ((1, 1), (1, 20_000), (20_000, 1))
]


@pytest.mark.parametrize(("transform", "width", "height"), SHAPES)
def test_images_of_any_shape_become_the_networks_size(tmp_path, transform, width, height):
    for place, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        Image.new("RGB", (width, height), (place, 9, 9)).save(tmp_path / name / "x.png")
    with limited():
        image = FaceDataset(read_split("train", tmp_path), create_transform(transform, RGB224))[0, 0][0]
    assert image.shape == (3, 224, 224) and bool(image.isfinite().all())


@pytest.fixture
def odd_files(tmp_path):
    """A split folder whose class `a` holds a good image and what is called like one."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9)).save(tmp_path / name / "good.png")
    os.mkfifo(tmp_path / "a/fifo.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "a/socket.png"))
    (tmp_path / "a/dangling.jpg").symlink_to("nowhere")
    (tmp_path / "a/circle.jpg").symlink_to("circle.jpg")
    (tmp_path / "a/device.jpg").symlink_to("/dev/null")
    with open(tmp_path / "a/huge.jpg", "wb") as file:
        file.truncate(2**40)
    (tmp_path / "a" / os.fsdecode(b"\xff\n.jpg")).write_bytes(b"")
    return tmp_path


def test_what_is_no_regular_file_is_named_and_dropped_like_an_unreadable_image(odd_files):
    split = read_split("train", odd_files)
    with limited():
        checked = check_images(split, skip_bad=True)
        assert checked.split.paths == ("a/good.png", "b/good.png")
        problems = dict(entry.removeprefix(f"{odd_files}/a/").split(": ", 1) for entry in checked.bad)
        assert problems == {
            "fifo.jpg": "not a regular file",
            "socket.png": "not a regular file",
            "device.jpg": "not a regular file",
            "dangling.jpg": "No such file or directory",
            "circle.jpg": "Too many levels of symbolic links",
            "huge.jpg": "1,099,512 MB; at most 134 are read",
            "\\udcff\\n.jpg": "the file is empty",
        }
        for index, path in enumerate(split.paths):
            if "good" not in path:
                with pytest.raises(OSError):
                    load_image(odd_files / path)
                with pytest.raises(DataError, match=r"unreadable image \(.+\); mend it, or --skip-bad-images") as caught:
                    FaceDataset(split, create_transform("plain", RGB224))[0, index]
                assert_one_line(one_line(caught.value))


def test_a_image_that_vanishes_between_listing_and_reading_is_named(tmp_path, odd_files):
    split = read_split("train", odd_files)
    (odd_files / "b/good.png").unlink()
    with pytest.raises(DataError, match=r"no readable image is left in class b"):
        check_images(split, skip_bad=True)


MEASURE = r"""
import json, re, sys
from data_preprocessing.sources.images import check_image, load_image
from data_preprocessing.loading.input_image import RGB224
def peak():  # of this program alone; getrusage would count what its parent had
    return int(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1]) // 1024
before, found = peak(), {}
for path in sys.argv[1:]:
    try:
        load_image(path)
        said = "read"
    except Exception as error:
        said = str(error)
    with open(path, "rb") as file:
        said = check_image(file.read()) or said
    found[path] = said, peak() - before
print(json.dumps(found))
"""


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_no_image_takes_more_than_600_megabytes(tmp_path):
    quarter = chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
    rows = 6320 * (1 + 4 * 6320)
    files = {
        "refused.png": png(30000, 30000, 6, zeros(10**6)),
        "text.png": png(8, 8, 2, BLACK, *[TEXT_BOMB] * 2),
        "flat.webp": encoded(Image.new("RGBA", (16383, 1220), (1, 2, 3, 4)), "WEBP", method=0, quality=0),
        "scans.jpg": encoded(Image.new("CMYK", (7900, 7900)), "JPEG", progressive=True, subsampling=0, exif=turned()),
        "largest.avif": encoded(Image.new("RGBA", (4472, 4472), (1, 2, 3, 4)), "AVIF", speed=10, subsampling="4:4:4"),
        "largest.jp2": encoded(Image.new("RGBA", (3162, 3162), (1, 2, 3, 4)), "JPEG2000"),
        "largest.png": png(6320, 6320, 6, zeros(rows), quarter),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    paths = [str(tmp_path / name) for name in files]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *paths], cwd=ROOT, capture_output=True, text=True, timeout=6 * SECONDS
    )
    assert done.stderr == ""
    found = {Path(path).name: result for path, result in json.loads(done.stdout).items()}
    assert max(megabytes for _, megabytes in found.values()) < 600, found
    assert {name for name, (said, _) in found.items() if said == "read"} == {*files} - {"refused.png", "text.png"}, found


def test_checks_and_loading_print_nothing_of_their_own():
    broken = exif_of(b"MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\xff\xff\xff\xff")
    code = (
        "import io, sys; from data_preprocessing.sources.images import check_image, decode\n"
        "for data in eval(sys.stdin.read()):\n    if check_image(data) is None:\n        decode(io.BytesIO(data))"
    )
    cut = [data[: len(data) * 2 // 3] for data in samples().values()]
    bands = samples()["tiff RGB None"].replace(struct.pack("<HHIH", 277, 3, 1, 3), struct.pack("<HHIH", 277, 3, 1, 99))
    large = [png(12_000, 9_000, 0, zeros(100)), broken, zlib.compress(b""), bands, floats(np.nan), floats(-np.inf)]
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input=repr(cut + large), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
