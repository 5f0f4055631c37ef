"""Finding splits and classes, and checking every image before a run."""

import unicodedata
from pathlib import Path

import pytest

from data_preprocessing.sources.folders import Split, check_images, read_split
from data_preprocessing.sources.split_folders import find_splits
from tests.data_preprocessing.refusals import failure


def split_of(name: str, classes: tuple[str, ...], labels: tuple[int, ...] = ()) -> Split:
    """A split that exists only as a table."""
    return Split(name, Path("data") / name, classes, tuple(f"{k}.png" for k in range(len(labels))), labels)


@pytest.fixture
def train(tmp_path, make_faces) -> Path:
    """A train folder of two classes with three and two images."""
    return make_faces(tmp_path / "data", {"train": {"anger": 3, "joy": 2}}) / "train"


@pytest.mark.parametrize("folder", ["valid", "val"])
def test_valid_and_val_are_both_found_as_valid(tmp_path, make_faces, folder):
    root = make_faces(tmp_path, {"train": {"a": 1}, folder: {"a": 1}, "test": {"a": 1}})
    assert find_splits(root) == {"train": root / "train", "valid": root / folder, "test": root / "test"}


def test_root_may_be_given_as_text(tmp_path, make_faces):
    root = make_faces(tmp_path, {"test": {"a": 1}})
    assert find_splits(str(root)) == {"test": root / "test"}


def test_val_beside_valid_is_refused(tmp_path, make_faces):
    message = failure(find_splits, make_faces(tmp_path, {"train": {"a": 1}, "val": {"a": 1}, "valid": {"a": 1}}))
    assert "val/" in message and "valid/" in message


def test_missing_root_is_named(tmp_path):
    assert str(tmp_path / "absent") in failure(find_splits, tmp_path / "absent")


def test_file_as_root_is_refused(tmp_path):
    path = tmp_path / "faces.zip"
    path.write_bytes(b"PK")
    message = failure(find_splits, path)
    assert f"{path}: this is a file" in message and f"prepare folder --source {path}" in message


def test_root_without_splits_tells_what_was_found(tmp_path, make_faces):
    message = failure(find_splits, make_faces(tmp_path, {"one": {"a": 1}, "two": {"a": 1}}))
    assert "one/" in message and "two/" in message and "train/" in message


def test_empty_root_is_called_empty(tmp_path):
    assert "empty" in failure(find_splits, tmp_path)


def test_file_named_train_is_no_split(tmp_path, make_faces):
    (make_faces(tmp_path, {"valid": {"a": 1}}) / "train").write_text("")
    assert set(find_splits(tmp_path)) == {"valid"}


