"""What --data may name."""

import pytest

from data_preprocessing.errors import DataError
from data_preprocessing.folders import read_split
from data_preprocessing.sources import open_source

ROWS = ["1,0,PrivateTest", "2,0,Training", "3,0,PublicTest"]


def test_folder_gives_its_splits(tmp_path, make_faces):
    root = make_faces(tmp_path, {name: {"anger": 2, "joy": 1} for name in ("test", "val", "train")})
    source = open_source(root)
    assert list(source) == ["train", "valid", "test"]
    assert source["valid"]() == read_split("valid", root / "val")
    assert source["train"]().name == "train"


def test_folder_is_listed_only_when_a_split_is_read(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": {"anger": 1, "joy": 1}, "valid": {"only one": 1}})
    source = open_source(str(root))
    assert source["train"]().counts() == {"anger": 1, "joy": 1}
    with pytest.raises(DataError, match="only one"):
        source["valid"]()


@pytest.mark.parametrize("name", ["fer2013.csv", "FER.CSV"])
def test_csv_file_gives_its_splits(tmp_path, name):
    (tmp_path / name).write_text("\n".join(["emotion,pixels,Usage", *ROWS]))
    for data in (tmp_path / name, str(tmp_path / name)):
        source = open_source(data)
        assert list(source) == ["train", "valid", "test"]
        assert {key: read().labels for key, read in source.items()} == {"train": (2,), "valid": (3,), "test": (1,)}
        assert source["test"]().folder == tmp_path / name


def test_csv_file_without_usage_is_explained_through_say(tmp_path):
    said = []
    (tmp_path / "train.csv").write_text("\n".join(["emotion,pixels", *["0,0"] * 3590]))
    open_source(tmp_path / "train.csv", said.append)
    assert len(said) == 1 and "3589" in said[0]


def test_folder_whose_name_ends_in_csv_is_a_folder(tmp_path, make_faces):
    root = tmp_path / "faces.csv"
    make_faces(root, {"train": {"anger": 1, "joy": 1}})
    assert list(open_source(root)) == ["train"]


def test_other_file_is_refused(tmp_path):
    path = tmp_path / "fer2013.csv.zip"
    path.write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        open_source(path)
    message = str(caught.value)
    assert message.startswith(f"--data {path}: this is a file; ") and "train/" in message and "FER2013's CSV file" in message


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv"])
def test_missing_path_is_named(tmp_path, name):
    with pytest.raises(DataError) as caught:
        open_source(tmp_path / name)
    assert str(caught.value) == f"--data {tmp_path / name}: no such folder"
