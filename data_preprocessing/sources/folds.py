"""Cross-validation: the images of all splits in one pool, cut into folds that keep every person in one of them."""

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from data_preprocessing.common.class_names import with_classes_of
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE, composed, read_file
from data_preprocessing.common.words import quantity
from data_preprocessing.prepare.splitting import SPLITS, assign_splits
from data_preprocessing.sources.folders import Split
from data_preprocessing.sources.labels import few
from data_preprocessing.sources.manifest import MANIFEST, Row, parse_manifest
from data_preprocessing.sources.reading import Reading
from data_preprocessing.sources.records import Record, name_subjects

if TYPE_CHECKING:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

SUBJECTS = "subjects"  # of --folds: one fold a person
_LEAST_PERSONS = 3  # one to test, one to choose the epoch on, one to train on


@dataclass(frozen=True)
class PooledSplit(Split):
    """Images of several splits. owners: path -> the split that has the image, and its index there."""

    owners: dict[str, tuple[Split, int]] = field(repr=False, compare=False)

    def _owner(self, index: int) -> tuple[Split, int]:
        return self.owners[self.paths[index]]

    def where(self, index: int) -> str:
        """What messages call the image."""
        split, own = self._owner(index)
        return split.where(own)

    def image(self, index: int) -> Image.Image:
        """The image in RGB; raises as its split does."""
        split, own = self._owner(index)
        return split.image(own)

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of its file. Raises OSError without one."""
        split, own = self._owner(index)
        return split.stamp(own)

    def entry(self, index: int) -> str:
        """What a fingerprint says of the image beside its content: what its split says, and the class."""
        split, own = self._owner(index)
        return f"{self.paths[index]} {split.entry(own)} {self.classes[self.labels[index]]}"

    def inspect(self, index: int) -> tuple[str, str | None]:
        """SHA-256 of the image's content and None, or any text and what is wrong with the image."""
        split, own = self._owner(index)
        return split.inspect(own)


@dataclass(frozen=True)
class Pool:
    """All images of a data set, sorted by path, and who is seen on each, None where that is not known.

    named_by: where the subjects come from, "" for nowhere.
    """

    split: Split
    subjects: tuple[str | None, ...]
    named_by: str


@dataclass(frozen=True)
class Folds:
    """A pool that is cut. test: (N,) the fold, from 0, in which each image is tested. names: of the folds.

    grouped: whether every person is in one fold. seed: of the cut, and of the validation parts.
    """

    pool: Pool
    test: np.ndarray
    names: tuple[str, ...]
    grouped: bool
    seed: int

    @cached_property
    def persons(self) -> tuple[str | None, ...]:
        """Who is seen on each image, where that is asked for and known."""
        return self.pool.subjects if self.grouped else (None,) * len(self.test)

    def splits(self, fold: int) -> dict[str, Split]:
        """train, valid and test of a fold (from 0); valid is cut out of what is not tested, by person where those are known.

        Raises DataError where that leaves a class out of train that is elsewhere, or nothing for valid.
        """
        pool, tested = self.pool.split, self.test == fold
        records = [
            Record(path, pool.classes[label], who, "test" if test else "train")
            for path, label, who, test in zip(pool.paths, pool.labels, self.persons, tested)
        ]
        given, _ = assign_splits(records, "given", seed=self.seed)
        parts = np.array([record.split for record in given])
        found = {name: part_of(pool, np.flatnonzero(parts == name), name) for name in SPLITS}
        self._require_classes(fold, found)
        return found

    def _require_classes(self, fold: int, parts: dict[str, Split]) -> None:
        where = f"{self.pool.split.folder}: fold {fold + 1} of {len(self.names)}"
        if not parts["valid"].paths:
            raise DataError(
                f"{where}: too few images or persons beside those of test to choose the epoch on; choose other --folds"
            )
        labels = {name: set(split.labels) for name, split in parts.items()}
        absent = [parts["train"].classes[k] for k in sorted((labels["valid"] | labels["test"]) - labels["train"])]
        if absent:
            units = "persons" if self.grouped else "images"
            raise DataError(
                f"{where}: train has no image of {', '.join(absent)}, which the rest has: too few {units} show it; leave the "
                "class out, or choose other --folds"
            )

    def said(self, fold: int, parts: dict[str, Split]) -> list[str]:
        """About a fold and its splits, for the user."""
        how = f"by subject ({self.pool.named_by})" if self.grouped else "at random by image"
        total, where = quantity(len(self.test), "image"), self.pool.split.folder
        people = f" of {quantity(self._people(self.test == fold), 'person')}" if self.grouped else ""
        lines = [
            f"{where}: fold {fold + 1} of {len(self.names)}, cut {how}, --split-seed {self.seed}: "
            f"{quantity(len(parts['test'].paths), 'image')}{people} to test, of {total} in all; valid is cut out of train "
            f"{'by subject' if self.grouped else 'at random by image'}"
        ]
        if not self.grouped:
            lines.append(f"warning: {where}: {ALONE}")
        return lines

    def _people(self, inside: np.ndarray) -> int:
        return len({who for who, is_in in zip(self.persons, inside) if is_in})


ALONE = (
    "the folds are cut at random by image: images of one person may be trained on and tested, so the figures say nothing sure "
    "about people the network has not seen"
)


def part_of(split: Split, indices: np.ndarray, name: str) -> Split:
    """Some images of a split, in the order of `indices`, as a split of its own."""
    paths, labels = (tuple(values[k] for k in indices) for values in (split.paths, split.labels))
    return replace(split, name=name, paths=paths, labels=labels)


