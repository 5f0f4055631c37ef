"""Splits by person, at random and as given; grouped classes and subjects by name."""

import itertools
import random
import unicodedata
from collections import Counter

import numpy as np
import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.prepare.splitting import SPLITS, WAYS, _deal_groups, assign_splits
from data_preprocessing.sources.records import Record, group_classes, name_subjects

CLASSES = ("anger", "joy", "neutral")


def people(number: int, seed: int = 0, split: str | None = None, start: int = 0) -> list[Record]:
    """Some images of `number` persons, fewer of the later classes."""
    rng = random.Random(seed)
    found = []
    for person in range(start, start + number):
        for k in range(rng.randint(3, 12)):
            label = rng.choices(CLASSES, (6, 3, 1))[0]
            found.append(Record(f"{label}/s{person}_{k}.jpg", label, f"s{person}", split))
    return found


def named(records) -> dict[str, str]:
    return {record.source: record.split for record in records}


def counts(records) -> Counter:
    return Counter((record.label, record.split) for record in records)


def without(records, **fields) -> list[Record]:
    return [Record(r.source, r.label, fields.get("subject", r.subject), fields.get("split", r.split)) for r in records]


def test_no_person_is_in_two_splits():
    records, notes = assign_splits(people(60), "subject")
    splits = {}
    for record in records:
        splits.setdefault(record.subject, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == set(SPLITS)
    assert notes == ("split by subject: no person is in two splits",)


@pytest.mark.parametrize("by", ["subject", "random"])
@pytest.mark.parametrize("ratios", [(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.9, 0.1, 0.0)])
def test_each_class_gets_its_share_everywhere(by, ratios):
    found = counts(assign_splits(people(300), by, ratios)[0])
    for label in CLASSES:
        total = sum(found[label, split] for split in SPLITS)
        for split, ratio in zip(SPLITS, ratios):
            assert found[label, split] == pytest.approx(ratio * total, abs=1 if by == "random" else 0.01 * total + 1)


@pytest.mark.parametrize("by", ["subject", "random", "given"])
def test_order_does_not_matter_and_the_seed_does(by):
    records = people(40, split="train")
    first = named(assign_splits(records, by, seed=1)[0])
    shuffled = random.Random(0).sample(records, len(records))
    split, _ = assign_splits(shuffled, by, seed=1)
    assert named(split) == first
    assert [record.source for record in split] == [record.source for record in shuffled]
    assert named(assign_splits(records, by, seed=2)[0]) != first


def test_a_class_of_few_images_is_in_every_split_where_they_suffice():
    records = [
        Record(f"{label}{k}", label) for label, number in (("a", 100), ("b", 3), ("c", 2), ("d", 1)) for k in range(number)
    ]
    found = counts(assign_splits(records, "random")[0])
    assert [found["b", split] for split in SPLITS] == [1, 1, 1]
    assert [sum(found[label, split] > 0 for split in SPLITS) for label in "cd"] == [2, 1]
    assert found["c", "train"] == found["d", "train"] == 1


def test_persons_leave_no_class_out_of_a_split_where_it_can_be_helped():
    rng = np.random.default_rng(0)
    for _ in range(60):
        shape = (rng.integers(3, 7), rng.integers(2, 5))
        table = rng.integers(0, 4, shape) * (rng.random(shape) < 0.7)
        table = table[table.sum(1) > 0][:, table.sum(0) > 0].astype(float)
        if table.size:
            ways = (np.array(way) for way in itertools.product(range(3), repeat=len(table)))
            assert _missing(table, _deal_groups(table, np.array([0.8, 0.1, 0.1]))) == min(_missing(table, way) for way in ways)


def _missing(table: np.ndarray, places: np.ndarray) -> int:
    return sum(int((table[places == part].sum(0) == 0).sum()) for part in range(3))


def test_three_persons_are_one_a_split():
    records = [Record(f"{person}{label}", label, person) for person in "xyz" for label in CLASSES]
    records, _ = assign_splits(records)
    assert Counter(r.split for r in records) == dict.fromkeys(SPLITS, 3)


def test_given_splits_are_kept():
    records = people(5, split="train") + people(3, 1, "valid", 5) + people(3, 2, "test", 8)
    split, notes = assign_splits(records)
    assert split == tuple(records)
    assert notes == ("split as the data set gives it",)


def test_given_without_test_is_kept_and_said():
    records = people(5, split="train") + people(3, 1, "valid", 5)
    split, (note,) = assign_splits(records)
    assert split == tuple(records)
    assert "it gives no test" in note


@pytest.mark.parametrize("known", [True, False])
def test_given_without_valid_gets_one_out_of_train(known):
    records = people(100, split="train") + people(20, 1, "test", 100)
    records = records if known else without(records, subject=None)
    split, notes = assign_splits(records)
    how = "by subject" if known else "at random by image"
    assert notes == (f"the data set gives only train and test: valid cut out of train {how}",)
    assert {r.source for r in split if r.split == "test"} == {r.source for r in records if r.split == "test"}
    found = counts(split)
    for label in CLASSES:
        total = found[label, "train"] + found[label, "valid"]
        assert found[label, "valid"] == pytest.approx(total / 9, abs=0.02 * total + 1)
    if known:
        assert not {r.subject for r in split if r.split == "train"} & {r.subject for r in split if r.split == "valid"}


def test_given_train_alone_gets_valid_and_test():
    split, (note,) = assign_splits(people(50, split="train"))
    assert {r.split for r in split} == set(SPLITS)
    assert note == "the data set gives only train: valid and test cut out of train by subject"
    _, (note,) = assign_splits(without(people(50, split="train"), subject=None))
    assert "valid and test cut out of train at random by image: one person's images may be in several splits" in note


@pytest.mark.parametrize("known", [True, False])
def test_a_face_of_test_stays_there_though_another_of_its_image_is_in_train(known):
    records = [Record(f"{k}.jpg", CLASSES[k % 3], f"s{k}" if known else None, "train") for k in range(30)]
    records += [Record(f"{k}.jpg", CLASSES[k % 3], f"t{k}" if known else None, "test") for k in range(10)]
    split, notes = assign_splits(records)
    assert [r.split for r in split[30:]] == ["test"] * 10 and {r.split for r in split[:30]} == {"train", "valid"}
    assert notes[1:] == ("10 of 30 images have faces in more than one split: the result is not about new images",)


def test_two_persons_of_one_image_are_cut_out_of_train_each_with_all_images_of_theirs():
    records = [Record(f"{k // 2}.jpg", CLASSES[k % 3], f"s{k % 7}", "train") for k in range(80)]
    split, notes = assign_splits(records)
    assert len({(r.subject, r.split) for r in split}) == 7
    assert "by subject" in notes[0] and not any("persons are in more" in note for note in notes)


def test_a_split_that_gets_no_image_is_named():
    assert assign_splits(people(2))[1][1:] == ("no image is left for test: too few persons",)
    assert assign_splits(people(1, split="train"))[1][1:] == ("no image is left for valid and test: too few persons",)
    assert assign_splits(without(people(3)[:2], subject=None))[1][1] == "no image is left for valid and test: too few images"


def test_shares_of_nothing_are_refused_where_they_would_be_cut():
    records = people(9, split="train")
    for ratios in ((1, 0, 0), (0, 0.5, 0.5), (0, 0, 1)):
        with pytest.raises(DataError, match="gives only train; give train and valid a share above 0"):
            assign_splits(records, ratios=ratios)
    split, (note,) = assign_splits(records, ratios=(0.9, 0.1, 0))
    assert {r.split for r in split} == {"train", "valid"} and "only train: valid cut out of train" in note
    with pytest.raises(DataError, match="gives only train and test; give train and valid a share above 0"):
        assign_splits(records + people(3, 1, "test", 9), ratios=(0, 0, 1))


def test_people_in_several_given_splits_are_counted():
    records = people(5, split="train") + people(3, 1, "valid", 4) + people(1, 2, "test", 9)
    assert assign_splits(records)[1][1] == "1 of 8 persons are in more than one split: the result is not about new people"


def test_default_is_given_then_subject_then_random():
    records = people(30)
    assert assign_splits(records)[0] == assign_splits(records, "subject")[0]
    anonymous = without(records, subject=None)
    split, (note,) = assign_splits(anonymous)
    assert split == assign_splits(anonymous, "random")[0]
    assert "says nothing sure about people the network has not seen" in note


def test_random_and_subject_overrule_given_splits():
    records = people(50, split="test")
    assert {r.split for way in ("random", "subject") for r in assign_splits(records, way)[0]} == set(SPLITS)


def test_what_is_lacking_is_named_with_the_remedy():
    records = people(5)
    lacking = without(records[:2], subject=None) + records[2:]
    with pytest.raises(DataError, match=r"s0_0\.jpg and 1 more has no subject; --subject-regex .* or --split-by random"):
        assign_splits(lacking, "subject")
    with pytest.raises(DataError, match="has no subject"):
        assign_splits(lacking)
    with pytest.raises(DataError, match=r"gives .*s0_0\.jpg and \d+ more no split; --split-by subject or random"):
        assign_splits(records, "given")
    with pytest.raises(DataError, match="gives only test and valid, no train"):
        assign_splits(people(3, split="valid") + people(3, 1, "test", 3))
    for ratios in ((0.8, 0.1), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1)):
        with pytest.raises(DataError, match="must be 3 shares, train,valid,test, that make 1"):
            assign_splits(records, ratios=ratios)
    assert WAYS == ("given", "subject", "random")


