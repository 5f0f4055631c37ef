"""CK+ in its native form, sequences and label files, and as folders of 48×48 images."""

import pytest

from data_preprocessing.readers import READERS, ckplus
from data_preprocessing.sources.records import Record
from tests.data_preprocessing.readers.planted_trees import failure, labels, listing, note, pack, plant


def frames(subject: str, sequence: str, count: int, folder: str = "cohn-kanade-images/") -> list[str]:
    return [f"{folder}{subject}/{sequence}/{subject}_{sequence}_{k:08d}.png" for k in range(1, count + 1)]


def label_file(subject: str, sequence: str, text: str, folder: str = "Emotion/") -> dict[str, str]:
    return {f"{folder}{subject}/{sequence}/{subject}_{sequence}_00000011_emotion.txt": text}


def test_last_three_frames_have_the_label(tmp_path):
    images = frames("S005", "001", 11)
    plant(tmp_path, *images, **label_file("S005", "001", "   3.0000000e+00\n"))
    found = listing(ckplus, tmp_path, neutral=False)
    assert found.records == tuple(Record(name, "disgust", "S005") for name in images[-3:])
    assert found.notes == ()


def test_first_frame_is_neutral_where_asked_for(tmp_path):
    images = frames("S005", "001", 11)
    plant(tmp_path, *images, **label_file("S005", "001", "3"))
    assert labels(listing(ckplus, tmp_path, neutral=True)) == {
        images[0]: "neutral",
        **dict.fromkeys(images[-3:], "disgust"),
    }


@pytest.mark.parametrize(("count", "neutral"), [(1, 0), (3, 0), (4, 1)])
def test_frame_has_one_label_in_a_short_sequence(tmp_path, count, neutral):
    plant(tmp_path, *frames("S005", "001", count), **label_file("S005", "001", "3"))
    found = list(labels(listing(ckplus, tmp_path, neutral=True)).values())
    assert found == ["neutral"] * neutral + ["disgust"] * min(count, 3)


def test_frames_are_ordered_by_number(tmp_path):
    images = [f"S005/001/S005_001_{k}.png" for k in (8, 9, 10, 11, 100)]
    plant(tmp_path, *images, **label_file("S005", "001", "5"))
    assert list(labels(listing(ckplus, tmp_path, neutral=False))) == images[-3:]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("1", "anger"),
        ("2.0", "contempt"),
        ("   3.0000000e+00", "disgust"),
        ("4.0E+000", "fear"),
        ("5.", "happiness"),
        ("6e0", "sadness"),
        ("\t7 \r\n", "surprise"),
    ],
)
def test_labels(tmp_path, text, label):
    plant(tmp_path, *frames("S005", "001", 1), **label_file("S005", "001", text))
    assert list(labels(listing(ckplus, tmp_path, neutral=False)).values()) == [label]


@pytest.mark.parametrize("text", ["", "0", "8", "3.5", "3.0e+01", "nan", "anger", "é"])
def test_wrong_label_is_named_with_its_file(tmp_path, text):
    plant(tmp_path, *frames("S005", "001", 3), **label_file("S005", "001", text))
    message = failure(ckplus, tmp_path, neutral=False)
    assert "S005_001_00000011_emotion.txt" in message and "5 happiness" in message


def test_sequences_without_label_or_images_are_counted(tmp_path):
    images = [*frames("S005", "001", 4), *frames("S005", "002", 4), *frames("S010", "001", 4)]
    plant(tmp_path, *images, "poster.png", **label_file("S005", "001", "3"), **label_file("S011", "006", "1"))
    found = listing(ckplus, tmp_path, neutral=True)
    assert {name.split("/")[1:3] == ["S005", "001"] for name in labels(found)} == {True}
    assert note(found, "without a label") == "sequences without a label, left out: 2 (S005/002, S010/001)"
    assert note(found, "without images") == "labelled sequences without images: 1 (S011/006)"


def test_archives_as_distributed(tmp_path):
    pack(tmp_path / "extended-cohn-kanade-images.zip", *frames("S005", "001", 4))
    pack(tmp_path / "Emotion_labels.zip", **label_file("S005", "001", "1"))
    pack(tmp_path / "FACS_labels.zip", **{"FACS/S005/001/S005_001_00000011_facs.txt": "9.0 1.0"})
    found = listing(ckplus, tmp_path, neutral=False)
    assert list(labels(found)) == [f"extended-cohn-kanade-images.zip/{name}" for name in frames("S005", "001", 4)[-3:]]
    assert found.notes == ()