def pool_splits(root: Path, splits: Sequence[Split], subject_regex: str | None, say: Callable[[str], None]) -> Pool:
    """All images of `splits`, which have the classes of the first, under the paths of a manifest.csv in the folder `root`.

    subject_regex: finds who is seen in a path; without it manifest.csv tells. Raises DataError where classes differ, or the
    expression finds nothing.
    """
    first, owners, labels = splits[0], {}, {}
    several = len({split.folder for split in splits}) > 1
    for split in splits:
        same, matched = with_classes_of(split, first.classes, str(first.folder))
        if matched:
            say(matched)
        for index, path in enumerate(split.paths):
            name = f"{split.folder.name}/{path}" if several else path
            owners[name], labels[name] = (split, index), same.labels[index]
    paths = tuple(sorted(owners))
    if len(splits) > 1:
        say(f"{root}: {', '.join(split.name for split in splits)} are one pool for --folds: {quantity(len(paths), 'image')}")
    folder = first.folder.parent if several else first.folder
    pooled = PooledSplit("all", folder, first.classes, paths, tuple(labels[path] for path in paths), owners)
    return Pool(pooled, *_named(root, paths, subject_regex))


def _named(root: Path, paths: tuple[str, ...], subject_regex: str | None) -> tuple[tuple[str | None, ...], str]:
    """Who is seen on each image, and what tells it."""
    if subject_regex is not None:
        records = name_subjects([Record(path, "") for path in paths], subject_regex)
        return tuple(record.subject for record in records), f"--subject-regex {subject_regex}"
    file = root / MANIFEST
    if not os.path.isfile(file):
        return (None,) * len(paths), ""
    rows = parse_manifest(read_file(file, MOST_TABLE), file)
    return tuple(rows.get(composed(path), Row("", "")).subject or None for path in paths), MANIFEST


def cut(pool: Pool, reading: Reading) -> Folds:
    """The folds that reading.folds asks for, by scikit-learn's StratifiedGroupKFold, or StratifiedKFold without persons.

    Both keep the classes' shares alike between the folds as well as they can. Raises DataError where there are fewer persons
    or images than that takes, or where persons are asked for and not known.
    """
    grouped = _is_grouped(pool, reading)
    persons = sorted({who for who in pool.subjects if who}) if grouped else []
    labels, most = np.array(pool.split.labels), len(persons) if grouped else len(pool.split.paths)
    if grouped and most < _LEAST_PERSONS:
        raise DataError(f"{pool.split.folder}: {quantity(most, 'person')}: --folds by subject takes at least {_LEAST_PERSONS}")
    if reading.folds == SUBJECTS:
        places = {who: k for k, who in enumerate(persons)}
        return Folds(pool, np.array([places[who] for who in pool.subjects]), tuple(persons), True, reading.seed)
    number = int(reading.folds)
    if number > most:
        what = quantity(most, "person" if grouped else "image")
        raise DataError(f"--folds {number}: {pool.split.folder} shows {what}; choose at most {most}")
    test = np.full(len(labels), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer images than folds: it is told by _require_classes and as absent
        try:
            parts = list(_dealer(number, grouped, reading.seed).split(labels, labels, _ranks(pool.subjects, reading.seed)))
        except ValueError:
            count = np.bincount(labels).max()
            raise DataError(
                f"--folds {number}: no class has more than {quantity(count, 'image')}; choose fewer folds"
            ) from None
    for fold, (_, tested) in enumerate(parts):
        if not len(tested):
            raise DataError(f"--folds {number}: nothing would be left to test in fold {fold + 1}; choose fewer folds")
        test[tested] = fold
    return Folds(pool, test, tuple(str(fold + 1) for fold in range(number)), grouped, reading.seed)


def _dealer(number: int, grouped: bool, seed: int) -> "StratifiedGroupKFold | StratifiedKFold":
    """Without scikit-learn's own shuffling of groups: it shuffles their class counts alone, so that each group is dealt out by
    the counts of another (StratifiedGroupKFold._iter_test_indices of 1.7.2), and folds come out unlike."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # a second: not for runs without --folds

    return StratifiedGroupKFold(number) if grouped else StratifiedKFold(number, shuffle=True, random_state=seed)


def _ranks(subjects: Sequence[str | None], seed: int) -> np.ndarray:
    """(N,) a number a person, in random order: persons that are alike are dealt out in the order of their numbers."""
    order = sorted({str(who) for who in subjects}, key=lambda who: hashlib.sha256(f"{seed} {who}".encode()).digest())
    ranks = {who: k for k, who in enumerate(order)}
    return np.array([ranks[str(who)] for who in subjects])


def _is_grouped(pool: Pool, reading: Reading) -> bool:
    """Whether folds keep persons together. Raises DataError where they should and some are not known."""
    without = [path for path, who in zip(pool.split.paths, pool.subjects) if not who]
    asked = reading.group == "subject" or reading.folds == SUBJECTS
    if reading.group == "none" or (len(without) == len(pool.subjects) and not asked):
        return False
    if without:
        flags = f"--folds {reading.folds}" + (" --group subject" if reading.group == "subject" else "")
        raise DataError(
            f"{flags}: {quantity(len(without), 'image')} of {len(pool.subjects):,} without a subject: {few(without)}; "
            f"--subject-regex finds it in the path, {MANIFEST} or a list's column tells it, --group none does without"
        )
    return True
