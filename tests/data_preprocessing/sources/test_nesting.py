"""Persons or data sets that would be taken for classes."""

from pathlib import Path

import pytest

from data_preprocessing.sources.folders import read_split
from data_preprocessing.sources.nesting import outer_folders, refuse_outer_folders
from tests.data_preprocessing.refusals import failure


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ([("s01", "anger"), ("s01", "happy"), ("s02", "Anger"), ("s02", "happy")], ["s01", "s02"]),
        ([("ck", "train", "anger"), ("jaffe", "train", "anger")], ["ck", "jaffe"]),
        ([("s01", "anger"), ("s01", "happy")], []),  # one folder alone
        ([("anger", "s01"), ("anger", "s02"), ("happy", "s01"), ("happy", "s02")], []),
        ([("happy", "sad"), ("happy", "fear"), ("angry", "sad"), ("angry", "fear")], []),  # the first are classes
        ([("A", "male"), ("A", "female"), ("B", "male"), ("B", "female")], []),
        ([("1",), ("2",), ()], []),
        ([("s1", "sad"), ("s1", "joy"), ("s2", "sad"), ("s2", "joy"), ("x",), ("y",), ("z",)], []),  # less than half
    ],
)
def test_outer_folders(folders, found):
    assert outer_folders(folders)[0] == found


def test_persons_are_refused_with_the_command_that_reads_them(tmp_path, make_faces):
    for person in ("s01", "s02"):
        make_faces(tmp_path / "train", {person: {"angry": 1, "happy": 1}})
    message = failure(read_split, "train", tmp_path / "train")
    assert "s01, s02" in message and f"prepare folder --source {tmp_path} --out" in message
    assert "--subject-regex '([^/]+)/(?:angry|happy)/'" in message


def test_data_sets_are_refused_with_one_of_them():
    folders = [("ck", "train"), ("jaffe", "Train")]
    message = failure(refuse_outer_folders, Path("all"), Path("all"), folders)
    assert "several data sets; give one, as all/ck" in message
