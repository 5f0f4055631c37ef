"""Folds: every image tested once, no person in two splits of a fold, and what cannot be cut told before anything is trained."""

from pathlib import Path

import numpy as np
import pytest

from data_preprocessing.sources.fer2013 import PIXELS
from data_preprocessing.sources.folders import check_images
from data_preprocessing.sources.open_source import open_folds, open_source
from data_preprocessing.sources.reading import Reading
from tests.data_preprocessing.refusals import failure


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path()


def write_list(persons: int = 12, each: int = 4, label=lambda k: k % 2, who=lambda k, person: f"p{person}") -> Path:
    """list.csv: the images of `persons` persons, which are there by name alone."""
    rows = [f"{p}_{k}.png,{label(k)},{who(k, p)}" for p in range(persons) for k in range(each)]
    Path("0_0.png").touch()
    Path("list.csv").write_text("path,label,subject\n" + "\n".join(rows) + "\n")
    return Path("list.csv")


def cut(path: Path, folds: str = "4", **more):
    said = []
    return open_folds(path, said.append, Reading(folds=folds, **more)), said


def persons_of(split, folds) -> set[str]:
    who = dict(zip(folds.pool.split.paths, folds.pool.subjects))
    return {who[path] for path in split.paths}


@pytest.mark.parametrize("folds", ["4", "subjects"])
def test_every_image_is_tested_once_and_persons_are_in_one_split(place, folds):
    found, _ = cut(write_list(), folds)
    tested = []
    for fold in range(len(found.names)):
        parts = found.splits(fold)
        people = [persons_of(parts[name], found) for name in ("train", "valid", "test")]
        assert all(people) and sum(map(len, people)) == 12 == len(set.union(*people))
        assert sum(len(split.paths) for split in parts.values()) == 48
        tested += parts["test"].paths
    assert sorted(tested) == sorted(found.pool.split.paths)
    assert found.names == (tuple(sorted({f"p{k}" for k in range(12)})) if folds == "subjects" else ("1", "2", "3", "4"))


def test_folds_are_those_of_their_seed_whatever_the_order_of_the_list(place):
    first, _ = cut(write_list())
    header, *rows = Path("list.csv").read_text().splitlines()
    Path("list.csv").write_text("\n".join([header, *rows[::-1]]))
    again, _ = cut(Path("list.csv"))
    assert (first.test == again.test).all() and first.splits(2) == again.splits(2)
    assert (cut(Path("list.csv"), seed=1)[0].test != first.test).any()


def test_shares_of_classes_are_alike_in_the_folds(place):
    found, _ = cut(write_list(24, 3, label=lambda k: "ab"[k == 0], who=lambda k, p: f"p{p}"), "3")
    counts = np.array([np.bincount(found.splits(fold)["test"].labels) for fold in range(3)])
    assert (counts == counts[0]).all()


def test_folds_are_alike_in_size_and_classes_where_persons_are_unlike(place):
    """Fails with scikit-learn's shuffle=True, which deals each person out by the counts of another."""
    rng = np.random.default_rng(0)
    sizes, classes = rng.geometric(0.4, 200), rng.integers(0, 4, 2000)
    rows = [f"{p}_{k}.png,{classes[p * 9 + k % 9]},p{p}" for p, size in enumerate(sizes) for k in range(size)]
    Path("0_0.png").touch()
    Path("list.csv").write_text("path,label,subject\n" + "\n".join(rows))
    for seed in range(3):
        found, _ = cut(Path("list.csv"), "5", seed=seed)
        labels = np.array(found.pool.split.labels)
        counts = np.array([np.bincount(labels[found.test == fold], minlength=4) for fold in range(5)])
        assert np.ptp(counts.sum(axis=1)) <= 4 and np.ptp(counts, axis=0).max() <= 3


