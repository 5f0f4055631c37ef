"""ExpW: a list of faces, several in an image."""

from types import SimpleNamespace

import pytest

from data_preprocessing.prepare.command import main
from data_preprocessing.readers import READERS, expw
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.planted_trees import failure, note, plant

LINES = ["a.jpg 0 1 0 3 2 60.5 3", "a.jpg 1 0 2 4 4 -2.1 0", "b.jpg 0 0 0 4 4 50 6"]


def tree(root, *lines: str, images=("origin/a.jpg", "origin/b.jpg")):
    return plant(root, *images, **{"label.lst": "\n".join(lines)})


def read(root):
    return expw.read(open_tree(root), SimpleNamespace())


def test_a_record_a_face(tmp_path):
    found = read(tree(tmp_path, *LINES))
    assert [(r.source, r.label, r.box, r.split) for r in found.records] == [
        ("origin/a.jpg", "happiness", (0, 1, 3, 2), None),
        ("origin/a.jpg", "anger", (2, 0, 4, 4), None),
        ("origin/b.jpg", "neutral", (0, 0, 4, 4), None),
    ]
    assert found.notes == ("3 faces are in 2 images, those of low confidence among them",)


def test_labels():
    assert expw.CLASSES == ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    assert READERS["expw"].description == expw.DESCRIPTION


def test_what_is_left_out_is_counted(tmp_path):
    images = ("origin/a.jpg", "origin/b.jpg", "origin/c.jpg", "copy/b.jpg")
    found = read(tree(tmp_path, *LINES, "gone.jpg 0 0 0 1 1 9 1", LINES[0], images=images))
    assert len(found.records) == 3
    assert "gone.jpg" in note(found, "missing") and "1 (a.jpg 0" in note(found, "lines there more than once")
    assert "origin/c.jpg" in note(found, "not in label.lst") and "origin/b.jpg" in note(found, "images there more than once")


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("a.jpg 0 1 0 3 2 60.5 7", ["line 2", "'7' is no label"]),
        ("a.jpg 0 1 0 3 2 60.5 happy", ["line 2", "'happy' is no label"]),
        ("a.jpg 0 1 0 3 2 3", ["line 2", "mend the line"]),
        ("a.jpg 0 x 0 3 2 60.5 3", ["line 2", "mend the line"]),
        ("a.jpg 0 0 2 4 4 1 5", ["line 3", "another label"]),
    ],
)
def test_broken_lines_are_named(tmp_path, line, parts):
    rows = [LINES[2], line] if "line 2" in parts else [LINES[0], LINES[1], line]
    message = failure(expw, tree(tmp_path, *rows))
    assert all(part in message for part in parts) and "label.lst" in message


@pytest.mark.parametrize(("text", "part"), [("\n", "empty"), (b"\xe9.jpg 0", "UTF-8"), ("x.jpg 0 0 0 1 1 9 1", "no image")])
def test_useless_lists_are_refused(tmp_path, text, part):
    assert part in failure(expw, plant(tmp_path, "origin/a.jpg", **{"label.lst": text}))
    assert "expected ExpW's label.lst" in failure(expw, plant(tmp_path / "bare", "origin/a.jpg"))


def write(tmp_path, *flags: str) -> int:
    paths = ("--source", str(tmp_path / "in"), "--out", str(tmp_path / "out"))
    return main(["expw", *paths, "--size", "16", "--workers", "1", *flags])


def prepared(tmp_path, *lines: str, flags: tuple[str, ...] = ()) -> int:
    images = [f"origin/{k}.jpg" for k in range(10)]
    rows = [f"{k}.jpg {face} 0 {2 * face} 4 {2 * face + 2} 1 {face}" for k in range(10) for face in (0, 1)]
    tree(tmp_path / "in", *rows, *lines, images=images)
    return write(tmp_path, *flags)


def test_faces_of_one_image_are_written_apart_and_stay_in_one_split(tmp_path):
    assert prepared(tmp_path) == 0
    rows = [line.split(",") for line in (tmp_path / "out/manifest.csv").read_text().splitlines()[1:]]
    assert len(rows) == len({row[0] for row in rows}) == len({row[-1] for row in rows}) == 20
    splits = {}
    for row in rows:
        splits.setdefault(row[1], set()).add(row[4])
    assert all(len(found) == 1 for found in splits.values()) and {row[4] for row in rows} == {"train", "valid", "test"}


@pytest.mark.parametrize(("box", "part"), [("9 9 12 12", "lies outside the image"), ("1 1 1 3", "empty face box")])
def test_a_box_outside_or_empty_is_named_and_may_be_skipped(tmp_path, capsys, box, part):
    line = f"3.jpg 7 {box} 1 1"
    assert prepared(tmp_path, line) == 2
    message = capsys.readouterr().err
    assert "origin/3.jpg" in message and part in message and "--skip-bad-images" in message
    assert write(tmp_path, "--resume", "--skip-bad-images") == 0
    assert "1 unreadable image left out" in capsys.readouterr().out


def test_several_faces_of_one_class_get_names_of_their_own(tmp_path):
    assert prepared(tmp_path, "0.jpg 5 0 0 2 2 1 0", flags=("--ratios", "1,0,0")) == 0
    assert len([path for path in (tmp_path / "out/train/anger").iterdir() if path.name.startswith("0-")]) == 2
