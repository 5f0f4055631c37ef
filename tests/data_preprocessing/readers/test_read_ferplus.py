"""FERPlus: votes for the rows of FER2013."""

import pytest

from data_preprocessing.readers import READERS, ferplus
from data_preprocessing.sources.records import Record
from tests.data_preprocessing.readers.fer2013_tables import USAGES, table, text_of, usual, values
from tests.data_preprocessing.readers.planted_trees import failure, listing, note, pack, plant

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
HAPPY = "0,9,1,0,0,0,0,0,0,0"


def votes(*counts: str, usages: tuple[str, ...] = USAGES, header: str = HEADER) -> str:
    """fer2013new.csv with these ten numbers a row."""
    rows = (f"{usage},fer{k:07d}.png,{count}" for k, (usage, count) in enumerate(zip(usages, counts)))
    return "".join(f"{row}\n" for row in (header, *rows))


def both(counts: list[str], **texts: str) -> dict[str, str]:
    usages = tuple(["Training"] * len(counts))
    return {"fer2013.csv": usual(usages), "fer2013new.csv": votes(*counts, usages=usages), **texts}


def test_row_belongs_to_the_row_of_its_number(tmp_path):
    counts = ["10,0,0,0,0,0,0,0,0,0", "0,9,1,0,0,0,0,0,0,0", "0,0,0,0,0,0,0,6,4,0", "1,0,0,7,0,0,1,0,1,0"]
    plant(tmp_path, **{"fer2013.csv": usual(), "plus/fer2013new.csv": votes(*counts)})
    found = listing(ferplus, tmp_path)
    assert found.records == (
        Record("row 2", "neutral", None, "train", None, values(0)),
        Record("row 3", "happiness", None, "valid", None, values(1)),
        Record("row 4", "contempt", None, "train", None, values(2)),
        Record("row 5", "sadness", None, "test", None, values(3)),
    )
    assert found.notes == ("read: fer2013.csv, plus/fer2013new.csv",)


def test_all_eight_emotions(tmp_path):
    counts = [",".join("8" if column == k else "0" for column in range(10)) for k in range(8)]
    plant(
        tmp_path,
        **{"fer2013.csv": table(*[f"0,{text_of(0)},Training"] * 8), "fer2013new.csv": votes(*counts, usages=("Training",) * 8)},
    )
    names = [record.label for record in listing(ferplus, tmp_path).records]
    assert names == ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ("5,5,0,0,0,0,0,0,0,0", "tie"),
        ("0,0,0,0,4,0,0,0,4,2", "tie"),
        ("0,0,0,0,0,0,0,0,0,0", "tie"),
        ("3,0,0,0,0,0,0,0,7,0", "unknown"),
        ("3,0,0,0,0,0,0,0,0,7", "NF"),
    ],
)
def test_row_without_an_emotion_is_dropped_and_counted(tmp_path, counts, reason):
    found = listing(ferplus, plant(tmp_path, **both([HAPPY, counts, HAPPY, counts])))
    assert [record.source for record in found.records] == ["row 2", "row 4"]
    assert "2 (row 3, row 5)" in note(found, reason) and len(found.notes) == 2


def test_most_votes_need_not_be_half(tmp_path):
    found = listing(ferplus, plant(tmp_path, **both(["4,3,3,0,0,0,0,0,0,0"])))
    assert [record.label for record in found.records] == ["neutral"]


def test_row_without_image_name_or_pixels_is_dropped_and_counted(tmp_path):
    texts = both([HAPPY, HAPPY])
    texts["fer2013new.csv"] = texts["fer2013new.csv"].replace("fer0000001.png", "")
    found = listing(ferplus, plant(tmp_path, **texts))
    assert [record.source for record in found.records] == ["row 2"]
    assert "1 (row 3)" in note(found, "no image name")
    texts["fer2013.csv"] = table("0,1 2,Training", f"0,{text_of(0)},Training")
    found = listing(ferplus, plant(tmp_path, **texts))
    assert found.records == () and "1 (row 2)" in note(found, "wrong pixels")


def test_archive_is_read_as_the_folder_is(tmp_path):
    expected = listing(ferplus, plant(tmp_path / "a", **both([HAPPY, HAPPY]))).records
    assert listing(ferplus, pack(tmp_path / "b.zip", **both([HAPPY, HAPPY]))).records == expected


def test_columns_are_found_by_name(tmp_path):
    texts = both([HAPPY])
    lines = [" usage ,id,IMAGE NAME," + ",".join(reversed(HEADER.split(",")[2:])), "Training,7,a.png,0,0,0,0,0,0,0,0,9,0"]
    found = listing(ferplus, plant(tmp_path, **{**texts, "fer2013new.csv": "\ufeff" + "\r\n".join([*lines, "", ""])}))
    assert [record.label for record in found.records] == ["happiness"]


@pytest.mark.parametrize("number", [1, 3])
def test_files_of_different_length_are_refused(tmp_path, number):
    texts = both([HAPPY, HAPPY])
    texts["fer2013new.csv"] = votes(*[HAPPY] * number, usages=("Training",) * number)
    message = failure(ferplus, plant(tmp_path, **texts))
    assert "fer2013.csv has 2 rows" in message and f"fer2013new.csv has {number}" in message


def test_files_of_different_order_are_refused(tmp_path):
    texts = {"fer2013.csv": usual(), "fer2013new.csv": votes(*[HAPPY] * 4, usages=(*USAGES[:2], "PrivateTest", "Training"))}
    message = failure(ferplus, plant(tmp_path, **texts))
    assert "Usage" in message and "row 4" in message


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (",9,", ",x,", ["row 2", "'x'"]),
        (",9,", ",-1,", ["row 2", "'-1'"]),
        (",9,", ",,", ["row 2", "''"]),
        (",9,", ",99999,", ["row 2", "'99999'"]),
        (",9,", ",", ["row 2", "11 fields", "12"]),
        ("Training,fer", "Test,fer", ["row 2", "'Test'"]),
        ("NF", "face", ["no column NF"]),
        ("fer0", '"fer0', ["row 2", "no CSV"]),
        ("fer0", b"\xe9", ["UTF-8"]),
    ],
)
def test_broken_votes_are_named(tmp_path, old, new, parts):
    texts = both([HAPPY])
    new = new if isinstance(new, bytes) else new.encode()
    texts["fer2013new.csv"] = texts["fer2013new.csv"].encode().replace(old.encode(), new)
    message = failure(ferplus, plant(tmp_path, **texts))
    assert message.startswith(f"{tmp_path}/fer2013new.csv") and all(part in message for part in parts)


def test_empty_votes_are_refused(tmp_path):
    assert "no column Usage" in failure(ferplus, plant(tmp_path, **{**both([HAPPY]), "fer2013new.csv": ""}))


@pytest.mark.parametrize("absent", ["fer2013.csv", "fer2013new.csv"])
def test_absent_file_is_named(tmp_path, absent):
    texts = both([HAPPY])
    (present,) = texts.keys() - {absent}
    message = failure(ferplus, plant(tmp_path, **{present: texts[present]}))
    assert f"expected a file {absent}" in message and f"found {present}" in message


def test_fits_by_names():
    assert ferplus.fits(["fer2013.csv", "data/FER2013new.csv"])
    assert not ferplus.fits(["fer2013.csv", "fer2013new.csv/a.png"])
    assert READERS["ferplus"].description == ferplus.DESCRIPTION
