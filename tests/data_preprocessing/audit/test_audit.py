"""The audit of small data sets with one planted problem each: figures, verdict, exit status, errors."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from data_preprocessing.audit import copies
from data_preprocessing.audit.command import main
from tests.data_preprocessing.audit.audit_files import PEOPLE, SUBJECT, audit, make_set


@pytest.fixture
def faces(tmp_path, make_image) -> Path:
    return make_set(tmp_path / "set", make_image)


def test_clean_set_is_supported_and_both_files_are_written(faces, capsys):
    assert main([str(faces), "--subject-regex", SUBJECT, "--strict"]) == 0
    figures = json.loads((faces / "audit.json").read_text())
    assert figures["verdict"] == "supported" and "12 subjects" in figures["text"]
    assert figures["splits"]["train"] == {"pictures": 12, "subjects": 6, "classes": {"anger": 6, "joy": 6}}
    assert figures["near"]["pairs"] == figures["exact"]["groups"] == 0
    assert figures["sizes"]["most_common"] == {"64x64": 24} and figures["modes"] == {"RGB": 24}
    out = capsys.readouterr().out
    assert "supported: Yes" in out and str(faces / "audit.html") in out
    assert sorted(path.name for path in faces.iterdir()) == ["audit.csv", "audit.html", "audit.json", "test", "train", "valid"]


def test_json_holds_exactly_what_the_function_gives_and_is_repeatable(faces, tmp_path):
    figures = audit(faces, SUBJECT)
    written = []
    for _ in range(2):
        assert main([str(faces), "--subject-regex", SUBJECT, "--out", str(tmp_path / "a")]) == 0
        written.append({path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()})
    assert json.loads(written[0]["audit.json"]) == figures
    assert written[0] == written[1] and len(written[0]) == 3
    assert not (faces / "audit.json").exists()


COPIES = {
    "exact": lambda source, target: shutil.copy(source, target.with_suffix(".png")),
    "near": lambda source, target: Image.open(source).save(target.with_suffix(".jpg"), quality=60),
    "mirrored": lambda source, target: ImageOps.mirror(Image.open(source)).save(target.with_suffix(".jpg"), quality=60),
}


@pytest.mark.parametrize("kind", COPIES)
def test_copy_of_a_training_image_in_test_is_leakage(faces, kind):
    COPIES[kind](faces / "train/joy/s00_0.png", faces / "test/joy/s99_0")
    figures = audit(faces, SUBJECT)
    assert figures["verdict"] == "leakage" and "1 of 7 images of test" in figures["text"]
    [pair] = figures["pairs"]["across_splits"]
    assert pair["kind"] == kind and pair["subjects"] == ["s00", "s99"]
    assert pair["a"] == "train/joy/s00_0.png" and pair["b"].startswith("test/joy/s99_0.")
    assert figures["leaking"]["any"] == {"valid": 0, "test": 1}
    assert figures["leaking"]["exact"]["test"] == figures["exact"]["groups_across_splits"] == (kind == "exact")
    assert figures["near"]["across_splits"] == (kind != "exact") and figures["near"]["mirrored"] == (kind == "mirrored")
    assert main([str(faces), "--subject-regex", SUBJECT]) == 0
    assert main([str(faces), "--subject-regex", SUBJECT, "--strict"]) == 1


def test_copy_between_valid_and_test_is_leakage_too(faces):
    COPIES["exact"](faces / "valid/joy/s06_0.png", faces / "test/joy/s99_0")
    assert audit(faces, SUBJECT)["leaking"]["any"] == {"valid": 0, "test": 1}
    COPIES["near"](faces / "valid/joy/s06_0.png", faces / "train/joy/s98_0")
    assert audit(faces, SUBJECT)["leaking"] == {"exact": {"valid": 0, "test": 1}, "any": {"valid": 1, "test": 1}}


def test_listed_pair_shows_what_it_crosses(faces):
    for target in ("train/joy/s00_7", "test/joy/s99_0"):
        COPIES["exact"](faces / "train/joy/s00_0.png", faces / target)
    [pair] = audit(faces, SUBJECT)["pairs"]["across_splits"]
    assert (pair["a"], pair["b"]) == ("train/joy/s00_0.png", "test/joy/s99_0.png")


@pytest.mark.parametrize("kind", COPIES)
def test_same_image_under_two_classes_of_a_split_is_told_but_no_leakage(faces, kind):
    COPIES[kind](faces / "train/joy/s00_0.png", faces / "train/anger/s01_9")
    figures = audit(faces, SUBJECT)
    assert figures["verdict"] == "supported"
    assert [pair["kind"] for pair in figures["pairs"]["across_classes"]] == [kind]
    assert figures["exact"]["groups_across_classes"] + figures["near"]["across_classes"] == 1
    assert figures["pairs"]["across_splits"] == figures["pairs"]["within"] == []


@pytest.mark.parametrize("kind", COPIES)
def test_near_copies_of_one_person_under_two_classes_are_no_conflict_and_exact_ones_are(faces, kind, capsys):
    COPIES[kind](faces / "train/joy/s00_0.png", faces / "train/anger/s00_9")
    figures = audit(faces, SUBJECT)
    place = "across_classes" if kind == "exact" else "same_subject"
    assert {name: len(pairs) for name, pairs in figures["pairs"].items() if pairs} == {place: 1}
    assert figures["near"]["across_classes"] == 0
    assert figures["near"]["same_subject_across_classes"] == (kind != "exact")
    assert main([str(faces), "--subject-regex", SUBJECT]) == 0
    line = "near-duplicates of one person under two classes: 1 pair, as between frames of a sequence; these are no label"
    assert (line in capsys.readouterr().out) == (kind != "exact")
    assert ("Near copies of one person under two classes" in (faces / "audit.html").read_text()) == (kind != "exact")


def test_copies_within_a_class_are_counted_apart(faces):
    for k in range(3):
        COPIES["exact"](faces / "train/joy/s00_0.png", faces / f"train/joy/s00_{7 + k}")
    COPIES["near"](faces / "train/joy/s00_0.png", faces / "train/joy/s00_6")
    figures = audit(faces, SUBJECT)
    assert figures["exact"]["groups"] == 1 and figures["exact"]["surplus_pictures"] == 3
    assert figures["near"]["pairs"] == 1 and len(figures["pairs"]["within"]) == 2
    assert figures["verdict"] == "supported"


def test_lists_are_cut_and_totals_are_not(faces, monkeypatch):
    for k in range(5):
        COPIES["near"](faces / f"train/joy/s0{k}_0.png", faces / f"test/joy/s9{k}_0")
    monkeypatch.setattr(copies, "MOST_LISTED", 2)
    figures = audit(faces, SUBJECT)
    assert figures["near"]["across_splits"] == 5 and len(figures["pairs"]["across_splits"]) == 2
    kept = [pair["similarity"] for pair in figures["pairs"]["across_splits"]]
    monkeypatch.undo()
    assert kept == [pair["similarity"] for pair in audit(faces, SUBJECT)["pairs"]["across_splits"]][:2]  # the strongest
    assert figures["leaking"]["any"]["test"] == 5


def test_one_split_alone_supports_nothing(faces):
    for split in ("valid", "test"):
        shutil.rmtree(faces / split)
    figures = audit(faces, SUBJECT)
    assert figures["verdict"] == "unknown" and "only one split" in figures["text"] and figures["leaking"]["any"] == {}


def test_unreadable_tiny_and_blank_images_are_named_and_no_copies(faces, make_image):
    data = (faces / "train/joy/s00_0.png").read_bytes()
    for name, content in (("cut", data[: len(data) // 2]), ("empty", b""), ("empty2", b"")):
        (faces / f"train/joy/s50_{name}.png").write_bytes(content)
    make_image(77, (31, 90)).save(faces / "train/joy/s51_0.png")
    for split, level in (("train", 10), ("test", 12)):
        Image.new("L", (50, 50), level).save(faces / split / "joy" / f"{'s52' if split == 'train' else 's53'}_0.png")
    figures = audit(faces, SUBJECT)
    assert [entry["path"][10:] for entry in figures["unreadable"]["list"]] == ["s50_cut.png", "s50_empty.png", "s50_empty2.png"]
    assert figures["unreadable"]["list"][1]["reason"] == "the file is empty"
    assert figures["tiny"] == {"total": 1, "list": [{"path": "train/joy/s51_0.png", "size": [31, 90]}]}
    assert figures["blank"]["total"] == 2 and figures["modes"]["L"] == 2
    assert figures["exact"]["groups"] == figures["near"]["pairs"] == 0 and figures["verdict"] == "supported"


def test_classes_that_a_split_lacks_are_told(faces, capsys):
    for split in ("train", "valid"):
        (faces / split / "fear").mkdir()
        Image.fromarray(np.random.default_rng(len(split)).integers(0, 255, (40, 40), np.uint8)).save(
            faces / split / "fear" / "s70_0.png"
        )
    main([str(faces)])
    assert "test lacks fear" in capsys.readouterr().out
    assert json.loads((faces / "audit.json").read_text())["classes"]["missing"] == {"test": ["fear"]}


def test_search_that_was_given_up_does_not_end_in_supported(faces, monkeypatch):
    COPIES["near"](faces / "train/joy/s00_0.png", faces / "train/joy/s00_6")
    monkeypatch.setattr(copies, "MOST_CANDIDATES", 0)
    figures = audit(faces, SUBJECT)
    assert figures["verdict"] == "unknown" and not figures["near"]["complete"] and "given up" in figures["text"]


def test_faces_that_all_look_alike_do_not_make_leakage_but_exact_copies_do(faces, make_image):
    for number, path in enumerate(sorted(faces.rglob("*.png"))):
        make_image(1, (64, 64)).point(lambda value, number=number: value * 0.8 + number).save(path)
    figures = audit(faces, SUBJECT)
    assert figures["near"]["across_splits"] > 100 and figures["alike_by_nature"]
    assert figures["verdict"] == "unknown" and "look so much alike" in figures["text"]
    COPIES["exact"](faces / "train/joy/s00_0.png", faces / "test/joy/s99_0")
    figures = audit(faces, SUBJECT)
    assert figures["verdict"] == "leakage" and "1 of 7 images of test has an exact copy" in figures["text"]


def test_many_workers_find_the_same_as_one(faces, make_image, monkeypatch):
    for k in range(120):
        make_image(1000 + k, (40, 40)).save(faces / "train/joy" / f"s00_{100 + k}.png")
    (faces / "train/joy/s00_bad.png").write_bytes(b"no image")
    results = []
    for workers in (1, 2):
        monkeypatch.setattr("os.cpu_count", lambda workers=workers: workers)
        results.append(audit(faces, SUBJECT))
    assert results[0] == results[1] and results[0]["unreadable"]["total"] == 1


@pytest.mark.parametrize(
    "prepare, flags, words",
    [
        (lambda root: shutil.rmtree(root), [], "no such folder"),
        (lambda root: (shutil.rmtree(root), root.write_text("x")), [], "this is a file"),
        (lambda root: [shutil.rmtree(root / split) for split in PEOPLE], [], "no train/, valid/ or test/"),
        (lambda root: [shutil.rmtree(root / split / "joy") for split in PEOPLE], [], "only one class folder"),
        (lambda root: None, ["--subject-regex", "("], "--subject-regex '('"),
        (lambda root: (root / "manifest.csv").write_text("file,subject\n"), [], "no column path"),
        (lambda root: (root / "manifest.csv").write_text(""), [], "no column path and subject"),
        (lambda root: (root / "manifest.csv").write_text('path,subject\n"' + "x" * 200_000), [], "no CSV file"),
        (lambda root: (root / "manifest.csv").mkdir(), [], "manifest.csv"),
        (lambda root: None, ["--out", "train/joy/s00_0.png"], "choose another --out"),
    ],
)
def test_wrong_usage_ends_with_one_line_and_2(faces, capsys, monkeypatch, prepare, flags, words):
    monkeypatch.chdir(faces)
    prepare(faces)
    assert main([str(faces), *flags]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and words in captured.err
    assert "--data" not in captured.err and not captured.out
    assert not list(faces.parent.rglob("*audit*"))
