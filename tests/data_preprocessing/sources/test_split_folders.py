"""The folders of splits by every name they have, and what lies beside them."""

import pytest

from data_preprocessing.audit.command import list_images
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.split_folders import find_splits
from data_preprocessing.sources.split_names import SPLIT_FOLDERS, split_of
from tests.data_preprocessing.refusals import failure

CLASSES = {"angry": 2, "happy": 1}


@pytest.mark.parametrize(("name", "folders"), SPLIT_FOLDERS.items())
def test_every_name_is_known_in_any_case(tmp_path, make_faces, name, folders):
    for folder in folders:
        for written in (folder, folder.upper(), folder.title()):
            assert split_of(written) == name
            root = make_faces(tmp_path / written, {written: CLASSES})
            assert find_splits(root) == {name: root / written}


def test_kaggles_form_is_read_whole_by_training_and_audit(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": CLASSES, "validation": CLASSES, "test": CLASSES})
    said = []
    source = open_source(root, said.append)
    assert [(name, len(read().paths)) for name, read in source.items()] == [("train", 3), ("valid", 3), ("test", 3)]
    listed = list_images(root, None, said.append)
    assert len(listed.paths) == 9 and "validation/angry/0.png" in listed.paths and said == []


@pytest.mark.parametrize("twice", [("valid", "val"), ("train", "Training"), ("dev", "VALIDATION")])
def test_two_folders_of_one_split_are_refused(tmp_path, make_faces, twice):
    root = make_faces(tmp_path, {name: CLASSES for name in ("test", *twice)})
    message = failure(find_splits, root)
    assert all(f"{name}/" in message for name in twice) and "the same split" in message


def test_folders_beside_the_splits_are_named_with_their_images(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": CLASSES, "extra": CLASSES, "@eaDir": CLASSES})
    (root / "notes").mkdir()
    (root / "notes" / "a.txt").write_text("")
    said = []
    assert set(find_splits(root, said.append)) == {"train"}
    assert said == [f"warning: {root}: not read, beside the folders of the splits: extra/ (3 images)"]


def test_a_dead_link_beside_the_splits_is_told_and_ends_nothing(tmp_path, make_faces):
    root = make_faces(tmp_path, {"train": CLASSES, "extra": CLASSES})
    (root / "extra" / "gone").symlink_to("nowhere")
    said = []
    assert set(find_splits(root, said.append)) == {"train"}
    [text] = said
    assert text.startswith(f"warning: {root}: not read, beside the folders of the splits: ") and "extra/gone: a link" in text
