"""AI Hub 82: which entry belongs to which image, and what becomes of labels, subjects and boxes."""

import unicodedata

import pytest

from data_preprocessing.readers import aihub
from data_preprocessing.sources.records import Record
from tests.data_preprocessing.readers.aihub_lists import dump, entry
from tests.data_preprocessing.readers.planted_trees import failure, labels, listing, note, pack, plant

EMOTIONS = {
    "기쁨": "joy",
    "당황": "embarrassment",
    "분노": "anger",
    "불안": "anxiety",
    "상처": "hurt",
    "슬픔": "sadness",
    "중립": "neutral",
}
JOY = "img_emotion_training_data(기쁨).json"


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def test_entry_labels_the_image_of_its_name(tmp_path):
    plant(tmp_path, "기쁨/0a1b_남_30_기쁨_집_1.jpg", **{f"lists/{JOY}": dump(entry("0a1b_남_30_기쁨_집_1.jpg"))})
    found = listing(aihub, tmp_path, label="uploader")
    box = (10.0, 20.0, 110.0, 170.5)
    assert found.records == (Record("기쁨/0a1b_남_30_기쁨_집_1.jpg", "joy", "0a1b", None, box),)
    assert found.notes == (
        "entries: 1 in 1 lists",
        "images on which the uploader and the annotators' majority disagree: 0 of 1 (0.0%)",
    )


