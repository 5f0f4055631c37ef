"""The same folder through main.py, the audit and prepare: the same images, or the same advice, in one line."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import main
from data_preprocessing.audit import command as audit
from data_preprocessing.prepare import command as prepare

TRAIN = ["--model", "deep_emotion", "--epochs", "1", "-b", "4", "--device", "cpu", "--cache", "off", "--run", "r"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def image(path: str, kind: str = "JPEG") -> None:
    """A file of random pixels, others for every path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(list(path.encode())).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((48, 48)).save(path, kind)


def tree(root: str, splits: tuple[str, ...] = ("train", "valid", "test"), count: int = 2) -> None:
    for split in splits:
        for name in ("angry", "happy"):
            for k in range(count):
                image(f"{root}/{split}/{name}/{k}.jpg")


def test_kaggles_form_is_read_whole_by_all_three(capsys):
    tree("d", ("train", "validation", "test"), 3)
    assert main.main(["--data", "d", *TRAIN]) == 0
    out = capsys.readouterr().out
    assert all(f"{name}: 6 images (angry 3, happy 3)" in out for name in ("train", "valid", "test"))
    assert "the epoch is chosen on test" not in out and "warning: no" not in out
    assert audit.main(["d", "--out", "a"]) == 0
    assert "valid: 6 images in 2 classes" in capsys.readouterr().out
    assert prepare.main(["folder", "--source", "d", "--out", "p", "--workers", "1"]) == 0
    assert {path.name for path in Path("p").iterdir() if path.is_dir()} == {"train", "valid", "test"}


def test_images_of_any_name_reach_training_prediction_audit_and_preparation(capsys):
    tree("d")
    odd = {
        "a.jfif": "JPEG",
        "b.jpe": "JPEG",
        "c.avif": "AVIF",
        "d.jp2": "JPEG2000",
        "bare": "PNG",
        "k.jpg.1": "JPEG",
        "m.jpg ": "JPEG",
    }
    for name, kind in odd.items():
        image(f"d/train/angry/{name}", kind)
    image("d/train/@eaDir/angry/0.jpg")
    image("d/train/angry/@eaDir/0.jpg/small.jpg")
    Path("d/train/angry/x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    note = "1 HEIC (angry/x.heic; convert them to JPEG, for example with the Python package pillow-heif)"
    assert main.main(["--data", "d", *TRAIN]) == 0
    out = capsys.readouterr().out
    assert "train: 11 images (angry 9, happy 2)" in out and out.count(note) == 2  # at first, and with the result
    assert note in Path("log/r/log.txt").read_text()
    assert audit.main(["d", "--out", "a"]) == 0
    out = capsys.readouterr().out
    assert "train: 11 images in 2 classes" in out and out.count(note) == 1
    assert prepare.main(["folder", "--source", "d", "--out", "p", "--workers", "1"]) == 0
    assert "1 HEIC (train/angry/x.heic" in capsys.readouterr().out
    with open("p/manifest.csv", newline="") as file:
        written = {row["source"]: row["path"] for row in csv.DictReader(file)}
    assert len(written) == 19 and written["train/angry/bare"] == "train/angry/bare.jpg"
    assert main.main(["--evaluate", "checkpoint/r/best.pth", "--predict", "d/train/angry", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "9 images in" in out and "x.heic; convert" in out and all(f"d/train/angry/{name}:" in out for name in odd)


@pytest.mark.parametrize("given", ["people", "parent", "classes", "fer", "absent"])
def test_audit_and_training_give_the_same_advice(given, capsys):
    tree("people", ("s01", "s02"))
    tree("parent/DATASET")
    tree("classes", ("",))
    Path("fer").mkdir()
    Path("fer/fer2013.csv").write_text("emotion,pixels,Usage\n")
    assert main.main(["--data", given, *TRAIN]) == 2
    told = capsys.readouterr().err
    assert audit.main([given, "--out", "a"]) == 2
    assert told == capsys.readouterr().err.replace("error: ", "error: --data ") and told.count("\n") == 1
    assert not Path("log").exists() and not Path("a").exists()


def test_persons_become_subjects_by_the_command_that_is_named(capsys):
    tree("people", ("s01", "s02", "s03"))
    assert prepare.main(["folder", "--source", "people", "--out", "p"]) == 2
    error = capsys.readouterr().err
    assert "s01, s02, s03" in error and "--subject-regex '([^/]+)/(?:angry|happy)/'" in error and not Path("p").exists()
    flags = ["--subject-regex", "([^/]+)/(?:angry|happy)/", "--workers", "1"]
    assert prepare.main(["folder", "--source", "people", "--out", "p", *flags]) == 0
    assert "split by subject" in capsys.readouterr().out
    with open("p/manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["class"], row["subject"]) for row in rows} == {
        (c, s) for c in ("angry", "happy") for s in ("s01", "s02", "s03")
    }


def test_tree_of_several_data_sets_is_refused(capsys):
    tree("all/ck")
    tree("all/jaffe")
    assert prepare.main(["folder", "--source", "all", "--out", "p"]) == 2
    assert "several data sets; give one, as all/ck" in capsys.readouterr().err


def test_one_split_given_to_prepare_tells_of_the_others(capsys):
    tree("d", count=4)
    assert prepare.main(["folder", "--source", "d/train", "--out", "p", "--workers", "1"]) == 0
    assert "d/train is one split: valid/, test/ beside it not read; --source d has all" in capsys.readouterr().out
    assert prepare.main(["jaffe", "--source", "d", "--out", "q"]) == 2
    assert "NAME folder fits" in capsys.readouterr().err
    tree("people", ("s01", "s02"))
    assert prepare.main(["jaffe", "--source", "people", "--out", "q"]) == 2
    assert "folder fits" not in capsys.readouterr().err
