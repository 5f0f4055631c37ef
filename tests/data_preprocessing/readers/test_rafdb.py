"""RAF-DB's three layouts."""

import zipfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_preprocessing.readers import rafdb
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.planted_trees import failure as refused
from tests.data_preprocessing.readers.planted_trees import plant as write

LIST = "list_patition_label.txt"
NATIVE = ("train_00001", "train_00002", "test_0001")
LINES = ("train_00001.jpg 5", "train_00002.jpg 4", "test_0001.jpg 1")


def put_list(root: Path, *lines: str, name: str = LIST) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n")
    return root


def native(root: Path) -> Path:
    put_list(root, *LINES, name=f"EmoLabel/{LIST}")
    return write(root, *(f"Image/aligned/{name}_aligned.jpg" for name in NATIVE))


failure = partial(refused, rafdb)


def read(root: Path):
    return rafdb.read(open_tree(root), SimpleNamespace())


def rows(root: Path) -> list[tuple]:
    return [(r.source, r.label, r.split) for r in read(root).records]


def test_native_form_takes_the_split_from_the_file_name(tmp_path):
    assert rows(native(tmp_path)) == [
        ("Image/aligned/test_0001_aligned.jpg", "surprise", "test"),
        ("Image/aligned/train_00001_aligned.jpg", "sadness", "train"),
        ("Image/aligned/train_00002_aligned.jpg", "happiness", "train"),
    ]
    assert read(tmp_path).notes == ()


def test_native_form_deeper_with_original_photographs_and_an_archive_of_crops(tmp_path):
    basic = put_list(tmp_path / "basic", *LINES, name=f"EmoLabel/{LIST}")
    write(basic, *(f"Image/original/{name}.jpg" for name in NATIVE))
    (basic / "Image").mkdir(exist_ok=True)
    with zipfile.ZipFile(basic / "Image/aligned.zip", "w") as archive:
        for name in NATIVE:
            archive.writestr(f"aligned/{name}_aligned.jpg", b"")
    assert [source for source, _, _ in rows(tmp_path)] == [
        f"basic/Image/aligned.zip/aligned/{name}_aligned.jpg" for name in sorted(NATIVE)
    ]
    assert read(tmp_path).notes == ()


def test_images_without_aligned_in_their_names_are_taken_where_there_are_no_others(tmp_path):
    put_list(write(tmp_path, "train/train_00001.jpg", "test/test_0001.png"), *LINES)
    assert [(label, split) for _, label, split in rows(tmp_path)] == [("surprise", "test"), ("sadness", "train")]


@pytest.mark.parametrize("place", [LIST, f"labels/{LIST}", "list_partition_label.txt"])
@pytest.mark.parametrize("folder", ["valid", "val"])
def test_flat_form_takes_the_split_from_the_folder(tmp_path, place, folder):
    write(tmp_path, "train/train_00001_aligned.jpg", "train/train_00002_aligned.jpg", f"{folder}/test_0001_aligned.jpg")
    put_list(tmp_path, *LINES, name=place)
    assert [(label, split) for _, label, split in rows(tmp_path)] == [
        ("sadness", "train"),
        ("happiness", "train"),
        ("surprise", "valid"),
    ]
    (note,) = read(tmp_path).notes
    assert "1 images of the official test split" in note


def test_flat_folders_may_be_archives(tmp_path):
    put_list(tmp_path, *LINES)
    for split, name in (("train", "train_00001"), ("valid", "test_0001")):
        with zipfile.ZipFile(tmp_path / f"{split}.zip", "w") as archive:
            archive.writestr(f"{name}_aligned.jpg", b"")
    assert [(label, split) for _, label, split in rows(tmp_path)] == [("sadness", "train"), ("surprise", "valid")]


def test_class_folders_are_named_by_the_labels(tmp_path):
    write(tmp_path, *(f"DATASET/{split}/{k}/{split}_{k}_aligned.jpg" for split in ("train", "test") for k in range(1, 8)))
    write(tmp_path, "DATASET/train/spare.jpg", "DATASET/train/1/Thumbs.db", "train_labels.csv")
    found = {(r.split, r.source.split("/")[2]): r.label for r in read(tmp_path).records}
    for split in ("train", "test"):
        assert tuple(found[split, str(k)] for k in range(1, 8)) == rafdb.CLASSES
    assert len(read(tmp_path).records) == 14
    assert [note for note in read(tmp_path).notes] == [
        "1 image is in no class folder 1 to 7, left out: DATASET/train/spare.jpg"
    ]