def test_frame_that_is_there_twice_is_taken_once(tmp_path):
    plant(tmp_path, *frames("S005", "001", 4, "a/"), *frames("S005", "001", 4, "b/"), **label_file("S005", "001", "1"))
    found = listing(ckplus, tmp_path, neutral=False)
    assert list(labels(found)) == frames("S005", "001", 4, "a/")[-3:]
    assert "left out: 4 (" in note(found, "more than once")


def test_labels_that_contradict_each_other_are_refused(tmp_path):
    plant(tmp_path, *frames("S005", "001", 4), **label_file("S005", "001", "1"), **label_file("S005", "001", "2", "old/"))
    message = failure(ckplus, tmp_path, neutral=False)
    assert "contempt" in message and "anger" in message
    plant(tmp_path, **label_file("S005", "001", "1", "old/"))
    assert len(listing(ckplus, tmp_path, neutral=False).records) == 3


def test_sequences_without_any_label_are_refused(tmp_path):
    message = failure(ckplus, plant(tmp_path, *frames("S005", "001", 4)), neutral=False)
    assert "Emotion_labels.zip" in message


def test_class_folders(tmp_path):
    plant(tmp_path, "CK+48/anger/S010_004_00000017.png", "CK+48/Happy/S130_013_00000008.png")
    found = listing(ckplus, tmp_path, neutral=False)
    assert set(found.records) == {
        Record("CK+48/anger/S010_004_00000017.png", "anger", "S010"),
        Record("CK+48/Happy/S130_013_00000008.png", "happiness", "S130"),
    }
    assert found.notes == ()
    assert "no neutral" in note(listing(ckplus, tmp_path, neutral=True), "first frames")


def test_neutral_class_folder_is_kept(tmp_path):
    plant(tmp_path, "anger/S010_004_00000017.png", "neutral/S010_004_00000001.png")
    assert set(labels(listing(ckplus, tmp_path, neutral=True)).values()) == {"anger", "neutral"}
    assert listing(ckplus, tmp_path, neutral=True).notes == ()


@pytest.mark.parametrize("other", ["anger/1.png", "bored/S010_004_00000017.png", "S010_004_00000017.png"])
def test_other_images_beside_class_folders_are_counted(tmp_path, other):
    found = listing(ckplus, plant(tmp_path, "anger/S010_004_00000017.png", other), neutral=False)
    assert labels(found) == {"anger/S010_004_00000017.png": "anger"}
    assert found.notes == (f"images not as anger/S010_004_00000017.png, left out: 1 ({other})",)


def test_native_form_alone_is_read_where_both_are_there(tmp_path):
    images = frames("S005", "001", 3)
    plant(tmp_path, *images, "CK+48/anger/S005_001_00000003.png", **label_file("S005", "001", "1"))
    found = listing(ckplus, tmp_path, neutral=False)
    assert list(labels(found)) == images
    assert found.notes == ("images in no folder subject/sequence, left out: 1 (CK+48/anger/S005_001_00000003.png)",)


def test_copy_in_another_folder_of_the_class_is_taken_once(tmp_path):
    found = listing(ckplus, plant(tmp_path, "a/fear/S010_004_00000017.png", "b/fear/S010_004_00000017.png"), neutral=False)
    assert list(labels(found)) == ["a/fear/S010_004_00000017.png"]
    assert note(found, "more than once")


def test_other_layout_is_refused(tmp_path):
    message = failure(ckplus, plant(tmp_path, "anger/1.png"), neutral=False)
    assert "anger/S010_004_00000017.png" in message and "_emotion.txt" in message and "found anger/" in message


def test_fits_by_names():
    assert ckplus.fits(["a.txt", *frames("S005", "001", 1)])
    assert ckplus.fits(["CK+48/anger/S010_004_00000017.png"])
    assert not ckplus.fits(["anger/1.png", "S005/002/S005_001_00000011.png", "S010_004_00000017.png"])
    assert READERS["ck+"].description == ckplus.DESCRIPTION
