"""`prepare --without audit.csv`: what an audit marks is left out of any data set, counted, and the next audit finds nothing."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from data_preprocessing.audit.command import main as audit_main
from data_preprocessing.prepare.command import main
from tests.data_preprocessing.audit.audit_files import SUBJECT, audit, make_set, write_manifest
from tests.data_preprocessing.prepare.prepare_files import class_tree, files_below
from tests.data_preprocessing.sources.fer2013_files import HEADER as FER2013_HEADER
from tests.data_preprocessing.sources.fer2013_files import text_of, write


@pytest.fixture
def faces(tmp_path, make_image) -> Path:
    """A data set with an exact copy of a training image in test, and a near copy of a validation image."""
    root = make_set(tmp_path / "set", make_image)
    shutil.copy(root / "train/joy/s00_0.png", root / "test/joy/s90_0.png")
    Image.open(root / "valid/joy/s06_0.png").save(root / "test/joy/s91_0.jpg", quality=60)
    return root


@pytest.fixture
def clean(tmp_path) -> Path:
    return tmp_path / "clean"


def prepare(source: Path, out: Path, table: Path, *flags: str, name: str = "folder") -> int:
    flags = (*flags, "--workers", "1", "--without", str(table))
    return main([name, "--source", str(source), "--out", str(out), *flags])


def images(root: Path) -> dict[str, bytes]:
    return {name: data for name, data in files_below(root).items() if name.endswith((".png", ".jpg"))}


@pytest.mark.parametrize(
    "keep, gone", [("test", "train/joy/s00_0.png valid/joy/s06_0.png"), ("train", "test/joy/s90_0.png test/joy/s91_0.jpg")]
)
def test_the_command_of_the_audit_leaves_the_copies_out_and_changes_nothing_else(faces, capsys, keep, gone):
    assert audit_main([str(faces), "--subject-regex", SUBJECT, "--keep", keep]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("To leave the copies out: python -m ")]
    before = images(faces)
    assert main(line.removeprefix("To leave the copies out: python -m data_preprocessing.prepare ").split()) == 0
    assert images(faces.with_name("set-clean")) == {name: data for name, data in before.items() if name not in gone.split()}
    assert audit(faces.with_name("set-clean"), SUBJECT)["verdict"] == "supported"
    by_split = "1 of train, 1 of valid" if keep == "test" else "2 of test"
    assert f"note: --without {faces / 'audit.csv'} leaves out 2 of 26 images: {by_split}\n" in capsys.readouterr().out


def test_images_are_found_in_the_data_set_that_the_audited_folder_was_prepared_from(tmp_path, clean, capsys):
    source = class_tree(tmp_path / "source", ("joy", "sad"), 20)
    for label in ("joy", "sad"):
        for k in range(5):
            shutil.copy(source / label / f"p{k}_{2 * k}.png", source / label / f"q{k}.png")
    flags = ["--size", "0", "--seed", "3", "--workers", "1"]
    assert main(["folder", "--source", str(source), "--out", str(tmp_path / "first"), *flags]) == 0
    assert audit_main([str(tmp_path / "first")]) == 0
    leaking = json.loads((tmp_path / "first/audit.json").read_text())
    assert leaking["verdict"] == "leakage"
    assert prepare(source, clean, tmp_path / "first/audit.csv", *flags[:4]) == 0
    assert audit(clean)["leaking"]["any"] == {"valid": 0, "test": 0}
    lost = sum(leaking["copied"]["leave_out"].values())
    assert len(images(clean)) == 50 - lost > 25 and set(images(clean)) < set(images(tmp_path / "first"))
    assert "are in another split here" not in capsys.readouterr().out
    assert prepare(source, tmp_path / "other", tmp_path / "first/audit.csv", "--seed", "4") == 0
    assert "in another split here than when the copies were sought: audit what is written, too" in capsys.readouterr().out


def test_rows_of_a_csv_file_are_left_out(tmp_path, clean, capsys):
    usages = ["Training"] * 14 + ["PublicTest"] * 7 + ["PrivateTest"] * 7
    rows = [f"{k % 7},{text_of(k if k != 21 else 0)},{usage}" for k, usage in enumerate(usages)]
    (tmp_path / "source").mkdir()
    write(tmp_path / "source/fer2013.csv", FER2013_HEADER, *rows)
    first = tmp_path / "first"
    assert main(["fer2013", "--source", str(tmp_path / "source"), "--out", str(first), "--workers", "1"]) == 0
    assert audit_main([str(first)]) == 0
    assert prepare(tmp_path / "source", clean, first / "audit.csv", name="fer2013") == 0
    assert set(images(first)) - set(images(clean)) == {"train/anger/row_2.jpg"}


def test_the_copy_keeps_the_subjects_of_the_manifest(faces, clean, capsys):
    write_manifest(faces)
    audit_main([str(faces)])
    assert prepare(faces, clean, faces / "audit.csv", "--size", "0", "--format", "same") == 0
    assert audit(clean)["subjects"]["known"] == 13
    assert "note: manifest.csv names the subjects of 25 of 26 images" in capsys.readouterr().out


def test_a_table_that_a_spreadsheet_has_saved_and_the_user_changed_is_obeyed(faces, clean):
    audit_main([str(faces)])
    text = (faces / "audit.csv").read_text().replace(",", ";")
    lines = ["\ufeff" + text.splitlines()[0]]
    lines += [line.replace("leave out", "") if "s00_0" in line.split(";")[0] else line for line in text.splitlines()[1:]]
    lines = [line.replace(";keep;", ";Leave out ;") if line.startswith("test/joy/s90_0") else line for line in lines]
    (faces / "changed.csv").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    assert prepare(faces, clean, faces / "changed.csv", "--size", "0", "--format", "same") == 0
    assert set(images(faces)) - set(images(clean)) == {"test/joy/s90_0.png", "valid/joy/s06_0.png"}


def test_marked_images_that_are_not_there_are_named(faces, clean, capsys):
    audit_main([str(faces)])
    (faces / "train/joy/s00_0.png").unlink()
    assert prepare(faces, clean, faces / "audit.csv") == 0
    assert f"note: 1 image that {faces / 'audit.csv'} marks is not in {faces}: train/joy/s00_0.png" in capsys.readouterr().out


HEADER = "image,split,action,source\n"


@pytest.mark.parametrize(
    "table, words",
    [
        (None, "no such file; python -m data_preprocessing.audit DIR writes audit.csv"),
        ("", "no columns image, split, action, source"),
        ("image,split,action\n", "no column source;"),
        ('"' + "x" * 200_000, "no CSV file"),
        (HEADER + "train/joy/s00_0.png,train,drop,\n", "line 2: action 'drop' is none of leave out, check label, keep"),
        (HEADER + "train/x.png,train,leave out,\n", "none of its 1 image is in"),
        (HEADER + "".join(
            f"valid/{k}/s{n:02d}_{j}.png,valid,leave out,\n" for n in (6, 7, 8) for j, k in enumerate(("joy", "anger"))),
         "leaves no image in valid; audit again with the other --keep"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_followed_is_refused(faces, clean, capsys, table, words):
    file = faces.parent / "table.csv"
    if table is not None:
        file.write_text(table)
    assert prepare(faces, clean, file) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: --without {file}") and captured.err.count("\n") == 1 and words in captured.err
    assert not clean.exists() and not captured.out


def test_a_folder_in_place_of_the_table_is_refused(faces, clean, capsys):
    assert prepare(faces, clean, faces) == 2
    assert "not a regular file" in capsys.readouterr().err


def test_a_table_that_marks_nothing_says_so(faces, clean, capsys):
    (faces.parent / "table.csv").write_text(HEADER)
    assert prepare(faces, clean, faces.parent / "table.csv") == 0
    assert "leaves out 0 of 26 images\n" in capsys.readouterr().out


def test_same_files_need_size_0_and_whole_images(faces, clean, tmp_path, capsys):
    assert main(["folder", "--source", str(faces), "--out", str(clean), "--format", "same"]) == 2
    assert "--format same: copies the files as they are; add --size 0" in capsys.readouterr().err
    (tmp_path / "source").mkdir()
    write(tmp_path / "source/fer2013.csv", FER2013_HEADER, *(f"{k},{text_of(k)},Training" for k in range(7)))
    flags = ["--out", str(clean), "--format", "same", "--size", "0"]
    assert main(["fer2013", "--source", str(tmp_path / "source"), *flags]) == 2
    assert "has no image files" in capsys.readouterr().err and not clean.exists()
    (faces / "train/joy/s00_0.png").write_bytes(b"broken")
    assert main(["folder", "--source", str(faces), *flags]) == 2
    assert "train/joy/s00_0.png: unreadable image" in capsys.readouterr().err


def test_a_row_about_one_of_several_faces_of_an_image_takes_no_other_with_it(tmp_path, make_image, capsys):
    faces = [f"{k}.jpg {n} {20 * n} 0 30 {20 * n + 20} 9 {n}" for k in range(6) for n in range(2)]
    (tmp_path / "expw/origin").mkdir(parents=True)
    for k in range(6):
        make_image(k).save(tmp_path / f"expw/origin/{k}.jpg")
    (tmp_path / "expw/label.lst").write_text("\n".join(faces))
    table = (
        "image,split,action,source\ntrain/anger/0.jpg,train,{},origin/0.jpg\ntrain/disgust/0.jpg,train,leave out,origin/0.jpg\n"
    )
    (tmp_path / "audit.csv").write_text(table.format("keep"))
    assert prepare(tmp_path / "expw", tmp_path / "out", tmp_path / "audit.csv", "--ratios", "1,0,0", name="expw") == 2
    assert (
        "marks some faces of origin/0.jpg, which shows several" in capsys.readouterr().err and not (tmp_path / "out").exists()
    )
    (tmp_path / "audit.csv").write_text(table.format("leave out"))
    assert prepare(tmp_path / "expw", tmp_path / "out", tmp_path / "audit.csv", "--ratios", "1,0,0", name="expw") == 0
    assert "leaves out 2 of 12 images" in capsys.readouterr().out
