"""Images and the manifest as written, names, what is refused, and going on after a break."""

import csv
import errno
import hashlib
import os
import random
from pathlib import Path

import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.workers import run_tasks
from data_preprocessing.prepare import writer
from data_preprocessing.prepare.crops import Form, prepare_image
from data_preprocessing.prepare.writer import plan_tasks, write_records
from data_preprocessing.sources.records import Record
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.prepare.prepare_files import class_tree, files_below, write_files

FORM = Form(32, 0.0)


@pytest.fixture
def tree(tmp_path):
    return open_tree(class_tree(tmp_path / "source"))


def records_of(tree, **fields) -> list[Record]:
    return [Record(name, name.split("/")[0], split=("train", "test")[k % 2], **fields) for k, name in enumerate(tree.names())]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def end_process(task) -> None:
    os._exit(1)


def test_every_image_lies_where_the_manifest_says(tree, tmp_path):
    records = records_of(tree, subject="기쁨, s1", box=(1.5, 2.0, 30.0, 1234.5678))
    write_records(tree, records, tmp_path / "out", FORM)
    table = rows(tmp_path / "out" / "manifest.csv")
    assert [row["path"] for row in table] == sorted(row["path"] for row in table)
    by_source = {record.source: record for record in records}
    assert len(table) == len(by_source)
    for row in table:
        record, data = by_source[row["source"]], (tmp_path / "out" / row["path"]).read_bytes()
        assert row["path"] == f"{record.split}/{record.label}/{Path(record.source).stem}.jpg"
        assert (row["class"], row["split"], row["subject"]) == (record.label, record.split, record.subject)
        assert row["box"] == "1.5 2 30 1234.5678"
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert data == prepare_image(tree.read(record.source), record.box, FORM)
    assert set(files_below(tmp_path / "out")) == {row["path"] for row in table} | {"manifest.csv", "prepare.json"}
    assert not (tmp_path / "out" / ".partial").exists()


def test_fer2013_rows_are_images_too(tree, tmp_path):
    records = [Record(f"row {k}", "joy", split="train", pixels=bytes([k]) * 48 * 48) for k in (2, 3)]
    write_records(tree, records, tmp_path / "out", FORM)
    assert [row["path"] for row in rows(tmp_path / "out" / "manifest.csv")] == ["train/joy/row_2.jpg", "train/joy/row_3.jpg"]


def test_names_are_unique_safe_and_do_not_hang_on_the_order():
    sources = [
        "a/1.jpg",
        "b/1.png",
        "b/x.tar.gz.jpg",
        "a/A.jpg",
        "b/a.jpg",
        'a/we"ird: n?.jpg',
        "a/...jpg",
        "당" * 200 + ".jpg",
    ]
    records = [Record(source, "joy", split="train") for source in sources]
    names = {task.record.source: task.path.rpartition("/")[2] for task in plan_tasks(records, "png")}
    assert names["b/x.tar.gz.jpg"] == "x.tar.gz.png"
    assert names['a/we"ird: n?.jpg'] == "we_ird__n_.png"
    assert names["a/...jpg"] == "picture.png"
    assert names["당" * 200 + ".jpg"] == "당" * 50 + ".png"
    for source, stem in (("a/1.jpg", "1"), ("b/1.png", "1"), ("a/A.jpg", "A"), ("b/a.jpg", "a")):
        assert names[source] == f"{stem}-{hashlib.sha256(source.encode()).hexdigest()[:16]}.png"
    assert len({name.casefold() for name in names.values()}) == len(sources)
    shuffled = random.Random(0).sample(records, len(records))
    assert {task.record.source: task.path.rpartition("/")[2] for task in plan_tasks(shuffled, "png")} == names
    apart = [
        Record("a/1.jpg", "joy", split="train"),
        Record("b/1.jpg", "sad", split="train"),
        Record("c/1.jpg", "joy", split="test"),
    ]
    assert {task.path for task in plan_tasks(apart, "jpg")} == {"train/joy/1.jpg", "train/sad/1.jpg", "test/joy/1.jpg"}


