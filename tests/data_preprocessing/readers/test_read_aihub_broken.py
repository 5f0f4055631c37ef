"""AI Hub 82: lists and layouts that are refused."""

import pytest

from data_preprocessing.readers import READERS, aihub
from tests.data_preprocessing.readers.aihub_lists import dump, entry
from tests.data_preprocessing.readers.planted_trees import failure, plant


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b'[\n {"filename": }]', ["line 2, column 15"]),
        (b"", ["line 1, column 1"]),
        (dump(entry("a_1.jpg"))[:-9], ["line "]),
        (b"[" * 100_000, ["recursion"]),
        (b"[" + b"1" * 5000 + b"]", ["4300"]),
        (b"\xff\xfe[\x00]\x00", ["neither UTF-8 nor CP949", "byte 0"]),
        (b'{"filename": "a_1.jpg"}', ["no list of entries"]),
        (b'"a_1.jpg"', ["no list of entries"]),
        (dump(entry("a_1.jpg"), "a_1.jpg"), ["entry 2", "no object"]),
        (dump(entry("a_1.jpg"), {"annot_A": {}}), ["entry 2", "no filename"]),
        (dump(entry(7)), ["entry 1", "no filename"]),
        (dump(entry(" ")), ["entry 1", "no filename"]),
        (dump({**entry("a_1.jpg"), "annot_C": "기쁨"}), ["entry 1", "annot_C"]),
    ],
)
def test_broken_list_is_named_with_the_place(tmp_path, content, parts):
    plant(tmp_path, "a_1.jpg", **{"lists/b.json": content, "lists/a.json": dump(entry("a_1.jpg"))})
    message = failure(aihub, tmp_path, label="uploader")
    assert message.startswith((f"{tmp_path}/lists/b.json, ", f"{tmp_path}/lists/b.json: "))
    assert all(part in message for part in parts)


@pytest.mark.parametrize("present", [{"a.json": dump(entry("a_1.jpg"))}, {"기쁨/a_1.jpg": b"picture"}])
def test_lists_or_images_alone_are_refused(tmp_path, present):
    message = failure(aihub, plant(tmp_path, **present), label="uploader")
    assert "the JSON lists that label them" in message and f"found {'a.json' if 'a.json' in present else '기쁨/'}" in message


def test_lists_of_other_images_are_refused(tmp_path):
    message = failure(aihub, plant(tmp_path, "b_1.jpg", **{"a.json": dump(entry("a_1.jpg"))}), label="majority")
    assert "--label majority" in message


def test_fits_by_names():
    assert aihub.fits(["라벨/x.json", "기쁨.zip/a.jpg"]) and aihub.fits(["a.jpg", "img(기쁨).JSON"])
    assert not aihub.fits(["a.json", "b.jpg"]) and not aihub.fits(["기쁨/a.jpg"])
    assert READERS["aihub"].description == aihub.DESCRIPTION
