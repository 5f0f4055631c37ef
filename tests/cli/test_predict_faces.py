"""--evaluate FILE --predict PATH... --faces: photographs, from the command line to the files that it leaves."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.common.files import read_json
from data_preprocessing.faces import FINDERS
from data_preprocessing.faces.finders import Packaged
from models import load_model, predict
from tests.face_runs import CLASSES, expected, predicted, values
from tests.fake_faces import marked, some_faces
from tests.reproduction.cli_runs import run, saved, train

pytestmark = pytest.mark.usefixtures("in_face_work")


def test_every_face_of_photographs_is_a_row_that_its_crop_alone_would_get(tmp_path, capsys):
    status, rows = predicted(tmp_path / "o", "photos")
    assert status == 0
    assert [(row["file"], row["face"]) for row in rows] == [
        ("photos/more/one.png", "1"), ("photos/two.png", "1"), ("photos/two.png", "2"),
    ]  # fmt: skip
    crops = [expected(Image.open(f"photos/{name}.png")) for name in ("more/one", "two")]
    assert np.allclose([values(row) for row in rows], np.concatenate(crops), atol=1e-5)
    assert len({row["class"] for row in rows}) > 1 or len({row["p_anger"] for row in rows}) == 3
    assert [rows[2][name] for name in ("frame", "time_s", "track", "x", "y", "width", "height", "score")] == [
        "", "", "", "200.0", "100.0", "48.0", "48.0", "0.9000",
    ]  # fmt: skip
    assert all(row["class"] == CLASSES[int(np.argmax(values(row)))] for row in rows)
    out = capsys.readouterr().out
    best = max(values(rows[0]))
    assert f"photos/more/one.png: 1 face: 1 {rows[0]['class']} {best:.3f}\n" in out and "photos/two.png: 2 faces: 1 " in out
    assert "photos/none.png: no face found\n" in out and "\n3 faces in 2 of 3 photographs; " in out
    assert "no face found in 1 of 3 photographs: photos/none.png; what is a face crop already is predicted without" in out
    assert "could not be read" not in out


def test_args_json_tells_how_faces_were_found_and_averaged(tmp_path):
    predicted(tmp_path / "o", "photos/two.png", flags=("--smooth", 2, "--every", 3))
    facts = read_json(tmp_path / "o/args.json")["faces"]
    assert facts == {"finder": "yunet", "align": "points", "every": 3, "smooth": 2.0}


def test_no_face_at_all_is_no_error(tmp_path, capsys):
    status, rows = predicted(tmp_path / "o", "photos/none.png", flags=("--draw",))
    assert (status, rows) == (0, []) and (tmp_path / "o/predictions.csv").read_text().count("\n") == 1
    assert "\n0 faces in 0 of 1 photographs; " in capsys.readouterr().out
    assert not (tmp_path / "o/contact_sheet.png").exists() and (tmp_path / "o/pictures/00001_none.jpg").exists()


def test_hundreds_of_faces_in_one_photograph(tmp_path, capsys):
    places = [(60 * x + 10, 60 * y + 10) for y in range(15) for x in range(14)]
    Image.fromarray(marked(some_faces(210), places, (850, 910))).save(tmp_path / "crowd.png")
    status, rows = predicted(tmp_path / "o", tmp_path / "crowd.png", flags=("--draw", "-b", 64))
    assert status == 0 and len(rows) == 210 and len({(row["x"], row["y"]) for row in rows}) == 210
    assert "crowd.png: 210 faces: 1 " in (out := capsys.readouterr().out) and " and 204 more\n" in out
    assert (tmp_path / "o/contact_sheet_2.png").exists()  # a sheet has 200


def test_a_photograph_is_upright_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: shown a quarter turn clockwise
    upright = marked(some_faces(1), [(20, 200)], (240, 320))
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.png", exif=exif)
    _, [row] = predicted(tmp_path / "o", tmp_path / "a.png")
    assert (row["x"], row["y"]) == ("20.0", "200.0")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--every", "2"], "--every goes with --predict PATH... --faces"),
        (["--evaluate", "bare.pth", "--predict", "photos", "--smooth", "1"], "--smooth goes with --predict PATH... --faces"),
        (["--evaluate", "bare.pth", "--faces"], "--faces: name photographs and videos by --predict PATH..."),
        (["--evaluate", "bare.pth", "--predict", "photos", "--faces", "--every", "0"], "--every 0: must be at least 1"),
        (["--evaluate", "bare.pth", "--predict", "photos", "--faces", "--smooth", "-1"], "--smooth -1.0: must be a finite"),
    ],
)
def test_wrong_flags_are_one_line(flags, words, capsys):
    assert run(*flags) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error


def trained(name: str, align: str | None) -> Path:
    """A checkpoint of a run on a few faces that `prepare --align` is said to have cropped; None: it says nothing."""
    data = Path(f"data_{name}")
    for seed, (split, label, k) in enumerate(product(("train", "valid"), ("joy", "슬픔"), range(3))):
        path = data / split / label / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(some_faces(12)[seed]).save(path)
    if align:
        (data / "prepare.json").write_text(json.dumps({"align": align, "finder": "yunet"}))
    train(name, "--model", "deep_emotion", "-b", 4, data=data)
    return Path(f"checkpoint/{name}/best.pth")


@pytest.mark.parametrize(
    ("stored", "flags", "used", "told"),
    [
        ("box", (), "box", ""),
        ("points", ("--align", "points"), "points", ""),
        ("points", ("--align", "box"), "box", "warning: --align box, but the checkpoint was trained on faces that"),
        (None, (), "points", "the checkpoint does not tell how its training faces were cropped"),
        (None, ("--align", "box"), "box", ""),
    ],
)  # fmt: skip
def test_faces_are_cropped_as_those_that_the_checkpoint_was_trained_on(tmp_path, capsys, stored, flags, used, told):
    name = f"{stored}_{len(flags)}_{used}"
    checkpoint = trained(name, stored)
    assert saved(name, "best.pth")["args"]["alignment"] == (stored or "none")
    capsys.readouterr()
    command = ("--evaluate", checkpoint, "--device", "cpu", "--out", tmp_path / "o", "--predict", "photos", "--faces", "-j", 1)
    assert run(*command, *flags) == 0
    out = capsys.readouterr().out
    assert read_json(tmp_path / "o/args.json")["faces"]["align"] == used
    assert (told in out) if told else ("--align" not in out and "does not tell" not in out)
    assert ("3 of 3 faces were cropped by their boxes" in out) == (used == "points")  # this finder gives no points


def test_python_predicts_the_faces_of_photographs_as_the_command_does(tmp_path):
    _, rows = predicted(tmp_path / "o", "photos")
    model = load_model("bare.pth")
    paths = ["photos/more/one.png", "photos/none.png", "photos/two.png"]
    found = predict(model, paths, batch_size=2, faces=True)
    assert [len(faces) for faces in found] == [1, 0, 2]
    faces = [face for faces in found for face in faces]
    assert np.allclose([face.probabilities for face in faces], [values(row) for row in rows], atol=1e-5)
    assert [face.box for face in faces] == [tuple(float(row[k]) for k in ("x", "y", "width", "height")) for row in rows]
    assert faces[0].score == 0.9 and faces[0].points is None
    one = predict(model, Image.open(paths[2]), faces=True)
    assert len(one) == 1 and [face.box for face in one[0]] == [face.box for face in found[2]]
    assert predict(model, [], faces=True) == []


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "the face finder yunet needs surely-missing: python -m pip install"),
        (("--finder", "retinaface"), "the face finder retinaface needs never-there: python -m pip install"),
    ],
)
def test_without_the_finders_packages_one_line_says_what_to_install(tmp_path, monkeypatch, capsys, flags, words):
    for name, package in (("yunet", "surely-missing"), ("retinaface", "never-there")):
        monkeypatch.setitem(FINDERS, name, Packaged("none", "None", (), package, "python -m pip install it"))
    assert predicted(tmp_path / "o", "photos", flags=flags) == (2, [])
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error and not (tmp_path / "o").exists()