def test_a_name_that_a_hashed_one_would_take_is_refused():
    taken = "1-" + hashlib.sha256(b"a/1.jpg").hexdigest()[:16]
    records = [Record(source, "joy", split="train") for source in ("a/1.jpg", "b/1.jpg", f"{taken}.jpg")]
    with pytest.raises(DataError, match=rf"two images would be called train/joy/{taken}\.jpg"):
        plan_tasks(records, "jpg")


@pytest.mark.parametrize("label", ["", ".hidden", "a/b", "..", "a\\b", " joy", "__MACOSX", "a:b"])
def test_a_class_that_can_be_no_folder_is_refused(label):
    with pytest.raises(DataError, match="can be no folder's name; give the class another with --classes"):
        plan_tasks([Record("1.jpg", label, split="train")], "jpg")


def test_classes_that_differ_in_case_alone_are_refused():
    with pytest.raises(DataError, match="the classes Joy and joy differ in case alone"):
        plan_tasks([Record("1.jpg", "joy", split="train"), Record("2.jpg", "Joy", split="train")], "jpg")


def test_an_out_that_holds_something_is_not_touched(tree, tmp_path):
    write_files(tmp_path, {"out/other.txt": b"mine", "file": b""})
    for resume, message in (
        (False, "is not empty .it holds other.txt.; remove it, or"),
        (True, "has no readable prepare.json"),
    ):
        with pytest.raises(DataError, match=message):
            write_records(tree, records_of(tree), tmp_path / "out", FORM, resume=resume)
    with pytest.raises(DataError, match="this is a file"):
        write_records(tree, records_of(tree), tmp_path / "file", FORM)
    assert files_below(tmp_path / "out") == {"other.txt": b"mine"}


def test_a_finished_out_needs_resume_and_is_not_made_anew(tree, tmp_path, monkeypatch):
    write_records(tree, records_of(tree), tmp_path / "out", FORM)
    before = files_below(tmp_path / "out")
    with pytest.raises(DataError, match="--resume goes on with it, or choose another --out"):
        write_records(tree, records_of(tree), tmp_path / "out", FORM)
    monkeypatch.setattr(writer, "prepare_image", lambda *arguments: pytest.fail("made anew"))
    written, skipped = write_records(tree, records_of(tree), tmp_path / "out", FORM, resume=True)
    assert (len(written), len(skipped)) == (20, 0)
    assert files_below(tmp_path / "out") == before


def test_resume_refuses_what_is_not_the_same(tree, tmp_path):
    records, out = records_of(tree), tmp_path / "out"
    write_records(tree, records, out, FORM, {"seed": 0, "ratios": (0.5, 0.5)})
    before = files_below(out)
    others = [
        (records, Form(64, 0.0), {"seed": 0, "ratios": (0.5, 0.5)}, "was begun with size 32, and this is 64"),
        (records, FORM, {"seed": 1, "ratios": (0.5, 0.5)}, "was begun with seed 0, and this is 1"),
        (records[1:], FORM, {"seed": 0, "ratios": (0.5, 0.5)}, "was begun with pictures 20, and this is 19"),
        (records_of(tree, box=(0, 0, 9, 9)), FORM, {"seed": 0, "ratios": (0.5, 0.5)}, "was begun with records"),
        (records_of(tree, subject="s"), FORM, {"seed": 0, "ratios": (0.5, 0.5)}, "was begun with records"),
    ]
    for others_records, form, options, message in others:
        with pytest.raises(DataError, match=message):
            write_records(tree, others_records, out, form, options, resume=True)
    assert files_below(out) == before
    write_records(tree, records[::-1], out, FORM, {"seed": 0, "ratios": (0.5, 0.5)}, resume=True)


