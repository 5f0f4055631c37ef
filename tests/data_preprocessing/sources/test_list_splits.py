"""The splits of a list: given, cut by subject or at random, always the same; faces cropped by their boxes."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.prepare.crops import Form, prepare_image
from data_preprocessing.sources.folders import check_images
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.reading import Reading
from tests.data_preprocessing.refusals import failure


@pytest.fixture
def listed(tmp_path, monkeypatch, make_image):
    """listed(rows): a list of 40 images of 8 persons and 2 classes, with those of its columns; returns its path."""
    monkeypatch.chdir(tmp_path)
    for k in range(40):
        make_image(k).save(f"{k}.png")

    def write(columns: str, split=lambda k: "") -> Path:
        values = {"subject": lambda k: f"p{k // 5}", "split": split}
        rows = [
            f"{k}.png,{'joy' if k % 2 else 'fear'}" + "".join(f",{values[c](k)}" for c in columns.split()) for k in range(40)
        ]
        Path("list.csv").write_text("\n".join([",".join(["path", "label", *columns.split()]), *rows]) + "\n")
        return Path("list.csv")

    return write


def opened(path: Path, **reading):
    said = []
    splits = {name: read() for name, read in open_source(path, said.append, Reading(**reading)).items()}
    return splits, said


def test_persons_stay_together_and_the_cut_is_that_of_its_seed(listed):
    splits, said = opened(listed("subject"))
    persons = {name: {int(path.removesuffix(".png")) // 5 for path in split.paths} for name, split in splits.items()}
    assert list(splits) == ["train", "valid", "test"] and sum(map(len, persons.values())) == 8
    assert said == [
        "list.csv: split by subject: no person is in two splits (no column of splits: 80 % train, 10 % valid, 10 % test, "
        "--split-seed 0)"
    ]
    assert all(split.classes == ("fear", "joy") for split in splits.values())
    assert opened(Path("list.csv"))[0] == splits and opened(Path("list.csv"), seed=1)[0] != splits


def test_without_subjects_the_cut_is_at_random_and_warned_of(listed):
    splits, said = opened(listed(""))
    assert {name: len(split.paths) for name, split in splits.items()} == {"train": 32, "valid": 4, "test": 4}
    assert said[0].startswith("warning: list.csv: split at random by image")
    splits, said = opened(listed("split", lambda k: "train"))
    assert list(splits) == ["train", "valid", "test"]
    assert said[0].startswith("warning: list.csv: the data set gives only train: valid and test cut out of train at random")
    splits, said = opened(listed("split", lambda k: "test" if k > 30 else "train"))
    assert said[0].startswith("list.csv: the data set gives only train and test: valid cut out of train at random by image")


def test_subjects_are_found_in_the_paths(listed):
    assert "by subject" in opened(listed(""), subject_regex=r"^\d(?=.\.)|^\d")[1][0]
    assert "finds no subject in 0.png" in failure(opened, listed(""), subject_regex="^p")


def test_given_splits_are_kept_and_valid_is_cut_where_they_lack_it(listed):
    splits, said = opened(listed("split", lambda k: ("Training", "dev", "TEST", "train")[k % 4]))
    assert {name: len(split.paths) for name, split in splits.items()} == {"train": 20, "valid": 10, "test": 10}
    assert said == ["list.csv: split as the data set gives it"]
    splits, said = opened(listed("split", lambda k: "test" if k < 10 else "train"))
    assert set(splits["test"].paths) == {f"{k}.png" for k in range(10)} and len(splits["valid"].paths) == 4
    assert "valid cut out of train at random by image (in the ratio 80:10:10, --split-seed 0)" in said[0]


def test_a_list_of_test_images_alone_is_no_list_to_be_cut(listed):
    splits, _ = opened(listed("split", lambda k: "test"))
    assert list(splits) == ["test"] and len(splits["test"].paths) == 40


def test_a_person_in_two_splits_is_warned_of(listed):
    _, said = opened(listed("subject split", lambda k: ("train", "valid", "test")[k % 3]))
    assert said[-1] == "warning: list.csv: 8 of 8 persons are in more than one split: the result is not about new people"


def test_class_and_box_are_in_the_fingerprint(listed):
    listed("")
    prints = set()
    for first in ("joy,", "fear,", "fear,1 1 30 30", "fear,1 1 30 31"):
        Path("list.csv").write_text(f"path,label,box,split\n0.png,{first},train\n1.png,joy,,train\n2.png,fear,,valid\n")
        prints.add(check_images(opened(Path("list.csv"))[0]["train"], skip_bad=False).fingerprint)
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\n0.png,joy\n1.png,joy\n", "only one class, joy; a classifier needs at least 2"),
        ("path,label\nx/0.png,joy\nx/1.png,fear\n", "none of its 2 images is in ., such as x/0.png; --root names their folder"),
        ("path,label,subject\n0.png,joy,a\n1.png,fear,\n", "1 image without a subject, such as 1.png"),
    ],
)
def test_lists_that_make_no_splits_are_refused(listed, text, said):
    listed("")
    Path("list.csv").write_text(text)
    assert said in failure(opened, Path("list.csv"))


def test_a_folder_has_no_columns(listed, make_faces):
    make_faces(Path("d"), {"train": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}})
    assert "--columns image=x: goes with a list of images; d is no list" in failure(opened, Path("d"), columns="image=x")
    assert "--subject-regex x: goes with a list of images or with --folds" in failure(opened, Path("d"), subject_regex="x")


def test_native_lists_name_the_command_that_reads_them(listed, make_image):
    Path("raf").mkdir()
    for number in (1, 2):
        make_image(number).save(f"raf/train_0000{number}_aligned.jpg")
    Path("raf/list_patition_label.txt").write_text("train_00001.jpg 1\ntrain_00002.jpg 2\n")
    assert "python -m data_preprocessing.prepare rafdb --source raf" in failure(opened, Path("raf/list_patition_label.txt"))


def test_faces_are_cropped_as_prepare_crops_them(listed, make_image):
    make_image(7, (100, 80)).save("two.png")
    rows = "two.png,joy,train,10 10 40 40\ntwo.png,fear,train,50 20 90 70\n0.png,joy,valid,\n1.png,fear,test,\n"
    Path("list.csv").write_text(f"path,label,split,box\n{rows}")
    splits, said = opened(Path("list.csv"))
    assert "list.csv: 2 faces cropped by box, with 0.1 of its sides added on each side" in said
    found = {path: splits["train"].image(k) for k, path in enumerate(splits["train"].paths)}
    for name, box in (("two.png (10 10 40 40)", (10, 10, 40, 40)), ("two.png (50 20 90 70)", (50, 20, 90, 70))):
        data = prepare_image(Path("two.png").read_bytes(), box, Form(0, 0.1, "png"))
        Path("crop.png").write_bytes(data)
        assert np.array_equal(np.asarray(found[name]), np.asarray(Image.open("crop.png")))


def test_a_box_outside_is_an_unreadable_image(listed):
    listed("")
    Path("list.csv").write_text(
        "path,label,split,box\n0.png,joy,train,90 90 99 99\n1.png,fear,train,\n2.png,joy,test,\n3.png,fear,valid,\n"
    )
    split = opened(Path("list.csv"))[0]["train"]
    assert "lies outside the image" in failure(check_images, split, False)
    assert Counter(split.labels).total() == 2