def test_without_subjects_images_are_dealt_and_that_is_warned_of(place):
    found, _ = cut(write_list(), group="none")
    assert not found.grouped and set(found.persons) == {None}
    said = []
    open_source(Path("list.csv"), said.append, Reading(folds="4", fold=2, group="none"))
    assert "fold 2 of 4, cut at random by image" in said[-2] and said[-1].startswith(
        "warning: .: the folds are cut at random by image"
    )


def test_splits_of_a_folder_are_one_pool_with_the_persons_of_its_manifest(place, make_faces):
    make_faces(Path("d"), {"train": {"anger": 6, "joy": 6}, "test": {"angry": 4, "joy": 4}})
    found, said = cut(Path("d"), "2")
    assert "d: train, test are one pool for --folds: 20 images" in said and "classes taken for those of" in said[0]
    assert not found.grouped and found.pool.split.paths[0] == "test/angry/0.png"
    rows = [f"{path},p{k % 6}" for k, path in enumerate(found.pool.split.paths)]
    Path("d/manifest.csv").write_text("path,subject\n" + "\n".join(rows))
    found, _ = cut(Path("d"), "2")
    assert found.grouped and found.pool.named_by == "manifest.csv" and len(set(found.persons)) == 6
    parts = found.splits(0)
    checked = check_images(parts["test"], skip_bad=False)
    assert len(checked.stamps) == len(parts["test"].paths) and parts["test"].where(0).startswith("d/t")
    assert parts["test"].image(0).size == (40, 40)


def test_a_table_of_fer2013_is_a_pool_too(place):
    rows = [f"{k % 2},{' '.join([str(k)] * PIXELS)},{('Training', 'PublicTest')[k % 3 == 0]}" for k in range(18)]
    Path("fer2013.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows))
    found, _ = cut(Path("fer2013.csv"), "3")
    split = found.splits(1)["test"]
    assert len(found.pool.split.paths) == 18 and split.image(0).size == (48, 48)
    assert check_images(split, skip_bad=False).fingerprint


def alone(k: int) -> str:
    return f"p{k}"


@pytest.mark.parametrize(
    ("listed", "reading", "said"),
    [
        ({"persons": 3}, {"folds": "4"}, "--folds 4: . shows 3 people; choose at most 3"),
        ({"persons": 2}, {"folds": "2"}, "2 people: --folds by subject takes at least 3"),
        ({"persons": 2}, {"folds": "subjects"}, "2 people: --folds by subject takes at least 3"),
        ({"persons": 2, "each": 2}, {"folds": "9", "group": "none"}, "--folds 9: . shows 4 images; choose at most 4"),
        ({"persons": 3, "each": 2}, {"folds": "5", "group": "none"}, "--folds 5: no class has more than 3 images"),
        ({"who": lambda k, p: f"p{p}" * (p > 0)}, {}, "--folds 4: 4 images of 48 without a subject: 0_0.png"),
        ({"who": lambda k, p: ""}, {"group": "subject"}, "--folds 4 --group subject: 48 images of 48 without a subject"),
        ({"who": lambda k, p: ""}, {"folds": "subjects"}, "--folds subjects: 48 images of 48 without a subject"),
        ({}, {"subject_regex": "x(.)"}, "--subject-regex 'x(.)': finds no subject in 0_0.png"),
    ],
)
def test_what_cannot_be_cut_is_told(place, listed, reading, said):
    assert said in failure(cut, write_list(**listed), **reading)


def test_a_class_of_one_person_cannot_be_tested(place):
    write_list()
    text = Path("list.csv").read_text()
    Path("list.csv").write_text(text + "12_0.png,7,p12\n12_1.png,7,p12\n12_2.png,0,p12\n")
    found, _ = cut(Path("list.csv"), "subjects")
    fold = found.names.index("p12")
    assert f"fold {fold + 1} of 13: train has no image of 7, which the rest has: too few persons show it" in failure(
        found.splits, fold
    )


def test_a_fold_that_is_not_there_is_named(place):
    assert "--fold 13: list.csv has 12 folds" in failure(
        open_source, write_list(), lambda text: None, Reading(folds="subjects", fold=13)
    )