def test_an_unreadable_image_stops_and_a_mended_one_goes_on(tree, tmp_path):
    whole, name, out = tree.read("joy/p2_4.png"), tmp_path / "source" / "joy" / "p2_4.png", tmp_path / "out"
    write_records(tree, records_of(tree), tmp_path / "expected", FORM)
    name.write_bytes(whole[:50])
    with pytest.raises(DataError, match=r"source: joy/p2_4\.png: unreadable image \(.+\); mend it and --resume"):
        write_records(tree, records_of(tree), out, FORM)
    done = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
    assert done and not (out / "manifest.csv").exists()
    name.write_bytes(whole)
    write_records(tree, records_of(tree), out, FORM, resume=True)
    assert files_below(out) == files_below(tmp_path / "expected")
    assert {path: path.stat().st_mtime_ns for path in done} == done


@pytest.mark.parametrize("bad", [b"", b"no image", "cut", "absent", "box"])
def test_skipped_images_are_listed(tree, tmp_path, bad):
    target = tmp_path / "source" / "joy" / "p2_4.png"
    if bad == "absent":
        target.unlink()
    elif bad != "box":
        target.write_bytes(target.read_bytes()[:90] if bad == "cut" else bad)
    box = (90.0, 0.0, 99.0, 9.0)
    records = [
        Record(r.source, r.label, None, r.split, box * (bad == "box" and "p2_4" in r.source and r.label == "joy") or None)
        for r in records_of(tree)
    ]
    written, skipped = write_records(tree, records, tmp_path / "out", FORM, skip_bad=True)
    assert (len(written), len(skipped)) == (19, 1)
    (row,) = rows(tmp_path / "out" / "skipped.csv")
    assert (row["source"], row["class"], row["split"]) == ("joy/p2_4.png", "joy", "train")
    assert row["problem"] and "0x" not in row["problem"]
    assert "joy/p2_4.png" not in {row["source"] for row in rows(tmp_path / "out" / "manifest.csv")}


def test_a_finished_name_without_its_content_is_made_again(tree, tmp_path):
    write_records(tree, records_of(tree), tmp_path / "out", FORM)
    before = files_below(tmp_path / "out")
    first, second = [name for name in before if name.endswith(".jpg")][:2]
    (tmp_path / "out" / first).write_bytes(b"")
    (tmp_path / "out" / second).write_bytes(before[second][:200])
    write_records(tree, records_of(tree), tmp_path / "out", FORM, resume=True)
    assert files_below(tmp_path / "out") == before


def test_a_full_disk_leaves_whole_images_and_resume_goes_on(tree, tmp_path, monkeypatch):
    write_records(tree, records_of(tree), tmp_path / "expected", FORM)
    out, calls, write_bytes = tmp_path / "out", [], Path.write_bytes

    def full(path, data):
        calls.append(path)
        if len(calls) == 8:
            write_bytes(path, data[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_records(tree, records_of(tree), out, FORM)
    monkeypatch.undo()
    found, expected = files_below(out), files_below(tmp_path / "expected")
    assert len(found) == 7 and all(expected[name] == data for name, data in found.items())
    write_records(tree, records_of(tree), out, FORM, resume=True)
    assert files_below(out) == expected


def test_several_processes_write_the_same(tmp_path):
    tree = open_tree(class_tree(tmp_path / "source", count=50))
    seen = []
    progress = lambda items, total, text: (seen.append((total, text)), items)[1]  # noqa: E731
    for workers in (1, 2):
        write_records(tree, records_of(tree), tmp_path / str(workers), FORM, workers=workers, progress=progress)
    assert len(files_below(tmp_path / "1")) == 102 and files_below(tmp_path / "1") == files_below(tmp_path / "2")
    assert seen == [(100, f"writing {tmp_path / '1'}"), (100, f"writing {tmp_path / '2'}")]
    write_files(tmp_path / "source", {"joy/p2_4.png": b"no image"})
    with pytest.raises(DataError, match=r"joy/p2_4\.png: unreadable image"):
        write_records(tree, records_of(tree), tmp_path / "3", FORM, workers=2)


def test_a_worker_ended_from_outside_is_said():
    with pytest.raises(DataError, match="ended from outside, for lack of memory"):
        list(run_tasks(end_process, range(200), 2))


def test_tasks_are_done_once_each():
    for workers, number in ((1, 100), (2, 1000), (3, 16 * 9 + 1), (2, 0)):
        assert sorted(run_tasks(abs, range(number), workers)) == list(range(number))
