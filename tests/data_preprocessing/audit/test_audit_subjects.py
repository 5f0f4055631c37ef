"""Where the audit takes subjects from, and what it says of subjects in two splits or unknown ones."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from data_preprocessing.audit.command import main
from tests.data_preprocessing.audit.audit_files import PEOPLE, SUBJECT, audit, make_set, write_manifest


@pytest.fixture
def faces(tmp_path, make_image) -> Path:
    return make_set(tmp_path / "set", make_image)


def test_subject_in_two_splits_by_file_name(faces, capsys):
    (faces / "test/joy/s09_0.png").rename(faces / "test/joy/s01_7.png")
    assert main([str(faces), "--subject-regex", SUBJECT, "--strict"]) == 1
    figures = json.loads((faces / "audit.json").read_text())
    shared = {"total": 1, "list": [{"subject": "s01", "pictures": {"train": 2, "test": 1}}]}
    assert figures["subjects"]["in_two_splits"] == shared
    assert "1 subject in more than one split" in capsys.readouterr().out


def test_subjects_come_from_the_manifest_first(faces):
    write_manifest(faces)
    figures = audit(faces)
    assert figures["verdict"] == "supported" and figures["subjects"]["source"] == "manifest.csv"
    write_manifest(faces, lambda path: "one" if path.name in ("s00_0.png", "s11_1.png") else path.stem)
    figures = audit(faces, SUBJECT)
    assert figures["verdict"] == "leakage"
    assert figures["subjects"]["in_two_splits"]["list"] == [{"subject": "one", "pictures": {"train": 1, "test": 1}}]


def test_manifest_without_some_subjects_leaves_it_unknown_unless_file_names_help(faces):
    write_manifest(faces, lambda path: "" if "s11" in path.name else path.name.split("_")[0])
    figures = audit(faces)
    assert figures["verdict"] == "unknown" and "2 images" in figures["text"]
    assert audit(faces, SUBJECT)["verdict"] == "supported"


def test_manifest_rows_without_image_are_counted(faces):
    write_manifest(faces)
    (faces / "train/joy/s00_0.png").unlink()
    assert audit(faces)["subjects"]["manifest_rows_without_picture"] == 1


def test_manifest_and_file_system_may_compose_korean_differently(faces):
    for split in PEOPLE:
        (faces / split / "joy").rename(faces / split / unicodedata.normalize("NFD", "기쁨"))
    write_manifest(faces)
    text = (faces / "manifest.csv").read_text(encoding="utf-8")
    (faces / "manifest.csv").write_text("\ufeff" + unicodedata.normalize("NFC", text), encoding="utf-8")
    figures = audit(faces)
    assert figures["verdict"] == "supported" and figures["classes"]["all"] == ["anger", "기쁨"]
    assert figures["subjects"]["pictures_without"] == figures["subjects"]["manifest_rows_without_picture"] == 0


@pytest.mark.parametrize("expression, known", [(r"^(s\d+)_", 12), (r"^s\d+", 12), (r"_(\d)\.", 2), (r"nothing", 0)])
def test_expression_gives_its_first_group_or_the_whole_match(faces, expression, known):
    assert audit(faces, expression)["subjects"]["known"] == known


def test_without_subjects_the_verdict_is_unknown_and_says_what_to_do(faces):
    figures = audit(faces)
    assert figures["verdict"] == "unknown" and "no subjects are known" in figures["text"]
    assert "manifest.csv" in figures["text"] and "--subject-regex" in figures["text"]
    assert main([str(faces), "--strict"]) == 0


def test_without_subjects_copies_are_leakage_all_the_same(faces):
    ImageOps.mirror(Image.open(faces / "train/joy/s00_0.png")).save(faces / "valid/joy/new.png")
    assert audit(faces)["verdict"] == "leakage"