@pytest.mark.parametrize("number", ["0", "8"])
def test_class_folder_of_no_label_is_named(tmp_path, number):
    message = failure(write(tmp_path, "train/1/a.jpg", f"train/{number}/b.jpg"))
    assert f"train/{number}/b.jpg" in message and "1 surprise" in message


def test_images_and_lines_without_their_counterpart_are_counted_and_named(tmp_path):
    put_list(native(tmp_path), *LINES, "train_00009.jpg 1", name=f"EmoLabel/{LIST}")
    write(tmp_path, "Image/aligned/train_00007_aligned.jpg", "photo.jpg", "more/test_0001_aligned.jpg")
    listing = read(tmp_path)
    assert len(listing.records) == 3
    copies, missing, extra = listing.notes
    assert "more than once" in copies and copies.startswith("1 image is") and copies.endswith(": more/test_0001_aligned.jpg")
    assert missing.startswith("1 ") and missing.endswith(": train_00009") and LIST in missing
    assert extra.startswith("2 ") and extra.endswith("left out: Image/aligned/train_00007_aligned.jpg, photo.jpg")


def test_one_image_in_two_splits_is_refused(tmp_path):
    put_list(write(tmp_path, "train/train_00001_aligned.jpg", "valid/train_00001_aligned.jpg"), *LINES)
    message = failure(tmp_path)
    assert "train/train_00001_aligned.jpg and valid/train_00001_aligned.jpg" in message and "two splits" in message


def test_list_that_matches_no_image_is_refused(tmp_path):
    message = failure(put_list(write(tmp_path, "train/train_00005_aligned.jpg"), *LINES))
    assert LIST in message and "train_00005" in message and "test_0001, train_00001" in message


def test_several_lists_are_refused_unless_equal(tmp_path):
    put_list(native(tmp_path), *LINES)
    assert len(read(tmp_path).records) == 3
    put_list(tmp_path, *LINES, "train_00003.jpg 6")
    message = failure(tmp_path)
    assert f"EmoLabel/{LIST}, {LIST}" in message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train_00003.jpg", "from 1 to 7"),
        ("train_00003.jpg 0", "from 1 to 7"),
        ("train_00003.jpg 8", "from 1 to 7"),
        ("train_00003.jpg happy", "from 1 to 7"),
        ("train_00001.jpg 4", "another label"),
    ],
)
def test_broken_line_is_named(tmp_path, line, words):
    message = failure(put_list(native(tmp_path), *LINES, "", line, name=f"EmoLabel/{LIST}"))
    assert f"EmoLabel/{LIST}, line 5" in message and words in message


def test_list_with_a_mark_tabs_and_windows_line_ends_is_read(tmp_path):
    native(tmp_path)
    (tmp_path / "EmoLabel" / LIST).write_bytes("\ufefftrain_00001.jpg\t5\r\n\r\ntrain_00002.jpg  4\r\n".encode())
    assert [(label, split) for _, label, split in rows(tmp_path)] == [("sadness", "train"), ("happiness", "train")]


@pytest.mark.parametrize(("content", "words"), [(b"\n \n", "empty"), (b"\xff\xfe1\x00", "UTF-8")])
def test_list_that_is_no_list_is_named(tmp_path, content, words):
    native(tmp_path)
    (tmp_path / "EmoLabel" / LIST).write_bytes(content)
    message = failure(tmp_path)
    assert LIST in message and words in message


def test_other_layout_is_refused_with_what_was_found(tmp_path):
    message = failure(write(tmp_path, "photos/1.jpg"))
    assert LIST in message and "photos/1.jpg" in message


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["EmoLabel/list_patition_label.txt"], True),
        (["train/train_00001_aligned.jpg"], True),
        ([f"DATASET/train/{k}/x.jpg" for k in range(1, 8)], True),
        ([f"train/{k}/x.jpg" for k in range(7)], False),
        (["train/joy/x.jpg", "list.txt"], False),
        ([], False),
    ],
)
def test_fits(names, expected):
    assert rafdb.fits(names) is expected
