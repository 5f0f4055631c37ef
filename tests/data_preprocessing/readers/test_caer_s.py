"""CAER-S's layout."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_preprocessing.readers import caer_s
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.planted_trees import failure as refused
from tests.data_preprocessing.readers.planted_trees import plant as write

FOLDERS = ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


failure = partial(refused, caer_s)


def read(root: Path):
    return caer_s.read(open_tree(root), SimpleNamespace())


@pytest.mark.parametrize("top", ["", "CAER-S/"])
def test_folders_give_split_and_class(tmp_path, top):
    write(tmp_path, *(f"{top}{split}/{f}/000{k}.png" for split in ("train", "test") for f in FOLDERS for k in (1, 2)))
    listing = read(tmp_path)
    assert len(listing.records) == 28 and listing.notes == ()
    found = {(record.split, Path(record.source).parent.name): record.label for record in listing.records}
    assert found == {(split, f): name for split in ("train", "test") for f, name in zip(FOLDERS, CLASSES)}
    assert {record.subject for record in listing.records} == {None}


def test_case_of_the_folders_is_free(tmp_path):
    listing = read(write(tmp_path, "Train/anger/1.png", "train/HAPPY/1.png"))
    assert [(r.label, r.split) for r in listing.records] == [("anger", "train"), ("happiness", "train")]


def test_images_outside_the_class_folders_are_counted(tmp_path):
    listing = read(write(tmp_path, "train/Anger/1.png", "train/Sad/1.png", "cover.png", "train/2.png", "read.me"))
    assert listing.notes == ("2 images are in no class folder, left out: cover.png, train/2.png",)
    assert len(listing.records) == 2


def test_unknown_class_folder_is_named(tmp_path):
    message = failure(write(tmp_path, "train/Anger/1.png", "train/Contempt/1.png"))
    assert "train/Contempt/1.png" in message and "Surprise" in message


def test_other_layout_is_refused_with_what_was_found(tmp_path):
    message = failure(write(tmp_path, "photos/Anger/1.jpg"))
    assert "train/<class>/" in message and "photos/Anger/1.jpg" in message


def test_fits_the_seven_folders_alone():
    names = [f"train/{folder}/1.png" for folder in FOLDERS]
    assert caer_s.fits(names)
    assert not caer_s.fits(names[1:])
    assert not caer_s.fits([*names, "train/Contempt/1.png"])
    assert not caer_s.fits([f"train/{name}/1.png" for name in CLASSES])
    assert not caer_s.fits([])
