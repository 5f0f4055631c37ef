"""FER2013's CSV file in its three forms: which row belongs to which split, and files that are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from data_preprocessing.sources.fer2013 import CLASSES, VALID_ROWS, read_fer2013
from data_preprocessing.sources.folders import check_images
from tests.data_preprocessing.refusals import failure
from tests.data_preprocessing.sources.fer2013_files import HEADER, USAGES, expected, pixels, text_of, write, write_usual


@pytest.fixture
def usual(tmp_path) -> Path:
    return write_usual(tmp_path / "fer2013.csv")


def broken(tmp_path) -> Path:
    """A file whose third row of Training, row 4, has a value too few."""
    lines = [f"{k},{text_of(k)},Training" for k in range(5)]
    lines[2] = lines[2].replace(",Training", "").rsplit(" ", 1)[0] + ",Training"
    return write(tmp_path / "fer2013.csv", HEADER, *lines)


def test_usage_decides_the_split(usual):
    splits = read_fer2013(usual)
    assert list(splits) == ["train", "valid", "test"]
    assert {name: split.paths for name, split in splits.items()} == {
        "train": ("row 2", "row 3", "row 5", "row 7"),
        "valid": ("row 4",),
        "test": ("row 6",),
    }
    assert [split.labels for split in splits.values()] == [(0, 1, 3, 5), (2,), (4,)]
    assert {(split.name, split.folder) for split in splits.values()} == {(name, usual) for name in splits}
    assert [pixels(split) for split in splits.values()] == [expected(0, 1, 3, 5), expected(2), expected(4)]


def test_splits_share_the_seven_classes_in_label_order(usual):
    splits = read_fer2013(usual)
    assert {split.classes for split in splits.values()} == {CLASSES}
    assert splits["valid"].classes == ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    assert splits["valid"].counts() == {name: int(name == "fear") for name in CLASSES}


def test_split_without_rows_is_left_out(tmp_path):
    lines = (f"{k},{text_of(k)},{usage}" for k, usage in enumerate(("PrivateTest", "Training")))
    assert list(read_fer2013(write(tmp_path / "a.csv", HEADER, *lines))) == ["train", "test"]


def test_icml_face_data_is_the_same_data(tmp_path, usual):
    lines = (f"{k},{usage},{text_of(k)}" for k, usage in enumerate(USAGES))
    other = read_fer2013(write(tmp_path / "icml_face_data.csv", "emotion, Usage, pixels", *lines))
    for name, split in read_fer2013(usual).items():
        assert replace(other[name], folder=usual) == split
        assert pixels(other[name]) == pixels(split)
        assert check_images(other[name], False).fingerprint == check_images(split, False).fingerprint


@pytest.mark.parametrize("header", ["EMOTION,Pixels, usage ", "\ufeffemotion,pixels,Usage", '"emotion","pixels","Usage"'])
def test_header_may_be_written_otherwise(tmp_path, header):
    path = write(tmp_path / "a.csv", header, f"3,{text_of(0)},Training", f"6,{text_of(1)}, publictest")
    splits = read_fer2013(path)
    assert (splits["train"].labels, splits["valid"].labels) == ((3,), (6,))


def test_column_of_another_kind_is_passed_over(tmp_path):
    splits = read_fer2013(write(tmp_path / "a.csv", f"id,{HEADER}", f"77,2,{text_of(0)},Training"))
    assert (splits["train"].labels, pixels(splits["train"])) == ((2,), expected(0))


def test_file_may_be_quoted_blank_lined_and_of_windows(tmp_path, usual):
    lines = [f'"{k}","{text_of(k)}","{usage}"' for k, usage in enumerate(USAGES)]
    path = tmp_path / "other.csv"
    path.write_bytes("\r\n".join([HEADER, *lines, "", ""]).encode())
    for name, split in read_fer2013(usual).items():
        assert replace(read_fer2013(path)[name], folder=usual) == split


def test_row_number_is_the_line_on_which_the_row_begins(tmp_path):
    first = text_of(0).replace(" ", "\n", 2)
    path = write(tmp_path / "a.csv", HEADER, f'1,"{first}",Training', "", f"2,{text_of(1)},Training")
    split = read_fer2013(path)["train"]
    assert split.paths == ("row 2", "row 6")
    assert pixels(split) == expected(0, 1)


def test_file_without_usage_gives_its_first_rows_to_valid(tmp_path):
    said = []
    path = write(tmp_path / "train.csv", "emotion,pixels", *(f"{k},{text_of(k)}" for k in range(5)))
    splits = read_fer2013(path, said.append, valid_rows=2)
    assert list(splits) == ["train", "valid"]
    assert [pixels(split) for split in splits.values()] == [expected(2, 3, 4), expected(0, 1)]
    assert splits["train"].labels == (2, 3, 4)
    assert len(said) == 1 and str(path) in said[0] and "2 rows" in said[0]


def test_kaggle_train_is_split_where_its_authors_did(tmp_path):
    # images are unreadable here, which keeps the file small; the number is that of PublicTest in fer2013.csv
    path = write(tmp_path / "train.csv", "emotion,pixels", *["0,0"] * 3590)
    splits = read_fer2013(path)
    assert VALID_ROWS == 3589
    assert {name: len(split.paths) for name, split in splits.items()} == {"train": 1, "valid": 3589}
    assert splits["train"].paths == ("row 3591",)


def test_labelled_test_file_beside_becomes_test(tmp_path):
    said = []
    path = write(tmp_path / "train.csv", "emotion,pixels", *(f"{k},{text_of(k)}" for k in range(3)))
    beside = write(tmp_path / "test.csv", "emotion,pixels", f"6,{text_of(8)}", f"5,{text_of(9)}")
    test = read_fer2013(path, said.append, valid_rows=1)["test"]
    assert (test.name, test.folder, test.labels, pixels(test)) == ("test", beside, (6, 5), expected(8, 9))
    assert str(beside) in said[1]


def test_test_file_without_labels_is_left_out_and_said(tmp_path):
    said = []
    path = write(tmp_path / "train.csv", "emotion,pixels", *(f"{k},{text_of(k)}" for k in range(3)))
    beside = write(tmp_path / "test.csv", "pixels", text_of(8))
    assert list(read_fer2013(path, said.append, valid_rows=1)) == ["train", "valid"]
    assert len(said) == 2 and str(beside) in said[1] and "no labels" in said[1]


def test_broken_test_file_beside_is_refused(tmp_path):
    path = write(tmp_path / "train.csv", "emotion,pixels", *(f"{k},{text_of(k)}" for k in range(3)))
    beside = write(tmp_path / "test.csv", "emotion,pixels", f"8,{text_of(8)}")
    assert failure(read_fer2013, path, valid_rows=1).startswith(f"{beside}, row 2: ")
    write(beside, "emotion,picture", f"6,{text_of(8)}")
    assert failure(read_fer2013, path, valid_rows=1).startswith(f"{beside}: no column pixels")


def test_test_file_beside_a_file_with_usage_is_no_part_of_it(usual):
    write(usual.with_name("test.csv"), "emotion,pixels", f"0,{text_of(8)}")
    assert read_fer2013(usual)["test"].folder == usual


def test_file_with_usage_needs_no_words(usual):
    read_fer2013(usual, pytest.fail)


@pytest.mark.parametrize("name", ["test.csv", "anything.csv"])
def test_file_without_labels_is_refused(tmp_path, name):
    path = write(tmp_path / name, "pixels", text_of(0))
    message = failure(read_fer2013, path)
    assert str(path) in message and "no labels" in message and "'pixels'" in message


def test_test_file_alone_is_refused(tmp_path):
    path = write(tmp_path / "test.csv", "emotion,pixels", f"0,{text_of(0)}", f"0,{text_of(1)}")
    assert "train.csv" in failure(read_fer2013, path, valid_rows=1)


def test_file_without_usage_too_short_for_training_is_refused(tmp_path):
    path = write(tmp_path / "train.csv", "emotion,pixels", *["0,0"] * 3)
    message = failure(read_fer2013, path, valid_rows=3)
    assert str(path) in message and "3 rows" in message and "train" in message


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("emotion;pixels;Usage", ["emotion and pixels", "'emotion;pixels;usage'"]),
        ("emotion,Usage", ["no column pixels", "'emotion', 'usage'"]),
        ("name," + "pixel," * 300 + "".join(f"{k}," for k in range(300)), ["'name'", "..."]),
        ("0," + "70 80 " * 1000 + ",Training", ["emotion and pixels", "'training'"]),
    ],
)
def test_missing_columns_are_named_beside_those_found(tmp_path, header, parts):
    path = write(tmp_path / "a.csv", header, "0,0,Training")
    message = failure(read_fer2013, path)
    assert message.startswith(f"{path}: ") and "Usage" in message
    assert all(part in message for part in parts)


@pytest.mark.parametrize("label", ["8", "-1", "3.0", "", "happy", "3" * 5000, "nan"])
def test_wrong_label_is_named_with_its_row(tmp_path, label):
    path = write(tmp_path / "a.csv", HEADER, f"0,{text_of(0)},Training", f"{label},{text_of(1)},Training")
    message = failure(read_fer2013, path)
    assert message.startswith(f"{path}, row 3: ") and repr(label)[:10] in message and "7 contempt" in message


@pytest.mark.parametrize("usage", ["", " ", "Test", "Train\u2028ing"])
def test_wrong_usage_is_named_with_its_row(tmp_path, usage):
    path = write(tmp_path / "a.csv", HEADER, f"0,{text_of(0)},Training", f'0,{text_of(1)},"{usage}"')
    message = failure(read_fer2013, path)
    assert message.startswith(f"{path}, row 3: ") and repr(usage) in message and "PrivateTest" in message


@pytest.mark.parametrize("row", [f"0,{text_of(1)}", "0", "0,1,Training,more"])
def test_row_of_another_width_is_named(tmp_path, row):
    path = write(tmp_path / "a.csv", HEADER, f"0,{text_of(0)},Training", row)
    message = failure(read_fer2013, path)
    assert message.startswith(f"{path}, row 3: ") and f"{row.count(',') + 1} fields" in message


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_file_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    path.write_text(content)
    message = failure(read_fer2013, path)
    assert str(path) in message and "empty" in message


def test_file_of_a_header_alone_is_refused(tmp_path):
    message = failure(read_fer2013, write(tmp_path / "a.csv", HEADER, ""))
    assert str(tmp_path / "a.csv") in message and "no rows" in message


def test_file_without_training_rows_can_still_be_tested_on(tmp_path):
    assert list(read_fer2013(write(tmp_path / "a.csv", HEADER, f"0,{text_of(0)},PrivateTest"))) == ["test"]


@pytest.mark.parametrize(("content", "named"), [(b"\xff\xfe0\x00", "0xff"), (b"0,1\x001,Training", "NUL"), (b"\xe4", "0xe4")])
def test_file_that_is_no_text_is_refused(tmp_path, content, named):
    path = tmp_path / "a.csv"
    path.write_bytes(f"{HEADER}\n0,0,Training\n".encode() + content + b"\n")
    message = failure(read_fer2013, path)
    assert message.startswith(f"{path}, row 3: ") and "UTF-8" in message and named in message


def test_quote_left_open_is_named_where_it_begins(tmp_path):
    rows = (f"0,{text_of(k)},Training" for k in range(20))
    path = write(tmp_path / "a.csv", HEADER, "0,0,Training", '0,"0,Training', *rows)
    message = failure(read_fer2013, path)
    assert message.startswith(f"{path}, row 3: ") and "quote" in message


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_file_that_cannot_be_opened_is_refused(tmp_path, name):
    assert str(tmp_path / name) in failure(read_fer2013, tmp_path / name)


def test_label_7_is_contempt_and_makes_eight_classes_in_every_split(tmp_path):
    said = []
    rows = ["7,Training", "0,Training", "6,PublicTest", "7,PrivateTest"]
    lines = [f"{label},{text_of(k)},{usage}" for k, (label, usage) in enumerate(row.split(",") for row in rows)]
    splits = read_fer2013(write(tmp_path / "ckextended.csv", "emotion,pixels,Usage", *lines), said.append)
    eight = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
    assert {split.classes for split in splits.values()} == {eight}
    assert [split.labels for split in splits.values()] == [(7, 0), (6,), (7,)]
    assert len(said) == 1 and "label 7, contempt, occurs 2 times: 8 classes" in said[0] and ", ".join(eight) in said[0]


def test_label_7_of_the_test_file_beside_makes_eight_classes_too(tmp_path):
    path = write(tmp_path / "train.csv", "emotion,pixels", *(f"{k},{text_of(k)}" for k in range(3)))
    write(tmp_path / "test.csv", "emotion,pixels", f"7,{text_of(8)}")
    splits = read_fer2013(path, valid_rows=1)
    assert {len(split.classes) for split in splits.values()} == {8} and splits["test"].labels == (7,)
