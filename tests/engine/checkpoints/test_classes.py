"""Which class each output of a checkpoint stands for."""

from pathlib import Path

import pytest

from data_preprocessing.sources.folders import Split
from engine.checkpoints.class_names import output_classes
from engine.checkpoints.format import Checkpoint
from engine.config.recipes import DATA_TYPES
from engine.errors import UsageError

RAF_DB = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


def own(*classes: str) -> Checkpoint:
    return Checkpoint(path=Path("own.pth"), num_outputs=len(classes), model="poster_v2", classes=classes)


def foreign(outputs: int) -> Checkpoint:
    return Checkpoint(path=Path("published.pth"), num_outputs=outputs, model="poster_v2")


def folders(*classes: str) -> Split:
    """A split with one image in each class; the folders are sorted, as reading them does."""
    classes = tuple(sorted(classes))
    return Split("test", Path("data") / "test", classes, tuple(f"{c}/0.png" for c in classes), tuple(range(len(classes))))


def refusal(checkpoint: Checkpoint, split: Split, data_type: str | None) -> str:
    with pytest.raises(UsageError) as caught:
        output_classes(checkpoint, split, data_type)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("data_type", [None, "RAF-DB", "VR"])
def test_own_checkpoint_keeps_its_class_order(data_type):
    names, explanation = output_classes(own("joy", "anger", "fear"), folders("anger", "fear", "joy"), data_type)
    assert names == ("joy", "anger", "fear")
    assert "joy, anger, fear" in explanation


def test_own_checkpoint_with_other_classes_is_refused_naming_them():
    message = refusal(own("anger", "fear", "joy"), folders("anger", "calm", "joy"), None)
    assert "own.pth" in message and str(Path("data") / "test") in message
    assert "without fear" in message and "with calm" in message


def test_own_checkpoint_with_more_classes_is_refused():
    assert "with sadness" in refusal(own("anger", "fear", "joy"), folders("anger", "fear", "joy", "sadness"), None)


def test_own_checkpoint_takes_fewer_classes_in_its_own_places():
    names, _ = output_classes(own("joy", "anger", "fear"), folders("anger", "joy"), None)
    assert names == ("joy", "anger", "fear")


def test_own_checkpoint_takes_synonyms_and_cases_as_the_folders_are_written():
    names, explanation = output_classes(own("anger", "happiness", "기쁨"), folders("Angry", "HAPPY", "기쁨"), None)
    assert names == ("Angry", "HAPPY", "기쁨")
    assert "Angry as anger, HAPPY as happiness" in explanation and "기쁨 as" not in explanation


@pytest.mark.parametrize("pair", [("happy", "joy"), ("happiness", "Happy"), ("sad", "SAD")])
def test_two_folders_for_one_class_of_an_own_checkpoint_are_refused_and_named(pair):
    message = refusal(own("anger", "happiness", "sadness"), folders("anger", *pair), None)
    assert pair[0] in message and pair[1] in message and "same class" in message


def test_classes_of_an_own_checkpoint_that_mean_the_same_go_by_their_own_names():
    assert output_classes(own("joy", "happy", "sad"), folders("happy", "Joy"), None)[0] == ("Joy", "happy", "sad")


FOLDERS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # CAER-S's order, when sorted


@pytest.mark.parametrize("data_type", [None, "VR"])
def test_a_bare_file_on_known_names_warns_of_the_data_sets_with_another_order(data_type):
    names, explanation = output_classes(foreign(7), folders(*FOLDERS), data_type)
    assert names == FOLDERS  # the order is not changed silently
    assert explanation.startswith("warning: ") and "--data_type RAF-DB or AffectNet-7 or FER2013" in explanation
    assert "CAER-S" not in explanation


@pytest.mark.parametrize("split", [folders("1", "2", "3", "4", "5", "6", "7"), folders("a", "b", "c", "d", "e", "f", "g")])
def test_a_bare_file_on_names_of_no_known_data_set_does_not_warn(split):
    assert not output_classes(foreign(7), split, None)[1].startswith("warning")


def test_a_data_type_that_names_the_order_does_not_warn():
    assert not output_classes(foreign(7), folders(*FOLDERS), "CAER-S")[1].startswith("warning")


def test_a_refused_number_of_outputs_names_the_data_type_that_fits():
    assert "--data_type AffectNet-8" in refusal(foreign(8), folders(*FOLDERS), None)


def test_raf_db_outputs_are_mapped_by_folder_names():
    names, explanation = output_classes(foreign(7), folders(*RAF_DB), "RAF-DB")
    assert names == RAF_DB
    assert "RAF-DB" in explanation and ", ".join(RAF_DB) in explanation


