"""AffectNet's annotation files and lists."""

import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.readers import affectnet
from data_preprocessing.sources.trees import open_tree


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"an image")


def annotate(root: Path, folder: str, labels: list, names: list | None = None) -> Path:
    """images/N.jpg and annotations/N_exp.npy (with their _val and _lnd) for each label."""
    (root / folder / "annotations").mkdir(parents=True, exist_ok=True)
    for name, label in zip(names or range(len(labels)), labels):
        image(root / folder / f"images/{name}.jpg")
        np.save(root / folder / f"annotations/{name}_exp.npy", label)
        np.save(root / folder / f"annotations/{name}_val.npy", 0.5)
        np.save(root / folder / f"annotations/{name}_lnd.npy", np.zeros(136))
    return root


def put_list(root: Path, name: str, *lines: str) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines))
    return root


def read(root: Path, num_classes: int = 8):
    return affectnet.read(open_tree(root), SimpleNamespace(num_classes=num_classes))


def labels_of(listing, split: str = "train") -> list[str]:
    return [record.label for record in listing.records if record.split == split]


def failure(root: Path, num_classes: int = 8) -> str:
    with pytest.raises(DataError) as caught:
        read(root, num_classes)
    assert len(str(caught.value).splitlines()) == 1 and str(root) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("validation", ["val_set", "valid_set"])
def test_annotations_give_labels_and_the_validation_set_is_the_test_split(tmp_path, validation):
    annotate(annotate(tmp_path, "train_set", range(8)), validation, [7, 0])
    listing = read(tmp_path)
    assert labels_of(listing) == list(affectnet.CLASSES)
    assert labels_of(listing, "test") == ["contempt", "neutral"]
    assert len(listing.records) == 10
    assert [r.source for r in listing.records][-2:] == [f"{validation}/images/0.jpg", f"{validation}/images/1.jpg"]
    assert len(listing.notes) == 1 and "validation set is the split test" in listing.notes[0]


@pytest.mark.parametrize(
    "kind", [int, float, str, np.str_, np.uint8, lambda k: b"%d" % k, lambda k: [k], lambda k: np.array([[k]])]
)
def test_numbers_may_be_of_any_kind(tmp_path, kind):
    labels = [kind(k) for k in (3, 6)]
    assert labels_of(read(annotate(tmp_path, "train_set", labels))) == ["surprise", "anger"]


def test_seven_classes_drop_contempt_and_count_it(tmp_path):
    annotate(tmp_path, "train_set", [0, 7, 6, 7])
    listing = read(tmp_path, 7)
    assert labels_of(listing) == ["neutral", "anger"]
    assert any("contempt" in note and note.startswith("2 images") for note in listing.notes)
    assert labels_of(read(tmp_path, 8)) == ["neutral", "contempt", "anger", "contempt"]


def test_labels_of_no_expression_are_dropped_and_counted(tmp_path):
    listing = read(annotate(tmp_path, "train_set", [0, 8, 9, 10, 7]))
    assert labels_of(listing) == ["neutral", "contempt"]
    assert [note for note in listing.notes if "no expression" in note and note.startswith("3 images")]
    assert "no expression" in failure(annotate(tmp_path / "b", "train_set", [8, 9]))


def test_eight_classes_without_contempt_are_told(tmp_path):
    annotate(tmp_path, "train_set", [0, 1])
    assert any("contempt" in note for note in read(tmp_path, 8).notes)
    assert not any("contempt" in note for note in read(tmp_path, 7).notes)


def test_sets_may_be_archives_and_lie_deeper(tmp_path):
    annotate(tmp_path / "made", "train_set", [2, 5])
    (tmp_path / "data/AffectNet").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "data/AffectNet/train_set.zip", "w") as archive:
        for file in sorted((tmp_path / "made").rglob("*.*")):
            archive.write(file, file.relative_to(tmp_path / "made"))
    assert labels_of(read(tmp_path / "data")) == ["sadness", "disgust"]


def test_images_and_annotations_without_their_counterpart_are_counted_and_named(tmp_path):
    annotate(tmp_path, "train_set", [0, 1, 2])
    (tmp_path / "train_set/images/1.jpg").unlink()
    image(tmp_path / "train_set/images/9.jpg")
    listing = read(tmp_path)
    assert labels_of(listing) == ["neutral", "sadness"]
    missing, extra, _ = listing.notes
    assert missing.startswith("1 labelled image is") and missing.endswith("train_set/annotations names: 1")
    assert extra.startswith("1 image is") and extra.endswith("left out: train_set/images/9.jpg")


