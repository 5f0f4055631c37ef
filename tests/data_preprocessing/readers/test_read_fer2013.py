"""FER2013's CSV file in a folder or archive."""

import tempfile
from pathlib import Path

import pytest

from data_preprocessing.readers import READERS, fer2013
from data_preprocessing.sources.records import Record
from tests.data_preprocessing.readers.fer2013_tables import table, text_of, usual, values
from tests.data_preprocessing.readers.planted_trees import failure, listing, note, pack, plant

EXPECTED = {
    Record("row 2", "anger", None, "train", None, values(0)),
    Record("row 4", "fear", None, "train", None, values(2)),
    Record("row 3", "disgust", None, "valid", None, values(1)),
    Record("row 5", "happiness", None, "test", None, values(3)),
}


@pytest.fixture
def temporary(tmp_path_factory, monkeypatch) -> Path:
    """The folder of temporary files, for looking at what is left there."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", ["fer2013.csv", "icml_face_data.csv", "fer2013/FER2013.CSV"])
def test_rows_of_a_folder(tmp_path, name):
    found = listing(fer2013, plant(tmp_path, **{name: usual()}))
    assert set(found.records) == EXPECTED
    assert found.notes == (f"read: {name}",)


def test_archive_is_read_as_the_folder_is_and_nothing_is_left(tmp_path, temporary):
    path = pack(tmp_path / "a.zip", **{"fer2013/fer2013.csv": usual(), "fer2013/README": "text"})
    assert set(listing(fer2013, path).records) == EXPECTED
    assert set(listing(fer2013, tmp_path).records) == EXPECTED
    assert not list(temporary.iterdir())


def test_complete_file_is_read_first(tmp_path):
    plant(
        tmp_path, **{"train.csv": "", "icml_face_data.csv": "", "test.csv": "", "z/z/fer2013.csv": "", "z/fer2013.csv": usual()}
    )
    found = listing(fer2013, tmp_path)
    assert set(found.records) == EXPECTED
    assert found.notes == ("read: z/fer2013.csv",)


@pytest.mark.parametrize("packed", [False, True])
def test_kaggle_train_with_labelled_test(tmp_path, monkeypatch, packed, temporary):
    texts = {
        "train.csv": table(f"6,{text_of(0)}", *["0,0"] * 3588, f"4,{text_of(1)}", header="emotion,pixels"),
        "test.csv": table(f"5,{text_of(2)}", header="emotion,pixels"),
    }
    root = pack(tmp_path / "a.zip", **texts) if packed else plant(tmp_path, **texts)
    found = listing(fer2013, root)
    assert {record.source: (record.label, record.split, record.pixels) for record in found.records} == {
        "row 2": ("neutral", "valid", values(0)),
        "row 3591": ("sadness", "train", values(1)),
        "test.csv, row 2": ("surprise", "test", values(2)),
    }
    assert f"{root}/train.csv" in note(found, "no column Usage")
    assert note(found, "the split test") == f"{root}/test.csv: its rows are the split test"
    assert not list(temporary.iterdir())


def test_test_file_of_another_folder_is_no_part_of_it(tmp_path):
    train = table(*["0,0"] * 3589, f"4,{text_of(1)}", header="emotion,pixels")
    plant(tmp_path, **{"a/train.csv": train, "b/test.csv": table(f"5,{text_of(2)}", header="emotion,pixels")})
    assert [record.source for record in listing(fer2013, tmp_path).records] == ["row 3591"]


def test_rows_with_wrong_pixels_are_left_out_and_counted(tmp_path):
    rows = [f"0,{text_of(0)},Training", "1,1 2 3,Training", f"2,{text_of(0)[:-1]}x,PublicTest"]
    found = listing(fer2013, plant(tmp_path, **{"fer2013.csv": table(*rows)}))
    assert [record.source for record in found.records] == ["row 2"]
    text = note(found, "wrong pixels")
    assert "left out: 2 (row 3: 3 pixel values" in text and "row 4: " in text


@pytest.mark.parametrize("packed", [False, True])
def test_broken_row_is_named_in_the_users_file(tmp_path, packed, temporary):
    texts = {"a/fer2013.csv": table(f"0,{text_of(0)},Training", f"9,{text_of(0)},Training")}
    root = pack(tmp_path / "a.zip", **texts) if packed else plant(tmp_path, **texts)
    assert failure(fer2013, root).startswith(f"{root}/a/fer2013.csv, row 3: emotion '9'")
    assert not list(temporary.iterdir())


def test_temporary_folder_that_is_full_is_named(tmp_path, monkeypatch, temporary):
    def full(*_):
        raise OSError(28, "No space left on device")

    root = pack(tmp_path / "a.zip", **{"fer2013.csv": usual()})
    monkeypatch.setattr(Path, "write_bytes", full)
    message = failure(fer2013, root)
    assert "No space left" in message and str(temporary) in message and f"{root}/fer2013.csv" in message


def test_other_layout_is_refused(tmp_path):
    message = failure(fer2013, plant(tmp_path, "anger/1.png", **{"fer2013new.csv": "votes"}))
    assert "fer2013.csv or icml_face_data.csv or train.csv" in message and "found anger/, fer2013new.csv" in message


def test_fits_by_names():
    assert fer2013.fits(["a.png", "a/Fer2013.csv"]) and fer2013.fits(["train.csv"])
    assert not fer2013.fits(["fer2013new.csv", "test.csv", "fer2013.csv/a.png"])
    assert READERS["fer2013"].description == fer2013.DESCRIPTION