def test_synonyms_and_capitals_are_understood_and_kept_as_written():
    split = folders("Angry", "Disgusted", "fearful", "happy", "Neutral", "SAD", "surprised")
    names, _ = output_classes(foreign(7), split, "RAF-DB")
    assert names == ("surprised", "fearful", "Disgusted", "happy", "SAD", "Angry", "Neutral")


@pytest.mark.parametrize(
    ("data_type", "outputs", "first"), [("RAF-DB", 7, 1), ("AffectNet-7", 7, 0), ("AffectNet-8", 8, 0), ("CAER-S", 7, 0)]
)
def test_numbered_folders_are_taken_by_the_data_sets_own_numbers(data_type, outputs, first):
    numbers = tuple(str(first + k) for k in range(outputs))
    assert output_classes(foreign(outputs), folders(*numbers), data_type)[0] == numbers


def test_affectnet_outputs_are_mapped_by_folder_names():
    assert output_classes(foreign(8), folders(*AFFECTNET), "AffectNet-8")[0] == AFFECTNET
    assert output_classes(foreign(7), folders(*AFFECTNET[:7]), "AffectNet-7")[0] == AFFECTNET[:7]


def test_labels_follow_the_published_order():
    split = folders("anger", "happy", "surprise")
    names, _ = output_classes(foreign(7), split, "RAF-DB")
    assert len(names) == 7
    reordered = split.reordered(names)
    assert [RAF_DB[k] for k in reordered.labels] == ["anger", "happiness", "surprise"]


def test_outputs_without_folder_get_names_of_their_own():
    names, _ = output_classes(foreign(7), folders("anger", "happy", "surprise"), "RAF-DB")
    assert len(set(names)) == 7
    assert "fear" in names[1] and names[1] != "fear"


@pytest.mark.parametrize(
    ("data_type", "outputs", "folder"),
    [("RAF-DB", 7, "contempt"), ("RAF-DB", 7, "0"), ("RAF-DB", 7, "8"), ("AffectNet-7", 7, "7"), ("AffectNet-8", 8, "8"),
     ("AffectNet-8", 8, "-1"), ("AffectNet-7", 7, "당황")],
)  # fmt: skip
def test_folder_that_is_none_of_the_classes_is_refused_and_named(data_type, outputs, folder):
    message = refusal(foreign(outputs), folders("anger", "fear", folder), data_type)
    assert str(Path("data") / "test" / folder) in message and data_type in message


@pytest.mark.parametrize("pair", [("happiness", "happy"), ("4", "happiness"), ("happy", "joy"), ("04", "4")])
def test_two_folders_of_one_class_are_refused_and_named(pair):
    message = refusal(foreign(7), folders("anger", *pair), "RAF-DB")
    assert pair[0] in message and pair[1] in message


@pytest.mark.parametrize(("data_type", "outputs"), [("RAF-DB", 8), ("AffectNet-8", 7), ("AffectNet-7", 8), ("CAER-S", 3)])
def test_other_number_of_outputs_than_the_data_set_has_is_refused(data_type, outputs):
    message = refusal(foreign(outputs), folders("anger", "fear"), data_type)
    assert str(outputs) in message and str(len(DATA_TYPES[data_type].label_order)) in message


@pytest.mark.parametrize("data_type", [None, "VR"])
def test_without_a_published_order_the_folders_order_is_taken(data_type):
    names, explanation = output_classes(foreign(3), folders("joy", "anger", "fear"), data_type)
    assert names == ("anger", "fear", "joy")
    assert "anger, fear, joy" in explanation


@pytest.mark.parametrize("data_type", [None, "VR"])
def test_seven_outputs_for_three_folders_leave_spare_outputs(data_type):
    split = folders("기쁨", "당황", "분노")
    names, explanation = output_classes(foreign(7), split, data_type)
    assert names[:3] == split.classes
    assert len(names) == len(set(names)) == 7
    assert "7 outputs" in explanation and "3 classes" in explanation
    assert split.reordered(names).labels == split.labels


@pytest.mark.parametrize(("outputs", "classes"), [(5, "abc"), (8, "abc"), (3, "abcde"), (7, "abcdefgh")])
def test_other_mismatch_of_outputs_and_folders_is_refused(outputs, classes):
    message = refusal(foreign(outputs), folders(*classes), None)
    assert f"{outputs} outputs" in message and f"{len(classes)} classes" in message
