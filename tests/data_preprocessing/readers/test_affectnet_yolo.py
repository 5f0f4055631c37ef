"""AffectNet in the form of YOLO."""

from types import SimpleNamespace

import pytest

from data_preprocessing.readers import affectnet, affectnet_yolo
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.planted_trees import failure, listing, note, plant

NAMES = "train: ../train/images\nnc: 8\n"
NAMES += "names: ['Anger', 'Contempt', 'Disgust', 'Fear', 'Happy', 'Neutral', 'Sad', 'Surprise']\n"


def tree(root, yaml: str | bytes = NAMES, top: str = "train", **texts):
    """<top>/images/a.png, b.png (4×4 pixels) with the label files in texts."""
    files = {f"{top}/labels/{name}.txt": text for name, text in texts.items()}
    return plant(root, f"{top}/images/a.png", f"{top}/images/b.png", **{"data.yaml": yaml, **files})


def faces(root, num_classes: int = 8) -> list[tuple]:
    found = listing(affectnet, root, num_classes=num_classes)
    return [(r.source.rpartition("/")[2], r.label, r.split, r.box) for r in found.records]


@pytest.mark.parametrize(("top", "split"), [("train", "train"), ("YOLO_format/valid", "valid"), ("x/test", "test")])
def test_label_box_and_split(tmp_path, top, split):
    root = tree(tmp_path, top=top, a="4 0.5 0.5 0.5 0.25\n", b="0 0.499 0.5 0.999 1\n")
    assert faces(root) == [("a.png", "happiness", split, (1, 1.5, 3, 2.5)), ("b.png", "anger", split, None)]


def test_a_class_alone_and_an_outline(tmp_path):
    root = tree(tmp_path, a="4\n", b="0 0.25 0.5 0.5 0.25 0.75 0.75\n")
    assert faces(root) == [("a.png", "happiness", "train", None), ("b.png", "anger", "train", (1, 1, 3, 3))]


def test_several_faces_are_a_record_each(tmp_path):
    root = tree(tmp_path, a="4 0.25 0.5 0.5 1\n0 0.75 0.5 0.5 1\n4 0.25 0.5 0.5 1\n", b="5 .5 .5 1 1")
    found = affectnet.read(open_tree(root), SimpleNamespace(num_classes=8))
    assert [(r.source[-5:], r.label, r.box) for r in found.records] == [
        ("a.png", "happiness", (0, 0, 2, 4)),
        ("a.png", "anger", (2, 0, 4, 4)),
        ("b.png", "neutral", None),
    ]
    assert "labels/a.txt" in note(found, "there more than once")


def test_what_is_left_out_is_counted(tmp_path):
    root = tree(tmp_path, a="1 .5 .5 1 1", b="", gone="4 .5 .5 1 1", c="4")
    plant(root, "train/images/c.png", "train/images/d.png")
    found = listing(affectnet, root, num_classes=7)
    assert [r.source for r in found.records] == ["train/images/c.png"]
    assert "1 face is of contempt" in note(found, "contempt") and "b.png" in note(found, "without a line")
    assert "train/gone" in note(found, "missing") and "d.png" in note(found, "without a label in labels/")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [a, 'b', \"c\"]", ["a", "b", "c"]),
        ("nc: 2\nnames: [a,\n  b]  # two\nval: x\n", ["a", "b"]),
        ("names:\n- a\n- b  # the second\nnc: 2", ["a", "b"]),
        ("names:\r\n  0: a\r\n  1: 'b c'\r\n", ["a", "b c"]),
        ("names: {0: a, 1: b}", ["a", "b"]),
        ("# names: [x]\nnames:\n\n  - a\n  # and\n  - b", ["a", "b"]),
    ],
)
def test_names_in_every_form(text, names):
    assert affectnet_yolo.parse_names(text) == dict(enumerate(names))


@pytest.mark.parametrize(
    ("yaml", "part"),
    [
        ("nc: 8", "no names of classes"),
        ("names:\n", "no names of classes"),
        ("names: [a, b", "not closed"),
        ("names: 8", "'8' is no name"),
        ("names: {0: anger, 0: fear}", "'0: fear' is no name"),
        ("names: [anger, helmet]", "helmet: no class of AffectNet"),
        (b"names: [\xff]", "data.yaml"),
    ],
)
def test_broken_names_are_refused(tmp_path, yaml, part):
    message = failure(affectnet, tree(tmp_path, yaml, a="0"), num_classes=8)
    assert part in message and "data.yaml" in message


@pytest.mark.parametrize("text", ["8", "-1 .5 .5 1 1", "happy", "1.5", "0 .5 .5 1", "0 nan_ 1 1 1", b"\xff0"])
def test_broken_lines_are_named(tmp_path, text):
    message = failure(affectnet, tree(tmp_path, a=text), num_classes=8)
    assert "train/labels/a.txt" in message and ("line 1" in message or "UTF-8" in message)


def test_two_labels_of_one_face_are_refused(tmp_path):
    assert "two labels" in failure(affectnet, tree(tmp_path, a="0 .5 .5 1 1\n4 .5 .5 1 1"), num_classes=8)


def test_no_label_at_all_is_refused(tmp_path):
    assert "no image in images/ has a label" in failure(affectnet, tree(tmp_path, a=""), num_classes=8)


@pytest.mark.parametrize("names", ["[]", "{}", "[,]"])
def test_no_names_at_all_are_refused_in_one_line(tmp_path, names):
    message = failure(affectnet, tree(tmp_path, f"names: {names}\n", a="0"), num_classes=8)
    assert "data.yaml: no names of classes in it" in message
