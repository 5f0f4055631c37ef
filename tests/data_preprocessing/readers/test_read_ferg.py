"""FERG-DB's folders: character, expression."""

import pytest

from data_preprocessing.readers import READERS, ferg
from data_preprocessing.sources.records import Record
from tests.data_preprocessing.readers.planted_trees import failure, labels, listing, note, pack, plant


def test_folder_tells_character_and_expression(tmp_path):
    plant(tmp_path, "FERG_DB_256/aia/aia_anger/aia_anger_1.png", "FERG_DB_256/ray/ray_joy/ray_joy_7.png")
    found = listing(ferg, tmp_path)
    assert found.records == (
        Record("FERG_DB_256/aia/aia_anger/aia_anger_1.png", "anger", "aia"),
        Record("FERG_DB_256/ray/ray_joy/ray_joy_7.png", "joy", "ray"),
    )
    assert found.notes == ()


def test_all_seven_expressions(tmp_path):
    names = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
    plant(tmp_path, *(f"mery/mery_{name}/mery_{name}_1.png" for name in names))
    assert tuple(record.label for record in listing(ferg, tmp_path).records) == names


def test_archive_is_read_as_the_folder_is(tmp_path):
    path = pack(tmp_path / "FERG_DB_256.zip", "FERG_DB_256/aia/aia_anger/aia_anger_1.png")
    assert labels(listing(ferg, path)) == {"FERG_DB_256/aia/aia_anger/aia_anger_1.png": "anger"}
    pack(tmp_path / "aia" / "aia_fear.zip", "aia_fear_1.png")
    assert labels(listing(ferg, tmp_path))["aia/aia_fear.zip/aia_fear_1.png"] == "fear"


@pytest.mark.parametrize("other", ["aia/1.png", "1.png", "aia/aia_bored/1.png", "aia/aia_anger/more/1.png", "aia/anger/1.png"])
def test_other_folders_are_counted(tmp_path, other):
    found = listing(ferg, plant(tmp_path, "aia/aia_anger/aia_anger_1.png", other, **{"notes.txt": "text"}))
    assert labels(found) == {"aia/aia_anger/aia_anger_1.png": "anger"}
    assert found.notes == (f"images in no folder character_expression, left out: 1 ({other})",)


def test_image_that_is_there_twice_is_taken_once(tmp_path):
    plant(tmp_path, "a/aia/aia_anger/1.png", "b/aia/aia_anger/1.png", "b/ray/ray_anger/1.png")
    found = listing(ferg, tmp_path)
    assert list(labels(found)) == ["a/aia/aia_anger/1.png", "b/ray/ray_anger/1.png"]
    assert "left out: 1 (" in note(found, "more than once")


def test_other_layout_is_refused(tmp_path):
    message = failure(ferg, plant(tmp_path, "anger/1.png"))
    assert "aia/aia_anger/" in message and "found anger/" in message


def test_fits_by_names():
    assert ferg.fits(["a.txt", "FERG_DB_256/aia/aia_anger/aia_anger_1.png"])
    assert not ferg.fits(["aia/aia_anger/1.txt", "anger/1.png", "1.png"])
    assert READERS["ferg"].description == ferg.DESCRIPTION
