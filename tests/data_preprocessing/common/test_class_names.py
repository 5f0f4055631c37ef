"""Names of classes: matched by meaning, required in training, ordered for display."""

import unicodedata
from pathlib import Path

import pytest

from data_preprocessing.common.class_names import absent_classes, display_order, match_names, meaning, require_training_images
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.expressions import EXPRESSIONS, WORDS, class_of
from data_preprocessing.sources.folders import Split


def split_of(name: str, labels: tuple[int, ...]) -> Split:
    return Split(name, Path("data") / name, ("a", "b", "c"), tuple(map(str, labels)), labels)


def test_equal_names_go_before_cases_and_cases_before_synonyms():
    assert match_names(("happy", "joy"), ("Joy", "happy")) == {"happy": "happy", "Joy": "joy"}
    assert match_names(("happy", "joy"), ("happiness",)) == {}  # it could be either
    assert match_names(("anger", "fear"), ("afraid", "calm")) == {"afraid": "fear"}


def test_words_of_one_table_mean_their_class_wherever_they_are_read():
    for name, words in WORDS.items():
        for word in (name, *words):
            assert class_of(f" {word.title()} ") == meaning(word.upper()) == name and word in EXPRESSIONS
    assert class_of("calm") is None and meaning("calm") == "calm" and "calm" in EXPRESSIONS


def test_unicode_forms_of_a_name_are_one():
    decomposed = unicodedata.normalize("NFD", "énervé")
    assert match_names(("ÉNERVÉ", "x"), (decomposed,)) == {decomposed: "ÉNERVÉ"}


def test_two_names_of_one_class_are_refused():
    with pytest.raises(DataError, match="happy and joy are the same class"):
        match_names(("happiness", "sad"), ("happy", "joy"))


def test_a_class_that_only_other_splits_have_cannot_be_trained():
    with pytest.raises(DataError, match="train has no image of c, which test has"):
        require_training_images(split_of("train", (0, 1)), [split_of("valid", (0,)), split_of("test", (2,))])


def test_a_class_that_no_split_has_is_warned_of():
    train, valid = split_of("train", (0, 1)), split_of("valid", (0, 1))
    assert require_training_images(train, [train, valid]).startswith("warning: no split has an image of c:")
    assert require_training_images(split_of("train", (0, 1, 2)), [valid]) == ""
    assert absent_classes(valid) == ["c"]


@pytest.mark.parametrize(
    ("classes", "shown"),
    [
        (("1", "10", "11", "2"), ("1", "2", "10", "11")),
        (("2", "0", "10"), ("0", "2", "10")),
        (("c1", "c10", "c2"), ("c1", "c2", "c10")),
        (("surprise", "fear", "anger"), ("surprise", "fear", "anger")),  # a label order has a meaning
        (("Angry", "happy", "sad"), ("Angry", "happy", "sad")),
        (("01", "1", "10"), ("01", "1", "10")),
        (("기쁨", "당황"), ("기쁨", "당황")),
    ],
)
def test_numbers_are_shown_by_value_and_label_orders_kept(classes, shown):
    assert tuple(classes[k] for k in display_order(classes)) == shown
