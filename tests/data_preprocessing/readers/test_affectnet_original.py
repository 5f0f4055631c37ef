"""AffectNet's first layout: two CSV lists with face boxes, images in numbered folders."""

from types import SimpleNamespace

import pytest

from data_preprocessing.readers import affectnet
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.planted_trees import failure, labels, listing, note, pack, plant

HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
IMAGES = "Manually_Annotated/Manually_Annotated_Images"
LISTS = "Manually_Annotated_file_lists"


def row(path: str, label: object, box: str = "1,2,10,20") -> str:
    return f"{path},{box},1.5;2.5;3.5;4.5,{label},-0.1,0.2"


def lines(*rows: str, header: str | None = HEADER) -> str:
    return "".join(f"{text}\r\n" for text in (header, *rows) if text is not None)


def whole(root, train: list[str], valid: list[str], images=("1/a.jpg", "1/b.JPG", "22/a.jpg", "22/c.jpg"), top=IMAGES):
    texts = {f"{LISTS}/training.csv": lines(*train), f"{LISTS}/validation.csv": lines(*valid, header=None)}
    return plant(root, *(f"{top}/{name}" for name in images), **texts)


TRAIN = [row("1/a.jpg", 0), row("1/b.jpg", 7, "0,0,3,4")]
VALID = [row("22/a.jpg", 6), row("22\\c.jpg", 1)]


@pytest.mark.parametrize("top", [IMAGES, "Manually_Annotated_Images", "x"])
def test_lists_give_label_box_and_split(tmp_path, top):
    found = listing(affectnet, whole(tmp_path, TRAIN, VALID, top=top), num_classes=8)
    got = [(r.source.removeprefix(top).strip("/"), r.label, r.split, r.box) for r in found.records]
    assert sorted(got) == [
        ("1/a.jpg", "neutral", "train", (1, 2, 11, 22)),
        ("1/b.JPG", "contempt", "train", (0, 0, 3, 4)),
        ("22/a.jpg", "anger", "test", (1, 2, 11, 22)),
        ("22/c.jpg", "happiness", "test", (1, 2, 11, 22)),
    ]
    assert [text for text in found.notes] == [note(found, "official validation set is the split test")]


def test_archives_and_a_list_beside_the_images(tmp_path):
    pack(tmp_path / "Manually_Annotated.zip", "Manually_Annotated_Images/1/a.jpg", "Manually_Annotated_Images/1/b.jpg")
    plant(tmp_path, **{"training.csv": lines(*TRAIN)})
    assert sorted(labels(listing(affectnet, tmp_path, num_classes=8)).values()) == ["contempt", "neutral"]


def test_what_is_left_out_is_counted(tmp_path):
    train = [*TRAIN, row("1/a.jpg", 8), row("9/gone.jpg", 2), row("22/a.jpg", 3), row("1/a.jpg", 0)]
    train.append(row("1/x.jpg", 10, "a,b,c,d"))
    found = listing(affectnet, whole(tmp_path, train, VALID[:1]), num_classes=7)
    assert len(found.records) == 2
    for part in ("2 lines of", "no expression (labels 8 to 10)"), ("1 line of", "contempt"), ("1 line of", "missing"):
        assert part[0] in note(found, part[1])
    assert "1 line of" in note(found, "image is in validation.csv, too") and "22/a.jpg" in note(found, "validation.csv, too")
    assert "1/a.jpg" in note(found, "there more than once")
    assert "22/c.jpg" in note(found, "in no list")


def test_two_boxes_of_an_image_are_two_faces(tmp_path):
    plant(tmp_path, "1/a.jpg", **{"training.csv": lines(row("1/a.jpg", 0), row("1/a.jpg", 1, "30,0,5,5"))})
    found = affectnet.read(open_tree(tmp_path), SimpleNamespace(num_classes=7))
    assert [(r.source, r.label) for r in found.records] == [("1/a.jpg", "neutral"), ("1/a.jpg", "happiness")]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["training.csv", "the list is empty"]),
        (lines(), ["no image with an expression"]),
        (lines(row("1/a.jpg", 11)), ["line 2", "'11'"]),
        (lines(row("1/a.jpg", "")), ["line 2", "''"]),
        (lines(row("1/a.jpg", 0, "NULL,2,3,4")), ["line 2", "NULL", "numbers"]),
        (lines(row("1/a.jpg", 0), row("1/a.jpg", 1)), ["line 3", "another label"]),
        (lines("1/a.jpg,0"), ["line 2", "2 fields instead of 9"]),
        (lines(header=HEADER.replace("face_width", "w")), ["no column face_width"]),
        (lines(row("5/none.jpg", 0)), ["no image with an expression", "missing"]),
        (b"1/\xe9.jpg,1", ["UTF-8"]),
        (lines('"1/a.jpg'), ["no CSV"]),
    ],
)
def test_broken_lists_are_named(tmp_path, text, parts):
    message = failure(affectnet, plant(tmp_path, "1/a.jpg", **{"training.csv": text}), num_classes=8)
    assert all(part in message for part in parts)


def test_two_lists_of_one_kind_are_refused(tmp_path):
    plant(tmp_path, "1/a.jpg", **{"training.csv": lines(*TRAIN), "old/training.csv": lines(*TRAIN)})
    assert "two lists, old/training.csv and training.csv" in failure(affectnet, tmp_path, num_classes=8)


def test_automatically_annotated_images_are_not_read_and_said(tmp_path):
    texts = {"Automatically_annotated_file_list/automatically_annotated.csv": lines(row("1/z.jpg", 1))}
    root = whole(tmp_path, TRAIN, VALID)
    plant(root, "Automatically_Annotated/Automatically_Annotated_Images/1/a.jpg", **texts)
    found = listing(affectnet, root, num_classes=8)
    assert len(found.records) == 4 and "automatically_annotated.csv is not read" in note(found, "a network gave")


def test_fits_by_names():
    assert affectnet.by_list([f"{IMAGES}/103/a.jpg", f"{LISTS}/training.csv"])
    assert affectnet.by_list(["a/1/x.png", "validation.csv"])
    assert not affectnet.fits(["joy/a.jpg", "training.csv"]) and not affectnet.fits([f"{IMAGES}/103/a.jpg"])