BROKEN = [
    (b"", "empty"),
    (b"PK\x03\x04", "no .npy"),
    (b"\x93NUMPY\x01\x00\x20\x00{'descr': '<f8', 'fortran_ord", "no .npy"),
    (np.array(11), "'11' is no label"),
    (np.array(2.5), "'2.5' is no label"),
    (np.array("happy"), "'happy' is no label"),
    (np.array(np.nan), "'nan' is no label"),
    (np.zeros(3), "3 values"),
    (np.array([{}], dtype=object), "no .npy"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_broken_annotations_are_named_and_counted(tmp_path, content, words):
    annotate(tmp_path, "train_set", [0, 1, 2])
    for k in (1, 2):
        path = tmp_path / f"train_set/annotations/{k}_exp.npy"
        path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    message = failure(tmp_path)
    assert "2 annotations are unreadable" in message and words in message
    assert "1_exp.npy" in message and "2_exp.npy" in message and "0_exp.npy" not in message


def lists(root: Path) -> Path:
    for name in ("a", "b", "c"):
        image(root / f"train_set/images/{name}.jpg")
    image(root / "valid_set/0/x.jpg")
    image(root / "valid_set/1/x.jpg")
    put_list(root, "train_set/train_annotations.txt", "a.jpg 0", "images/b.jpg 3")
    put_list(root, "train_set/train_annotations_8class.txt", "train_set/images/a.jpg 1", "./b.jpg 3", "images\\c.jpg 7")
    return put_list(root, "valid_set/valid_annotations.txt", "0/x.jpg 2", "1/x.jpg 6")


def test_list_for_as_many_classes_is_read(tmp_path):
    assert labels_of(read(lists(tmp_path), 7)) == ["neutral", "surprise"]
    assert labels_of(read(tmp_path, 8)) == ["happiness", "surprise", "contempt"]


def test_only_list_serves_both_counts_and_folders_tell_images_of_one_name_apart(tmp_path):
    lists(tmp_path)
    (tmp_path / "train_set/train_annotations.txt").unlink()
    for number, expected in ((7, ["happiness", "surprise"]), (8, ["happiness", "surprise", "contempt"])):
        listing = read(tmp_path, number)
        assert labels_of(listing) == expected
        assert [(r.source, r.label) for r in listing.records if r.split == "test"] == [
            ("valid_set/0/x.jpg", "sadness"),
            ("valid_set/1/x.jpg", "anger"),
        ]


def test_list_goes_before_annotations(tmp_path):
    annotate(tmp_path, "train_set", [0, 1])
    put_list(tmp_path, "train_set/train_annotations.txt", "0.jpg 4", "1.jpg 5")
    assert labels_of(read(tmp_path)) == ["fear", "disgust"]


def test_broken_line_is_named(tmp_path):
    message = failure(put_list(lists(tmp_path), "valid_set/valid_annotations.txt", "0/x.jpg 2", "1/x.jpg 11"))
    assert "valid_set/valid_annotations.txt, line 2" in message and "from 0 to 10" in message


def test_second_list_for_as_many_classes_is_refused(tmp_path):
    message = failure(put_list(lists(tmp_path), "valid_set/val_annotations.txt", "0/x.jpg 2"))
    assert "valid_annotations.txt" in message and "val_annotations.txt" in message


def test_both_validation_sets_are_refused(tmp_path):
    message = failure(annotate(annotate(tmp_path, "val_set", [0, 1]), "valid_set", [0, 1]))
    assert "val_set/" in message and "valid_set/" in message


def test_set_without_labels_or_without_its_images_is_named(tmp_path):
    annotate(tmp_path, "val_set", [0, 1])
    image(tmp_path / "train_set/images/0.jpg")
    assert "train_set/ has no labels" in failure(tmp_path) and "train_annotations.txt" in failure(tmp_path)
    put_list(tmp_path, "train_set/train_annotations.txt", "5.jpg 1")
    message = failure(tmp_path)
    assert "train_set/ has no image with a label" in message and "names: 5;" in message


def test_other_layout_is_refused_with_what_was_found(tmp_path):
    image(tmp_path / "photos/1.jpg")
    message = failure(tmp_path)
    assert "train_set/images/N.jpg" in message and "photos/1.jpg" in message


def test_fits():
    assert affectnet.fits(["train_set/annotations/1_exp.npy"])
    assert affectnet.fits(["d/valid_set/valid_annotations_8class.txt"])
    assert not affectnet.fits(["train/annotations/1_exp.npy", "train_set/1.jpg", "train_annotations.txt"])
    assert not affectnet.fits([])