def test_all_seven_emotions(tmp_path):
    for korean, name in EMOTIONS.items():
        plant(tmp_path, f"{korean}/a_{name}.jpg", **{f"{korean}.json": dump(entry(f"a_{name}.jpg", korean, [korean] * 3))})
    for label in ("uploader", "majority", "unanimous"):
        found = listing(aihub, tmp_path, label=label)
        assert labels(found) == {f"{korean}/a_{name}.jpg": name for korean, name in EMOTIONS.items()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_and_archives(tmp_path, encoding, packed):
    pack(tmp_path / "원천_기쁨.zip", "a_기쁨.jpg")
    (pack if packed else plant)(
        tmp_path / "라벨.zip" if packed else tmp_path, **{JOY: dump(entry("a_기쁨.jpg"), encoding=encoding)}
    )
    assert labels(listing(aihub, tmp_path, label="majority")) == {"원천_기쁨.zip/a_기쁨.jpg": "joy"}


@pytest.mark.parametrize("of_file", [nfd, str])
@pytest.mark.parametrize("of_entry", [nfd, str])
def test_unicode_forms_do_not_matter(tmp_path, of_file, of_entry):
    one = entry(of_entry("a_기쁨.jpg"), of_entry("기쁨"), [of_entry("슬픔")] * 3)
    plant(tmp_path, of_file("기쁨/a_기쁨.jpg"), of_file("슬픔/a_기쁨.jpg"), **{of_file(JOY): dump(one)})
    assert labels(listing(aihub, tmp_path, label="uploader")) == {"기쁨/a_기쁨.jpg": "joy"}
    assert labels(listing(aihub, tmp_path, label="majority")) == {"기쁨/a_기쁨.jpg": "sadness"}


def test_folder_in_the_entrys_file_name_does_not_matter(tmp_path):
    plant(tmp_path, "a_1.jpg", "a_2.jpg", **{"a.json": dump(entry("기쁨/a_1.jpg"), entry("C:\\data\\a_2.jpg"))})
    assert list(labels(listing(aihub, tmp_path, label="uploader"))) == ["a_1.jpg", "a_2.jpg"]


@pytest.mark.parametrize("names", [(JOY, "분노.json"), ("a.json", "b.json")])
def test_one_name_in_two_emotions_is_told_by_the_folder(tmp_path, names):
    texts = dict(zip(names, (dump(entry("a_1.jpg")), dump(entry("a_1.jpg", "분노", ["분노"] * 3)))))
    plant(tmp_path, "분노/a_1.jpg", "기쁨/a_1.jpg", **texts)
    assert labels(listing(aihub, tmp_path, label="uploader")) == {"기쁨/a_1.jpg": "joy", "분노/a_1.jpg": "anger"}


def test_image_of_another_emotions_folder_is_not_taken(tmp_path):
    plant(tmp_path, "기쁨/a_1.jpg", "분노/a_2.jpg", **{JOY: dump(entry("a_1.jpg"), entry("a_2.jpg"))})
    found = listing(aihub, tmp_path, label="uploader")
    assert list(labels(found)) == ["기쁨/a_1.jpg"]
    assert note(found, "not there").endswith(": 1 (a_2.jpg)")
    assert note(found, "no list names").endswith(": 1 (분노/a_2.jpg)")


def test_innermost_emotion_of_a_path_counts(tmp_path):
    plant(tmp_path, "분노 및 기쁨/기쁨.v2/a_1.jpg", "기쁨/분노/a_1.jpg", **{JOY: dump(entry("a_1.jpg"))})
    assert list(labels(listing(aihub, tmp_path, label="uploader"))) == ["분노 및 기쁨/기쁨.v2/a_1.jpg"]


def test_name_without_any_emotion_is_ambiguous_in_two(tmp_path):
    plant(
        tmp_path, "기쁨/a_1.jpg", "분노/a_1.jpg", "a_2.jpg", **{"a.json": dump(entry("a_1.jpg", None), entry("a_2.jpg", None))}
    )
    found = listing(aihub, tmp_path, label="majority")
    assert list(labels(found)) == ["a_2.jpg"]
    assert note(found, "not there").endswith(": 1 (a_1.jpg)")


def test_copies_and_repeated_entries_are_counted(tmp_path):
    again = entry("a_1.jpg", "분노")
    plant(tmp_path, "train/기쁨/a_1.jpg", "old/기쁨/a_1.jpg", **{JOY: dump(entry("a_1.jpg"), again)})
    found = listing(aihub, tmp_path, label="uploader")
    assert labels(found) == {"old/기쁨/a_1.jpg": "joy"}
    assert note(found, "more than once").endswith("left out: 1 (train/기쁨/a_1.jpg)")
    assert note(found, "listed again").endswith(": 1 (old/기쁨/a_1.jpg)")
    assert found.notes[0] == "entries: 2 in 1 lists" and len(found.notes) == 4


def test_missing_and_unlisted_images_are_counted(tmp_path):
    entries = [entry(f"a_{k}.jpg") for k in range(6)]
    found = listing(aihub, plant(tmp_path, "a_5.jpg", "b_1.png", "readme.txt", **{"a.json": dump(*entries)}), label="uploader")
    assert list(labels(found)) == ["a_5.jpg"]
    assert note(found, "not there").endswith(": 5 (a_0.jpg, a_1.jpg, a_2.jpg and 2 more)")
    assert note(found, "no list names").endswith("left out: 1 (b_1.png)")


def test_missing_name_that_cannot_be_printed_keeps_its_note_in_one_line(tmp_path):
    found = listing(aihub, plant(tmp_path, "a_1.jpg", **{"a.json": dump(entry("a_1.jpg"), entry("b\n.jpg"))}), label="uploader")
    assert note(found, "not there").endswith(": 1 (b\\n.jpg)")


def test_labels_by_uploader_majority_or_all(tmp_path):
    seen = {
        "a_0.jpg": ("기쁨", ("기쁨", "기쁨", "기쁨")),
        "a_1.jpg": ("기쁨", ("기쁨", "중립", "기쁨")),
        "a_2.jpg": ("기쁨", ("중립", "슬픔", "중립")),
        "a_3.jpg": ("기쁨", ("중립", "슬픔", "분노")),
        "a_4.jpg": ("기쁨", ("중립", "중립", "중립")),
        "a_5.jpg": ("모름", ("슬픔", None, " 슬픔 ")),
        "a_6.jpg": (None, ("모름", "모름", 7)),
    }
    plant(tmp_path, *seen, **{"a.json": dump(*(entry(name, *both) for name, both in seen.items()))})
    uploader = listing(aihub, tmp_path, label="uploader")
    majority = listing(aihub, tmp_path, label="majority")
    unanimous = listing(aihub, tmp_path, label="unanimous")
    assert labels(uploader) == {f"a_{k}.jpg": "joy" for k in range(5)}
    assert list(labels(majority).values()) == ["joy", "joy", "neutral", "neutral", "sadness"]
    assert labels(unanimous) == {"a_0.jpg": "joy", "a_4.jpg": "neutral"}
    assert note(uploader, "none of the seven").endswith("left out: 2 (a_5.jpg, a_6.jpg)")
    assert note(majority, "without a majority").endswith("left out: 2 (a_3.jpg, a_6.jpg)")
    assert note(unanimous, "do not agree").endswith("left out: 5 (a_1.jpg, a_2.jpg, a_3.jpg and 2 more)")
    for found in (uploader, majority, unanimous):
        assert note(found, "disagree").endswith(": 2 of 4 (50.0%)")
        assert note(found, "have no majority").endswith(": 2")


def test_subject_is_the_first_field_of_the_name(tmp_path):
    names = ("ab12_남_1.jpg", "nobody.jpg", "_x.jpg")
    found = listing(aihub, plant(tmp_path, *names, **{"a.json": dump(*map(entry, names))}), label="uploader")
    assert {record.source: record.subject for record in found.records} == dict(zip(names, ("ab12", None, None)))
    assert note(found, "without a subject").endswith(": 2 (nobody.jpg, _x.jpg)")


@pytest.mark.parametrize(
    ("boxes", "box", "wrong"),
    [
        (((1, 2, 30, 40), (3, 4, 32, 41), (500.5, 0, 600, 9)), (3, 2, 32, 40), 0),
        (((1, 2, 30, 40), None, (3, 5, 32, 41)), (2, 3.5, 31, 40.5), 0),
        (((1.5, 2, 30, 40), None, ()), (1.5, 2, 30, 40), 0),
        ((None, (), None), None, 0),
        (((1, 2, 30, 40), (5, 5, 5, 9), (9, 9, 12, 3)), (1, 2, 30, 40), 2),
        (((1, 2, 30, 40), ("1", 2, 30, 40), (1, 2, 30)), (1, 2, 30, 40), 2),
        (((0, 2, True, 40), (1, 2, float("nan"), 40), (1, 2, float("inf"), 10**400)), None, 3),
    ],
)
def test_box_is_the_median_of_the_annotators_boxes(tmp_path, boxes, box, wrong):
    plant(tmp_path, "a_1.jpg", **{"a.json": dump(entry("a_1.jpg", boxes=boxes))})
    found = listing(aihub, tmp_path, label="uploader")
    assert found.records[0].box == box
    assert [text.rpartition(" ")[2] for text in found.notes if "face boxes" in text] == [str(wrong)] * bool(wrong)


@pytest.mark.parametrize("absent", [{}, None, ...])
def test_annotator_may_be_absent(tmp_path, absent):
    one = {**entry("a_1.jpg", "중립"), "annot_B": absent}
    if absent is ...:
        del one["annot_B"]
    plant(tmp_path, "a_1.jpg", **{"a.json": dump(one)})
    assert list(labels(listing(aihub, tmp_path, label="majority")).values()) == ["joy"]
    assert "label unanimous" in failure(aihub, tmp_path, label="unanimous")
