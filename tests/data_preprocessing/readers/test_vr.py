"""Class folders of images, in splits or not."""

import unicodedata
import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_preprocessing.readers import vr
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.planted_trees import failure as refused
from tests.data_preprocessing.readers.planted_trees import plant as write

failure = partial(refused, vr)


def read(root: Path):
    return vr.read(open_tree(root), SimpleNamespace())


def rows(root: Path) -> list[tuple]:
    return [(r.source, r.label, r.split) for r in read(root).records]


def test_class_folders_without_splits(tmp_path):
    assert rows(write(tmp_path, "E01/a.jpg", "E02/s1/b.png", "notes.txt")) == [
        ("E01/a.jpg", "E01", None),
        ("E02/s1/b.png", "E02", None),
    ]
    assert read(tmp_path).notes == ()


@pytest.mark.parametrize("top", ["", "study/data/"])
def test_class_folders_in_splits(tmp_path, top):
    write(tmp_path, f"{top}train/E01/a.jpg", f"{top}train/E02/b.jpg", f"{top}val/E01/c.jpg", f"{top}test/E02/d/e.jpg")
    assert sorted((label, split) for _, label, split in rows(tmp_path)) == [
        ("E01", "train"),
        ("E01", "valid"),
        ("E02", "test"),
        ("E02", "train"),
    ]


def test_one_split_alone_is_no_shared_folder(tmp_path):
    assert {(label, split) for _, label, split in rows(write(tmp_path, "d/train/E01/a.jpg", "d/train/E02/b.jpg"))} == {
        ("E01", "train"),
        ("E02", "train"),
    }


def test_archives_count_as_folders(tmp_path):
    for split in ("train", "test"):
        for inner in ("", f"{split}/"):
            with zipfile.ZipFile(tmp_path / f"{split}.zip", "w") as archive:
                archive.writestr(f"{inner}E01/a.jpg", b"")
                archive.writestr(f"{inner}E02/b.jpg", b"")
    assert {(label, split) for _, label, split in rows(tmp_path)} == {
        (label, split) for label in ("E01", "E02") for split in ("train", "test")
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_korean_classes_are_composed(tmp_path, form):
    write(tmp_path, *(unicodedata.normalize(form, f"{name}/a.jpg") for name in ("기쁨", "분노")))
    assert [label for _, label, _ in rows(tmp_path)] == ["기쁨", "분노"]


def test_images_in_no_class_folder_are_counted(tmp_path):
    listing = read(write(tmp_path, "train/E01/a.jpg", "train/E02/b.jpg", "train/c.jpg"))
    assert listing.notes == ("1 image is in no class folder, left out: train/c.jpg",)
    assert len(listing.records) == 2
    listing = read(write(tmp_path / "plain", "E01/a.jpg", "E02/b.jpg", "c.jpg"))
    assert listing.notes[0].endswith(": c.jpg") and len(listing.records) == 2


def test_classes_beside_splits_are_refused(tmp_path):
    message = failure(write(tmp_path, "train/E01/a.jpg", "train/E02/b.jpg", "E03/c.jpg"))
    assert "E03 beside train/" in message


@pytest.mark.parametrize("names", [["E01/a.jpg", "E01/b.jpg"], ["a.jpg"], ["train/E01/a.jpg", "test/E01/b.jpg"], ["a.txt"]])
def test_fewer_than_two_classes_are_refused(tmp_path, names):
    assert "at least 2 class folders" in failure(write(tmp_path, *names))


def test_fits_the_studys_folders():
    assert vr.fits(["train/E01/a.jpg"]) and vr.fits(["E03/x/a.png"])
    assert not vr.fits(["E01/a.txt"]) and not vr.fits(["E1/a.jpg", "joy/E01.jpg"]) and not vr.fits([])
