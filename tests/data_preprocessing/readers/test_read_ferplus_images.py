"""FERPlus as image files."""

import pytest

from data_preprocessing.readers import ferplus
from tests.data_preprocessing.readers.planted_trees import failure, listing, note, plant
from tests.data_preprocessing.readers.test_read_ferplus import HAPPY, votes

IMAGES = ("FER2013Train/fer0000000.png", "FER2013Valid/fer0000001.png", "data/FER2013Test/fer0000002.png")
USAGES = ("Training", "PublicTest", "PrivateTest")
SAD = "0,0,0,9,1,0,0,0,0,0"


def row(name: str, counts: str = HAPPY) -> str:
    return f'{name},"(0, 0, 48, 48)",{counts}\n'


def test_votes_by_image_name(tmp_path):
    plant(tmp_path, *IMAGES, **{"fer2013new.csv": votes(HAPPY, SAD, HAPPY, usages=USAGES)})
    found = listing(ferplus, tmp_path)
    assert sorted((r.source, r.label, r.split) for r in found.records) == [
        ("FER2013Train/fer0000000.png", "happiness", "train"),
        ("FER2013Valid/fer0000001.png", "sadness", "valid"),
        ("data/FER2013Test/fer0000002.png", "happiness", "test"),
    ]
    assert found.notes == ()


def test_votes_of_each_folder(tmp_path):
    lists = {"FER2013Train/label.csv": row("fer0000000.png"), "FER2013Valid/label.csv": row("fer0000001.png", SAD)}
    plant(tmp_path, *IMAGES[:2], **lists)
    assert [(r.label, r.split) for r in listing(ferplus, tmp_path).records] == [("happiness", "train"), ("sadness", "valid")]


def test_what_is_left_out_is_counted(tmp_path):
    tie, noface = "5,5,0,0,0,0,0,0,0,0", "0,1,0,0,0,0,0,0,0,9"
    more = ("FER2013Train/fer0000001.png", "FER2013Train/fer0000002.png", "FER2013Train/x.png", "FER2013Train/fer0000004.png")
    usages = ("Training", "Training", "Training", "Training", "PublicTest")
    plant(tmp_path, IMAGES[0], *more, **{"fer2013new.csv": votes(HAPPY, tie, noface, HAPPY, SAD, usages=usages)})
    found = listing(ferplus, tmp_path)
    assert [r.label for r in found.records] == ["happiness", "sadness"]
    assert "fer0000001" in note(found, "tie") and "fer0000002" in note(found, "NF") and "x.png" in note(found, "without votes")
    assert "fer0000003" in note(found, "missing") and "fer0000004" in note(found, "another split")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (None, "has no label.csv"),
        ("", "no image has votes"),
        ("fer0000000.png,1,2\n", "row 1: expected"),
        (row("fer0000000.png") + row("fer0000000.png", SAD), "other votes"),
        (row("fer0000000.png", HAPPY.replace("9", "-9")), "row 1: expected"),
        (row("other.png"), "without votes"),
        (b"\xe9", "UTF-8"),
        ('"a', "no CSV"),
    ],
)
def test_broken_lists_are_named(tmp_path, text, part):
    texts = {} if text is None else {"FER2013Train/label.csv": text}
    assert part in failure(ferplus, plant(tmp_path, IMAGES[0], **texts))


def test_two_votes_of_one_image_are_refused(tmp_path):
    text = votes(HAPPY, SAD, usages=USAGES[:2]).replace("fer0000001", "fer0000000")
    assert "other votes" in failure(ferplus, plant(tmp_path, IMAGES[0], **{"fer2013new.csv": text}))
