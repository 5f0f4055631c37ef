"""audit.csv: a row for every image that has a copy, the action it suggests, and names of any kind."""

import csv
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from data_preprocessing.audit import copies
from data_preprocessing.audit.command import audit, main
from data_preprocessing.audit.table import Copied
from data_preprocessing.prepare.command import main as prepare
from data_preprocessing.prepare.without import read_marked
from tests.data_preprocessing.audit.audit_files import SUBJECT, make_set


@pytest.fixture
def faces(tmp_path, make_image) -> Path:
    return make_set(tmp_path / "set", make_image)


def actions(root: Path, keep: str = "test") -> dict[str, tuple]:
    """image -> what audit.csv says of it and of the copy."""
    return {row.image: (row.kind, row.copy, row.action) for row in audit(root, SUBJECT, keep=keep)[1]}


def near(source: Path, target: Path) -> None:
    Image.open(source).save(target, quality=60)


def test_of_two_copies_the_one_in_the_earlier_split_goes_and_with_keep_train_the_other(faces):
    shutil.copy(faces / "train/joy/s00_0.png", faces / "test/joy/s90_0.png")
    near(faces / "train/joy/s01_0.png", faces / "valid/joy/s91_0.jpg")
    shutil.copy(faces / "valid/anger/s06_1.png", faces / "test/anger/s92_0.png")
    pairs = [
        ("train/joy/s00_0.png", "test/joy/s90_0.png", "exact"),
        ("train/joy/s01_0.png", "valid/joy/s91_0.jpg", "near"),
        ("valid/anger/s06_1.png", "test/anger/s92_0.png", "exact"),
    ]
    for keep, words in (("test", ("leave out", "keep")), ("train", ("keep", "leave out"))):
        expected = {a: (kind, b, words[0]) for a, b, kind in pairs} | {b: (kind, a, words[1]) for a, b, kind in pairs}
        assert actions(faces, keep) == expected
    figures = audit(faces, SUBJECT)[0]
    assert figures["copied"] == {"table": "audit.csv", "pictures": 6, "keep": "test", "leave_out": {"train": 2, "valid": 1}}
    assert "lists all of them, and marks 2 of train and 1 of valid to be left out" in figures["text"]


def test_copies_within_a_split_stay_and_two_classes_of_one_image_are_to_be_checked(faces):
    shutil.copy(faces / "train/joy/s00_0.png", faces / "train/anger/s00_9.png")
    near(faces / "train/joy/s01_0.png", faces / "train/joy/s01_8.jpg")
    near(faces / "train/joy/s02_0.png", faces / "train/anger/s02_9.jpg")  # frames of one person
    near(faces / "train/joy/s03_0.png", faces / "train/anger/s04_9.jpg")
    found = {image: action for image, (_, _, action) in actions(faces).items()}
    check = {image for image, action in found.items() if action == "check label"}
    assert check == {"train/joy/s00_0.png", "train/anger/s00_9.png", "train/joy/s03_0.png", "train/anger/s04_9.jpg"}
    assert {action for image, action in found.items() if image not in check} == {"keep"} and len(found) == 8


def test_an_image_that_stays_names_the_copy_with_another_class(faces):
    for target in ("train/joy/s00_8.png", "test/joy/s90_0.png", "test/anger/s90_1.png"):
        shutil.copy(faces / "train/joy/s00_0.png", faces / target)
    found = actions(faces)
    assert found["test/joy/s90_0.png"] == ("exact", "test/anger/s90_1.png", "check label")
    assert found["train/joy/s00_0.png"][2] == found["train/joy/s00_8.png"][2] == "leave out"
    assert found["test/anger/s90_1.png"] == ("exact", "train/joy/s00_0.png", "check label")


def test_copies_of_copies_have_one_group(faces):
    shutil.copy(faces / "train/joy/s00_0.png", faces / "test/joy/s90_0.png")
    near(faces / "train/joy/s00_0.png", faces / "train/joy/s00_7.jpg")
    shutil.copy(faces / "train/joy/s05_0.png", faces / "train/joy/s05_7.png")
    rows = audit(faces, SUBJECT)[1]
    groups = {row.image: row.group for row in rows}
    assert [row.group for row in rows] == [1, 1, 1, 2, 2]
    assert groups["test/joy/s90_0.png"] == groups["train/joy/s00_7.jpg"] == groups["train/joy/s00_0.png"]


def test_near_copies_where_all_look_alike_are_listed_and_kept(faces, make_image):
    for number, path in enumerate(sorted(faces.rglob("*.png"))):
        make_image(1, (64, 64)).point(lambda value, number=number: value * 0.8 + number).save(path)
    figures, rows = audit(faces, SUBJECT)
    assert figures["alike_by_nature"] and len(rows) == 24 and {row.action for row in rows} == {"keep"}
    assert figures["copied"]["leave_out"] == {}


def test_all_are_listed_where_audit_json_is_cut(faces, monkeypatch, tmp_path, capsys):
    for k in range(6):
        shutil.copy(faces / f"train/joy/s0{k}_0.png", faces / f"test/joy/s9{k}_0.png")
    monkeypatch.setattr(copies, "MOST_LISTED", 2)
    assert main([str(faces), "--out", str(tmp_path / "out")]) == 0
    rows = list(csv.DictReader((tmp_path / "out/audit.csv").open(newline="")))
    assert len(rows) == 12 and sum(row["action"] == "leave out" for row in rows) == 6
    header = "image,split,class,kind,group,copy,copy_split,copy_class,similarity,action,source"
    assert (tmp_path / "out/audit.csv").read_text().splitlines()[0] == header and len(Copied.__dataclass_fields__) == 11
    assert "audit.csv lists every image with a copy" in audit(faces)[0]["lists"]
    assert f"--out {faces}-clean --size 0 --format same --without {tmp_path / 'out/audit.csv'}" in capsys.readouterr().out


NAMES = [
    "a\nb",
    "a\rb",
    'say "joy", sad; glad',
    "=1+1",
    "@x",
    "기쁨",
    os.fsdecode(b"\xff\xfe"),
    os.fsdecode("분노".encode("cp949")),
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind_are_read_back_as_they_are(faces, tmp_path, name):
    shutil.copy(faces / "train/joy/s00_0.png", faces / "train/joy" / f"{name}.png")
    (faces / "train/joy/s00_0.png").rename(faces / "test/joy" / f"{name}.png")
    assert main([str(faces)]) == 0
    left = [row for row in read_marked(faces / "audit.csv") if row.leave_out]
    clean = tmp_path / "clean"
    flags = ["--size", "0", "--format", "same", "--workers", "1", "--without", str(faces / "audit.csv")]
    assert len(left) == 1 and prepare(["folder", "--source", str(faces), "--out", str(clean), *flags]) == 0
    assert len(list((clean / "train").rglob("*.png"))) == 11 and len(list((clean / "test").rglob("*.png"))) == 7
