"""The images of a FER2013 file: their pixels, unreadable rows, fingerprints and worker processes."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.fer2013 import CLASSES, PIXELS, parse_pixels, read_fer2013
from data_preprocessing.sources.folders import check_images
from tests.data_preprocessing.refusals import failure
from tests.data_preprocessing.sources.fer2013_files import HEADER, expected, levels, pixels, text_of, write, write_usual


@pytest.fixture
def usual(tmp_path) -> Path:
    return write_usual(tmp_path / "fer2013.csv")


def broken(tmp_path) -> Path:
    """A file whose third row of Training, row 4, has a value too few."""
    lines = [f"{k},{text_of(k)},Training" for k in range(5)]
    lines[2] = lines[2].replace(",Training", "").rsplit(" ", 1)[0] + ",Training"
    return write(tmp_path / "fer2013.csv", HEADER, *lines)


def test_pixels_may_be_spaced_otherwise():
    text = text_of(0)
    assert parse_pixels(text) == levels(0).tobytes()
    for other in (f" {text} ", text.replace(" ", "  "), text.replace(" ", "\n"), f"000{text}", f"\n000{text}"):
        assert parse_pixels(other) == levels(0).tobytes()


@pytest.mark.parametrize(
    "value", ["256", "-1", "1.5", "x", "1e2", "+1", "0x1", "1_0", "٣", "²", "9" * 19, str(2**64 + 1), "9" * 5000]
)
@pytest.mark.parametrize("place", [0, 1000, PIXELS - 1])
def test_value_that_is_no_grey_level_is_told(value, place):
    values = text_of(0).split()
    values[place] = value
    with pytest.raises(ValueError) as caught:
        parse_pixels(" ".join(values))
    assert "255" in str(caught.value) and value[:10] in str(caught.value) and len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), (" ", 0), ("7", 1), (text_of(0)[:-4].rsplit(" ", 1)[0], None), ("0 " * 2305, 2305)]
)
def test_wrong_number_of_pixels_is_told(text, count):
    with pytest.raises(ValueError, match=f"{count or len(text.split())} pixel values instead of 2304"):
        parse_pixels(text)


def test_unreadable_row_stops_the_check_and_the_data_set_alike(tmp_path):
    path = broken(tmp_path)
    split = read_fer2013(path)["train"]
    message = failure(check_images, split, False)
    assert message == (f"{path}, row 4: unreadable image (2303 pixel values instead of 2304); mend it, or --skip-bad-images")
    assert failure(FaceDataset(split, create_transform("plain")).__getitem__, (0, 2)) == message


def test_unreadable_row_is_dropped_and_the_others_keep_their_images(tmp_path):
    path = broken(tmp_path)
    checked = check_images(replace(read_fer2013(path)["train"], labels=(0, 0, 0, 1, 1)), skip_bad=True)
    clean = checked.split
    assert checked.bad == [f"{path}, row 4: 2303 pixel values instead of 2304"]
    assert (clean.paths, clean.labels) == (("row 2", "row 3", "row 5", "row 6"), (0, 0, 1, 1))
    assert pixels(clean) == expected(0, 1, 3, 4)
    again = check_images(clean, skip_bad=False)
    assert (again.split, again.bad) == (clean, [])


def test_class_whose_rows_are_all_unreadable_is_named(tmp_path):
    message = failure(check_images, read_fer2013(broken(tmp_path))["train"], True)
    assert "class fear" in message


def test_class_without_rows_is_no_error(usual):
    split = read_fer2013(usual)["valid"]
    assert check_images(split, skip_bad=False).split == split


def test_reordered_split_keeps_images_classes_and_fingerprint(usual):
    split = read_fer2013(usual)["train"]
    other = split.reordered(("(spare)", *reversed(CLASSES)))
    assert [other.classes[k] for k in other.labels] == [split.classes[k] for k in split.labels]
    assert pixels(other) == pixels(split)
    assert check_images(other, False).fingerprint == check_images(split, False).fingerprint


def fingerprint_of(path: Path) -> str:
    return check_images(read_fer2013(path)["train"], skip_bad=False).fingerprint


def test_fingerprint_does_not_depend_on_the_location(usual, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    assert fingerprint_of(write_usual(tmp_path / "elsewhere" / "other.csv")) == fingerprint_of(usual)


@pytest.mark.parametrize("change", ["label", "pixel", "row"])
def test_fingerprint_changes_with_label_pixel_and_row(usual, change):
    before = fingerprint_of(usual)
    lines = usual.read_text().splitlines()
    if change == "label":
        lines[1] = "1" + lines[1][1:]
    elif change == "pixel":
        value = int(lines[1].split(",")[1].split()[0])
        lines[1] = lines[1].replace(f"0,{value} ", f"0,{(value + 1) % 256} ", 1)
    else:
        lines.insert(1, "")
    write(usual, *lines)
    assert fingerprint_of(usual) != before


def test_split_survives_pickling(usual):
    split = read_fer2013(usual)["train"]
    other = pickle.loads(pickle.dumps(split))
    assert other == split and pixels(other) == pixels(split)


def test_worker_processes_read_the_same_batches(usual):
    dataset = FaceDataset(read_fer2013(usual)["train"], create_transform("plain"))
    alone, other = ([*create_loader(dataset, 2, workers, False)] for workers in (0, 1))
    assert [labels.tolist() for _, labels, _ in alone] == [[0, 1], [3, 5]]
    for (images, labels, indices), (images2, labels2, indices2) in zip(alone, other):
        assert torch.equal(images, images2) and torch.equal(labels, labels2) and torch.equal(indices, indices2)
