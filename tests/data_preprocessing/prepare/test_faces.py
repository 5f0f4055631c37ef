"""`prepare --align` as a user types it, with a finder that needs no package."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import prepared_alignment, warped
from data_preprocessing.prepare.command import main
from data_preprocessing.prepare.faces import _upright_box
from tests.data_preprocessing.prepare.prepare_files import content, files_below, write_files
from tests.fake_faces import GREEN, PLAIN, plain_squares, use_marks

SQUARE = (60, 40, 54)


@pytest.fixture(autouse=True)
def _fake(monkeypatch):
    use_marks(monkeypatch, "fake")


@pytest.fixture
def source(tmp_path):
    """Two classes with a face each, one image with two faces, one with a face of no points, one without any."""
    images = {
        "joy/one.png": plain_squares(SQUARE),
        "joy/two.png": plain_squares((10, 10, 42), (90, 50, 72)),
        "joy/none.png": plain_squares(),
        "sad/one.png": plain_squares((20, 30, 60)),
        "sad/pointless.png": plain_squares(SQUARE, colour=GREEN),
        "sad/again.png": plain_squares((100, 20, 48)),
    }
    return write_files(tmp_path / "source", {name: content(image) for name, image in images.items()})


def run(source, out, *flags: str) -> int:
    given = ["--workers", "1", "--size", "112", "--format", "png", "--ratios", "1,0,0"]
    return main(["folder", "--source", str(source), "--out", str(out), *given, *flags])


def rows(out) -> dict[str, dict]:
    return {row["path"]: row for row in csv.DictReader(io.StringIO((out / "manifest.csv").read_text()))}


def test_faces_are_cropped_and_all_else_is_counted(source, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(source, out, "--align", "points", "--finder", "fake") == 0
    said = capsys.readouterr().out
    assert "note: 1 image with several faces: joy/two.png; the largest, most central one is taken" in said
    assert "note: 1 image without a face left out: joy/none.png" in said
    assert "note: 1 face cropped by the box, eyes covered or no five points that fit: sad/pointless.png" in said
    assert "note: --align points: 5 faces of 5 images" in said
    assert (out / "skipped.csv").read_text().splitlines() == [
        "source,class,split,problem",
        "joy/none.png,joy,train,no face found",
    ]
    table = rows(out)
    assert {row["source"]: (row["align"], row["faces"], row["box"]) for row in table.values()} == {
        "joy/one.png": ("points", "1", "60 40 114 94"),
        "joy/two.png": ("points", "2", "90 50 162 122"),
        "sad/again.png": ("points", "1", "100 20 148 68"),
        "sad/one.png": ("points", "1", "20 30 80 90"),
        "sad/pointless.png": ("box", "1", "60 40 114 94"),
    }
    assert prepared_alignment(out) == "points"
    for path, row in table.items():
        matrix = np.array(row["transform"].split(), float).reshape(2, 3)
        with Image.open(out / path) as written, Image.open(source / row["source"]) as image:
            assert written.tobytes() == warped(image, matrix, 112).tobytes()
    with Image.open(out / "train/joy/one.png") as crop:
        assert (np.asarray(crop)[24:-4, 24:-4] == PLAIN).all()  # the square of the template fills the crop


def test_all_faces_of_an_image_are_written_apart(source, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(source, out, "--align", "box", "--finder", "fake", "--faces-per-image", "all") == 0
    assert "note: 1 image with several faces: joy/two.png; each is written" in capsys.readouterr().out
    of_two = [row for row in rows(out).values() if row["source"] == "joy/two.png"]
    assert {row["box"] for row in of_two} == {"10 10 52 52", "90 50 162 122"} and {row["split"] for row in of_two} == {"train"}


def test_a_fixed_box_stands_in_where_no_face_is_found(source, tmp_path):
    assert run(source, tmp_path / "out", "--align", "points", "--finder", "fake", "--box", "58,38,60,60") == 0
    by_source = {row["source"]: row for row in rows(tmp_path / "out").values()}
    assert (by_source["joy/none.png"]["align"], by_source["joy/none.png"]["box"]) == ("box", "58 38 118 98")
    assert by_source["joy/one.png"]["align"] == "points"
    assert not (tmp_path / "out" / "skipped.csv").exists()


@pytest.mark.parametrize("align", ["box", "none"])
def test_a_fixed_box_needs_no_finder(source, tmp_path, align, monkeypatch):
    monkeypatch.setattr("data_preprocessing.prepare.faces.make_finder", None)
    assert run(source, tmp_path / "out", "--align", align, "--box", "60,40,54,54", "--margin", "0") == 0
    with Image.open(tmp_path / "out/train/joy/one.png") as crop:
        assert (np.asarray(crop)[24:-2, 24:-2] == PLAIN).all()


def test_without_align_nothing_is_other_than_before(source, tmp_path):
    assert run(source, tmp_path / "out") == 0
    assert (tmp_path / "out/manifest.csv").read_text().splitlines()[0] == "path,source,class,subject,split,box,sha256"
    assert prepared_alignment(tmp_path / "out") == "none"


def test_what_was_cut_off_goes_on_with_the_same_result(source, tmp_path):
    flags = ("--align", "points", "--finder", "fake")
    assert run(source, tmp_path / "whole", *flags) == 0 == run(source, tmp_path / "cut", *flags)
    (tmp_path / "cut/manifest.csv").unlink()
    (tmp_path / "cut/train/joy/one.png").unlink()
    assert run(source, tmp_path / "cut", *flags, "--resume") == 0
    assert files_below(tmp_path / "cut") == files_below(tmp_path / "whole")


@pytest.mark.parametrize(
    "flags, said",
    [
        (("--finder", "fake"), "--finder: means nothing without --align points or --align box"),
        (("--faces-per-image", "all"), "--faces-per-image: means nothing without --align"),
        (("--align", "points", "--size", "0"), "--align points: crops have one size; give --size"),
        (("--box", "0,0,9,9", "--format", "same", "--size", "0"), "--box: crops the images, and --format same copies them"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(source, tmp_path, capsys, flags, said):
    assert run(source, tmp_path / "out", *flags) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}") and error.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5", "0,0,inf,5"])
def test_no_box_is_refused(source, tmp_path, capsys, box):
    with pytest.raises(SystemExit) as ended:
        run(source, tmp_path / "out", f"--box={box}")
    assert ended.value.code == 2 and "--box" in capsys.readouterr().err


def test_images_without_any_face_are_an_error_with_the_remedy(tmp_path, capsys):
    names = ("joy/a.png", "joy/b.png", "sad/a.png", "sad/b.png")
    empty = write_files(tmp_path / "empty", {name: content(plain_squares(size=(50 + k, 50))) for k, name in enumerate(names)})
    assert run(empty, tmp_path / "out", "--align", "points", "--finder", "fake") == 2
    assert "no face found in any of 4 images; --finder retinaface" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_of_the_stored_image_is_turned_with_it(orientation):
    stored = Image.new("RGB", (60, 40))
    stored.paste((255, 0, 0), (10, 5, 30, 12))
    exif = stored.getexif()
    exif[274] = orientation
    file = io.BytesIO()
    stored.save(file, "PNG", exif=exif)
    from data_preprocessing.sources.images import decode

    left, top, right, bottom = decode(file).convert("L").getbbox()
    assert _upright_box((10, 5, 30, 12), (60, 40), orientation, 1.0) == (left, top, right - left, bottom - top)
