"""What --data may name."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data_preprocessing.audit.command import audit
from data_preprocessing.common.errors import DataError
from data_preprocessing.readers import affectnet, caer_s, rafdb
from data_preprocessing.sources.folders import check_images, read_split
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.reading import Reading
from engine.config.recipes import DATA_TYPES

ROWS = ["1,0,PrivateTest", "2,0,Training", "3,0,PublicTest"]


def test_folder_gives_its_splits(tmp_path, make_faces):
    root = make_faces(tmp_path, {name: {"anger": 2, "joy": 1} for name in ("test", "val", "train")})
    source = open_source(root)
    assert list(source) == ["train", "valid", "test"]
    assert source["valid"]() == read_split("valid", root / "val")
    assert source["train"]().name == "train"


def test_folder_is_listed_only_when_a_split_is_read(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": {"anger": 1, "joy": 1}, "valid": {"no images": 0}})
    source = open_source(str(root))
    assert source["train"]().counts() == {"anger": 1, "joy": 1}
    with pytest.raises(DataError, match="no images"):
        source["valid"]()


@pytest.mark.parametrize("name", ["fer2013.csv", "FER.CSV"])
def test_csv_file_gives_its_splits(tmp_path, name):
    (tmp_path / name).write_text("\n".join(["emotion,pixels,Usage", *ROWS]))
    for data in (tmp_path / name, str(tmp_path / name)):
        source = open_source(data)
        assert list(source) == ["train", "valid", "test"]
        assert {key: read().labels for key, read in source.items()} == {"train": (2,), "valid": (3,), "test": (1,)}
        assert source["test"]().folder == tmp_path / name


def test_csv_file_without_usage_is_explained_through_say(tmp_path):
    said = []
    (tmp_path / "train.csv").write_text("\n".join(["emotion,pixels", *["0,0"] * 3590]))
    open_source(tmp_path / "train.csv", said.append)
    assert len(said) == 1 and "3589" in said[0]


def test_folder_whose_name_ends_in_csv_is_a_folder(tmp_path, make_faces):
    root = tmp_path / "faces.csv"
    make_faces(root, {"train": {"anger": 1, "joy": 1}})
    assert list(open_source(root)) == ["train"]


def test_other_file_is_refused(tmp_path):
    path = tmp_path / "fer2013.bin"
    path.write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        open_source(path)
    message = str(caught.value)
    assert message.startswith(f"--data {path}: this is a file; ") and "train/" in message and "FER2013's CSV file" in message


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv"])
def test_missing_path_is_named(tmp_path, name):
    with pytest.raises(DataError) as caught:
        open_source(tmp_path / name)
    assert str(caught.value) == f"--data {tmp_path / name}: no such folder"


LIST = "list_patition_label.txt"


@pytest.fixture
def rafdb_tree(tmp_path, make_image):
    """rafdb_tree(train folder, other folder, list file): two images of labels 4 and 1 in each; returns the root."""

    def make(train: str, other: str, place: str) -> Path:
        root, lines = tmp_path / "raf", []
        for number, (folder, kind, label) in enumerate(
            ((train, "train", 4), (train, "train", 1), (other, "test", 4), (other, "test", 1))
        ):
            (root / folder).mkdir(parents=True, exist_ok=True)
            make_image(number).save(root / folder / f"{kind}_{number}_aligned.jpg")
            lines.append(f"{kind}_{number}.jpg {label}")
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text("\n".join(lines))
        return root

    return make


@pytest.mark.parametrize(
    ("folder", "place"),
    [("valid", LIST), ("val", f"EmoLabel/{LIST}"), ("test", f"train/{LIST}"), ("valid", f"train/EmoLabel/{LIST}")],
)
def test_flat_rafdb_with_its_list_is_read(rafdb_tree, folder, place):
    said = []
    root = rafdb_tree("train", folder, place)
    source = open_source(root, said.append)
    assert list(source) == ["train", "test" if folder == "test" else "valid"]
    train = source["train"]()
    assert train.classes == ("surprise", "happiness")  # the data set's label order
    assert dict(zip(train.paths, train.labels)) == {"train/train_0_aligned.jpg": 1, "train/train_1_aligned.jpg": 0}
    assert train.name == "train" and train.folder == root
    assert "RAF-DB" in said[0] and "surprise, happiness" in said[-1]


@pytest.mark.parametrize("top", ["", "basic/"])
def test_native_rafdb_is_read(rafdb_tree, top):
    source = open_source(rafdb_tree(f"{top}Image/aligned", f"{top}Image/aligned", f"{top}EmoLabel/{LIST}"))
    assert list(source) == ["train", "test"]
    assert [split().counts() for split in source.values()] == [{"surprise": 1, "happiness": 1}] * 2
    assert source["test"]().where(0).endswith("Image/aligned/test_2_aligned.jpg")


def test_images_of_a_data_set_in_its_own_layout_are_read_checked_and_pickled(rafdb_tree):
    root = rafdb_tree("train", "valid", LIST)
    split = open_source(root)["train"]()
    copy = pickle.loads(pickle.dumps(split))
    assert copy == split and copy.image(1).size == (40, 40) and copy.image(1).mode == "RGB"
    checked = check_images(split, skip_bad=False)
    assert checked.split == split and checked.bad == []
    (root / LIST).write_text("train_0.jpg 1\ntrain_1.jpg 4\ntest_2.jpg 4\ntest_3.jpg 1\n")
    assert (
        check_images(open_source(root)["train"](), skip_bad=False, known=checked.stamps).fingerprint != checked.fingerprint
    )  # other labels, same files
    (root / "train/train_0_aligned.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"train_0_aligned\.jpg: unreadable image"):
        check_images(split, skip_bad=False)
    (root / "train/train_0_aligned.jpg").unlink()
    with pytest.raises(DataError, match=r"train_0_aligned\.jpg: unreadable image"):
        check_images(split, skip_bad=False)


def test_images_in_an_archive_of_a_native_layout_are_read(rafdb_tree):
    root = rafdb_tree("made", "made", f"EmoLabel/{LIST}")
    (root / "Image").mkdir()
    with zipfile.ZipFile(root / "Image/aligned.zip", "w") as archive:
        for file in sorted((root / "made").iterdir()):
            archive.write(file, f"aligned/{file.name}")
            file.unlink()
    split = open_source(root)["test"]()
    assert split.paths[0].startswith("Image/aligned.zip/") and split.image(0).size == (40, 40)


def test_split_that_lacks_a_class_keeps_its_place(rafdb_tree):
    root = rafdb_tree("train", "valid", LIST)
    (root / "valid/test_3_aligned.jpg").unlink()
    splits = [read() for read in open_source(root).values()]
    assert splits[0].classes == splits[1].classes and splits[1].counts()["surprise"] == 0


def test_single_class_is_refused(rafdb_tree):
    root = rafdb_tree("train", "valid", LIST)
    (root / LIST).write_text("train_0.jpg 4\ntest_2.jpg 4\n")
    with pytest.raises(DataError, match="only one class, happiness"):
        open_source(root)


def test_list_of_train_alone_says_which_labels_are_missing(rafdb_tree):
    root = rafdb_tree("train", "valid", LIST)
    (root / LIST).write_text("train_0.jpg 1\ntrain_1.jpg 4\n")
    words = rf"the labels are of train alone \(2 images .*valid/test_2_aligned.*prepare rafdb --source {root} --out"
    with pytest.raises(DataError, match=words):
        open_source(root)


def test_flat_rafdb_without_a_list_is_still_explained_when_it_is_read(rafdb_tree):
    root = rafdb_tree("train", "valid", LIST)
    (root / LIST).unlink()
    source = open_source(root)
    with pytest.raises(DataError, match=f"flat files.*{LIST}"):
        source["train"]()


def test_class_folders_stay_class_folders_beside_a_list(tmp_path, make_faces):
    root = make_faces(tmp_path, {name: {"1": 1, "2": 1} for name in ("train", "test")})
    (root / LIST).write_text("train_00001.jpg 5")
    said = []
    source = open_source(root, said.append)
    assert source["train"]() == read_split("train", root / "train") and said == []


@pytest.mark.parametrize("with_list", [True, False])
@pytest.mark.parametrize("top", ["", "AffectNet/"])
def test_affectnet_is_read(tmp_path, make_image, with_list, top):
    for folder, labels in (("train_set", (0, 6, 7)), ("val_set", (7, 6, 0))):
        place = tmp_path / top / folder
        (place / "images").mkdir(parents=True)
        (place / "annotations").mkdir()
        for number, label in enumerate(labels):
            make_image(number).save(place / f"images/{number}.jpg")
            np.save(place / f"annotations/{number}_exp.npy", str(0 if with_list else label))
        if with_list:
            lines = [f"{number}.jpg {label}" for number, label in enumerate(labels)]
            (place / f"{folder[:-4]}_annotations.txt").write_text("\n".join(lines))
    said = []
    source = open_source(tmp_path, said.append)
    assert list(source) == ["train", "test"]
    assert source["train"]().classes == ("neutral", "anger", "contempt")
    assert (source["train"]().labels, source["test"]().labels) == ((0, 1, 2), (2, 1, 0))
    assert "AffectNet" in said[0] and any("validation set" in text for text in said)
    seven = open_source(tmp_path, said.append, Reading(contempt=False))
    assert seven["train"]().classes == ("neutral", "anger") and seven["test"]().labels == (1, 0)
    both = "its recipe is --data_type AffectNet-8; --data_type AffectNet-7 leaves contempt out"
    assert sum(both in text for text in said) == 1


def test_a_data_set_in_its_own_layout_is_audited_after_its_preparation(rafdb_tree):
    root = rafdb_tree("train", "valid", LIST)
    with pytest.raises(DataError) as caught:
        audit(root)
    assert str(caught.value).startswith(f"{root}: RAF-DB in its own layout, which audit does not read; python -m data_")
    assert "prepare rafdb --source" in str(caught.value)


@pytest.mark.parametrize("name", ["train_set/joy/1.jpg", "EmoLabel/notes.txt", "Image/aligned/1.jpg"])
def test_other_content_under_a_native_name_is_told_as_before(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="no train/, valid/ or test/ folder"):
        open_source(tmp_path)


def test_label_orders_are_those_of_the_data_types():
    assert DATA_TYPES["RAF-DB"].label_order == rafdb.CLASSES
    assert DATA_TYPES["AffectNet-8"].label_order == affectnet.CLASSES
    assert DATA_TYPES["AffectNet-7"].label_order == affectnet.CLASSES[:7]
    assert DATA_TYPES["CAER-S"].label_order == tuple(caer_s.CLASSES.values())
