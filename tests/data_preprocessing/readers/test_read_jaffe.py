"""JAFFE's names: subject, expression, take."""

import pytest

from data_preprocessing.readers import READERS, jaffe
from data_preprocessing.sources.records import Record
from tests.data_preprocessing.readers.planted_trees import failure, labels, listing, note, pack, plant


def test_name_tells_subject_and_expression(tmp_path):
    plant(tmp_path, "jaffe/KA.AN1.39.tiff", "jaffe/YM.SU3.60.tiff")
    assert listing(jaffe, tmp_path).records == (
        Record("jaffe/KA.AN1.39.tiff", "anger", "KA"),
        Record("jaffe/YM.SU3.60.tiff", "surprise", "YM"),
    )
    assert listing(jaffe, tmp_path).notes == ()


def test_all_seven_expressions(tmp_path):
    plant(tmp_path, *(f"KA.{code}1.{k}.tiff" for k, code in enumerate(("AN", "DI", "FE", "HA", "NE", "SA", "SU"))))
    names = [record.label for record in listing(jaffe, tmp_path).records]
    assert names == ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]


def test_case_and_ending_of_the_name_do_not_matter(tmp_path):
    plant(tmp_path, "ka.an1.39.TIF", "KA.ne1.26.png")
    assert {(r.label, r.subject) for r in listing(jaffe, tmp_path).records} == {("anger", "KA"), ("neutral", "KA")}


@pytest.mark.parametrize("other", ["KA.AN.39.tiff", "KA.XX1.39.tiff", "A.AN1.39.tiff", "KA.AN1.tiff", "KA.AN1.39.2.tiff"])
def test_name_that_does_not_fit_is_counted(tmp_path, other):
    found = listing(jaffe, plant(tmp_path, "KA.AN1.39.tiff", f"more/{other}", **{"README_FIRST.txt": "read"}))
    assert labels(found) == {"KA.AN1.39.tiff": "anger"}
    assert found.notes == (f"images not called as JAFFE's, left out: 1 (more/{other})",)


def test_image_that_is_there_twice_is_taken_once(tmp_path):
    pack(tmp_path / "jaffe.zip", "jaffe/KA.AN1.39.tiff")
    found = listing(jaffe, plant(tmp_path, "jaffedbase/KA.AN1.39.tiff"))
    assert labels(found) == {"jaffe.zip/jaffe/KA.AN1.39.tiff": "anger"}
    assert "left out: 1 (" in note(found, "more than once")


def test_other_layout_is_refused(tmp_path):
    message = failure(jaffe, plant(tmp_path, "anger/1.png"))
    assert "KA.AN1.39.tiff" in message and "found anger/" in message


def test_fits_by_names():
    assert jaffe.fits(["a/readme.txt", "a/KA.AN1.39.tiff"])
    assert not jaffe.fits(["KA.AN1.39.txt", "anger/1.tiff"])
    assert READERS["jaffe"].description == jaffe.DESCRIPTION
