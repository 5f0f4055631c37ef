"""By its file's size and time an image is known again, and not read a second time."""

import hashlib
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from data_preprocessing.sources.fer2013 import read_fer2013
from data_preprocessing.sources.folders import Split, check_images, read_split
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.prepare.prepare_files import write_files
from tests.data_preprocessing.refusals import failure
from tests.data_preprocessing.sources.fer2013_files import write_usual


@pytest.fixture
def train(tmp_path, make_faces) -> Path:
    """A train folder of two classes with three and two images."""
    return make_faces(tmp_path / "data", {"train": {"anger": 3, "joy": 2}}) / "train"


def noted_reading(monkeypatch) -> list[str]:
    """From now on, the images that are read, by their paths."""
    seen, inspect = [], Split.inspect

    def noted(split, index):
        seen.append(split.paths[index])
        return inspect(split, index)

    monkeypatch.setattr(Split, "inspect", noted)
    return seen


def test_images_whose_files_are_as_they_were_are_not_read_again(train, monkeypatch):
    split = read_split("train", train)
    first = check_images(split, False)
    assert first.stamps.keys() == set(split.paths)
    for path, (size, changed, digest) in first.stamps.items():
        data = (train / path).read_bytes()
        assert (size, digest) == (len(data), hashlib.sha256(data).hexdigest())
        assert changed == (train / path).stat().st_mtime_ns
    seen = noted_reading(monkeypatch)
    assert check_images(split, False, known=first.stamps) == first
    assert seen == []


def test_changed_touched_and_new_images_are_read_again(train, make_image, monkeypatch):
    first = check_images(read_split("train", train), False)
    (train / "anger" / "0.png").write_bytes(b"another size at the same time")
    os.utime(train / "anger" / "0.png", ns=(0, first.stamps["anger/0.png"][1]))
    os.utime(train / "joy" / "1.png", ns=(0, 0))
    make_image(9).save(train / "joy" / "new.png")
    (train / "joy" / "0.png").unlink()
    seen = noted_reading(monkeypatch)
    again = check_images(read_split("train", train), True, known=first.stamps)
    assert sorted(seen) == ["anger/0.png", "joy/1.png", "joy/new.png"]
    assert again.split.paths == ("anger/1.png", "anger/2.png", "joy/1.png", "joy/new.png")
    assert set(again.stamps) == set(again.split.paths)
    assert again == check_images(read_split("train", train), True)


def test_image_that_vanished_is_named_though_it_was_known(train):
    split = read_split("train", train)
    first = check_images(split, False)
    (train / "joy" / "0.png").unlink()
    assert str(train / "joy" / "0.png") in failure(check_images, split, False, known=first.stamps)


def test_a_csv_file_is_the_stamp_of_each_of_its_rows(tmp_path):
    file = write_usual(tmp_path / "fer2013.csv")
    checked = check_images(read_fer2013(file)["train"], skip_bad=False)
    assert {stamp[:2] for stamp in checked.stamps.values()} == {(file.stat().st_size, file.stat().st_mtime_ns)}
    assert check_images(read_fer2013(file)["train"], skip_bad=False, known=checked.stamps) == checked


def packed(path: Path) -> Path:
    """An archive that holds a.txt, of the kind that its name says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "a")
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
            archive.addfile(tarfile.TarInfo("a.txt"))
    return path


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_an_archive_is_the_stamp_of_what_it_holds(tmp_path, name):
    folder = write_files(tmp_path, {"own.txt": b"12345"})
    archive = packed(folder / name)
    tree = pickle.loads(pickle.dumps(open_tree(folder)))
    for entry, file in {"own.txt": folder / "own.txt", f"{name}/a.txt": archive}.items():
        assert tree.stamp(entry) == (file.stat().st_size, file.stat().st_mtime_ns)
    archive.unlink()
    with pytest.raises(FileNotFoundError):
        tree.stamp(f"{name}/a.txt")