def test_classes_are_grouped_renamed_kept_and_left_out():
    records = [Record(f"{k}", label) for k, label in enumerate(("joy", "sad", unicodedata.normalize("NFD", "분노"), "hurt"))]
    grouped = group_classes(records, "good=joy , bad = sad+분노")
    assert [(r.source, r.label) for r in grouped] == [("0", "good"), ("1", "bad"), ("2", "bad")]
    assert [(r.source, r.label) for r in group_classes(records, "joy,분노")] == [("0", "joy"), ("2", "분노")]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("a=joy,b=fear", "no class fear in the data set; it has joy, sad"),
        ("a=joy,b=joy+sad", "joy is named twice"),
        ("a=joy,", "is not understood"),
        ("=joy", "is not understood"),
        ("a=", "is not understood"),
        ("joy+sad", "is not understood"),
        ("a+b=joy", "is not understood"),
    ],
)
def test_wrong_class_groups_are_refused(spec, problem):
    with pytest.raises(DataError, match=f"--classes .*{problem}"):
        group_classes([Record("0", "joy"), Record("1", "sad")], spec)


def test_subjects_are_the_first_group_or_the_whole_match():
    records = [Record("joy/s001_a.jpg", "joy"), Record("joy/s002_a.jpg", "joy", "old")]
    assert [r.subject for r in name_subjects(records, r"s\d+")] == ["s001", "s002"]
    assert [r.subject for r in name_subjects(records, r"s(\d+)_(.)")] == ["001", "002"]
    with pytest.raises(DataError, match=r"finds no subject in joy/s002_a\.jpg; it must for every image"):
        name_subjects(records, "s001")
    with pytest.raises(DataError, match=r"--subject-regex '\(': no regular expression"):
        name_subjects(records, "(")