def test_split_lists_sorted_classes_and_labelled_images(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": {"joy": 2, "anger": 1, "Fear": 1}})
    split = read_split("train", root / "train")
    assert split.classes == ("Fear", "anger", "joy")
    assert split.paths == ("Fear/0.png", "anger/0.png", "joy/0.png", "joy/1.png")
    assert split.labels == (0, 1, 2, 2)
    assert split.counts() == {"Fear": 1, "anger": 1, "joy": 2}


def test_images_in_deeper_folders_belong_to_the_class(train, make_image):
    (train / "joy" / "person1").mkdir()
    make_image(9).save(train / "joy" / "person1" / "x.JPG", "JPEG")
    assert "joy/person1/x.JPG" in read_split("train", train).paths


def test_other_files_are_no_images(train):
    (train / "joy" / "notes.txt").write_text("")
    (train / "joy" / "._0.png").write_bytes(b"resource fork")
    (train / "labels.csv").write_text("")
    assert read_split("train", train).counts() == {"anger": 3, "joy": 2}


SYSTEM = ["@eaDir", "#recycle", "$RECYCLE.BIN", ".thumbnails", "lost+found", "System Volume Information"]


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", "__MACOSX", ".git", *SYSTEM])
def test_hidden_folders_are_no_classes(train, make_image, hidden):
    (train / hidden).mkdir()
    make_image().save(train / hidden / "0.png")
    assert read_split("train", train).classes == ("anger", "joy")


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", *SYSTEM])
def test_hidden_folder_inside_a_class_is_ignored(train, make_image, hidden):
    (train / "joy" / hidden).mkdir()
    make_image().save(train / "joy" / hidden / "0-checkpoint.png")
    assert read_split("train", train).counts()["joy"] == 2


NAMES = ("a.jfif", "b.jpe", "c.AVIF", "d.jp2", "without", "k.jpg.1", "m.jpg ")


def test_images_are_told_by_content_where_the_name_says_nothing(train, make_image):
    for number, name in enumerate(NAMES):
        kind = {"c.AVIF": "AVIF", "d.jp2": "JPEG2000"}.get(name, "JPEG")
        make_image(number + 50).save(train / "joy" / name, kind)
    said = []
    split = read_split("train", train, said.append)
    assert {f"joy/{name}" for name in NAMES} < set(split.paths) and said == []
    checked = check_images(split, skip_bad=False)
    assert checked.split == split
    assert split.image(split.paths.index("joy/d.jp2")).size == (40, 40)


def test_what_is_left_out_is_counted_and_named_once_with_a_remedy(train, make_image):
    for name in ("1.heic", "2.HEIC"):
        (train / "joy" / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (train / "anger" / "what").write_text("no image")
    (train / "joy" / "points.txt").write_text("known to be none")
    make_image().save(train / "loose.png")
    said = []
    read_split("train", train, said.append)
    left_out, loose = said
    assert left_out.startswith("warning: train: 3 files are left out: 2 HEIC (joy/1.heic, joy/2.HEIC; convert them to JPEG")
    assert "pillow-heif" in left_out and "1 other (anger/what; no images)" in left_out and "points" not in left_out
    assert "1 image lies directly in" in loose and "loose.png" in loose


def test_class_of_nothing_but_heic_says_so(train):
    (train / "fear").mkdir()
    (train / "fear" / "1.heic").write_bytes(b"")
    message = failure(read_split, "train", train)
    assert str(train / "fear") in message and "1 HEIC" in message and "pillow-heif" in message


def test_split_without_class_folders_tells_what_was_found(tmp_path, make_image):
    make_image().save(tmp_path / "face_a.png")
    make_image().save(tmp_path / "face_b.png")
    message = failure(read_split, "train", tmp_path)
    assert str(tmp_path) in message and "no class folders" in message
    assert "face_a.png" in message and "face_b.png" in message
    assert "list_patition_label.txt" not in message


@pytest.mark.parametrize("split", ["train", "test"])
def test_flat_raf_db_is_recognised(tmp_path, make_image, split):
    folder = tmp_path / split
    folder.mkdir()
    for k in range(3):
        make_image(k).save(folder / f"{split}_0000{k}_aligned.jpg")
    message = failure(read_split, split, folder)
    assert "list_patition_label.txt" in message and f"prepare rafdb --source {tmp_path}" in message


def test_empty_split_is_called_empty(tmp_path):
    assert "empty" in failure(read_split, "train", tmp_path)


def test_single_class_is_refused_and_named(tmp_path, make_faces):
    message = failure(read_split, "train", make_faces(tmp_path, {"train": {"anger": 2}}) / "train")
    assert "anger" in message and "only one" in message


def test_empty_class_is_refused_and_named(train):
    (train / "fear").mkdir()
    assert str(train / "fear") in failure(read_split, "train", train)


def test_decomposed_korean_folder_becomes_a_composed_class(tmp_path, make_faces):
    names = ("기쁨", "당황", "분노")
    tree = {"train": {unicodedata.normalize("NFD", name): 1 for name in names}}
    split = read_split("train", make_faces(tmp_path, tree) / "train")
    assert split.classes == names
    checked = check_images(split, skip_bad=False)  # the images are still found under their own names
    assert checked.split == split and checked.bad == []


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_class_order_is_the_same_for_both_unicode_forms(tmp_path, make_faces, form):
    tree = {"train": {unicodedata.normalize(form, name): 1 for name in ("énervé", "furieux", "joie")}}
    split = read_split("train", make_faces(tmp_path, tree) / "train")
    assert split.classes == ("furieux", "joie", unicodedata.normalize("NFC", "énervé"))


def test_reordered_keeps_each_images_class():
    split = split_of("test", ("a", "b", "c"), (0, 1, 1, 2))
    other = split.reordered(("c", "(spare)", "a", "b"))
    assert other.classes == ("c", "(spare)", "a", "b")
    assert other.labels == (2, 3, 3, 0)
    assert [other.classes[k] for k in other.labels] == [split.classes[k] for k in split.labels]
    assert (other.paths, other.folder, other.name) == (split.paths, split.folder, split.name)
    assert other.counts() == {"c": 1, "(spare)": 0, "a": 1, "b": 2}
