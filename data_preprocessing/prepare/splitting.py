"""Which image goes to train, valid and test: as the data set says, by person, or at random."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.records import Record

SPLITS = ("train", "valid", "test")
WAYS = ("given", "subject", "random")
RATIOS = (0.8, 0.1, 0.1)


def assign_splits(
    records: Iterable[Record], by: str | None = None, ratios: tuple[float, ...] = RATIOS, seed: int = 0
) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records, each with a split, in their order, and notes for the user.

    by: "given" keeps the data set's splits; "subject" puts no person into two; "random" deals out images. None takes the
    first of these that the records have what it needs for. ratios: shares of train, valid and test, of which each class
    gets its part, and where its images (or persons) suffice at least one everywhere. Given splits without valid get one
    cut out of train in the ratio of the two, by person where known; if train is all they give, test too. The same records
    in any order with the same seed give the same splits.
    Raises DataError for ratios that do not make 1, or where `by` needs what some record lacks.
    """
    records = tuple(records)
    if len(ratios) != 3 or not all(0 <= r <= 1 for r in ratios) or abs(sum(ratios) - 1) > 1e-6:
        raise DataError(f"--ratios {','.join(map(str, ratios))}: must be 3 shares, train,valid,test, that make 1")
    if by is None:
        by = "given" if any(r.split for r in records) else "subject" if any(r.subject for r in records) else "random"
    if by == "given":
        split, notes = _keep_given(records, ratios, seed)
    else:
        split = _divide(records, dict(zip(SPLITS, ratios)), by, seed)
        notes = (_NOTES[by], *_lacking(split, [name for name, ratio in zip(SPLITS, ratios) if ratio], by))
    people, images = [(r.subject, r.split) for r in split if r.subject], [(r.source, r.split) for r in split]
    return split, notes + _shared(people, "persons are in {} people") + _shared(images, "images have faces in {} images")


LEAKS = (  # what notes say that take away from the result
    "one person's images may be in several splits, so the result on test says nothing sure about people the network has not "
    "seen",
    "more than one split: the result is not about new",
)
_NOTES = {
    "subject": "split by subject: no person is in two splits",
    "random": f"split at random by image: {LEAKS[0]}",
}

_UNITS = {"subject": "persons", "random": "images"}


def _keep_given(
    records: tuple[Record, ...], ratios: tuple[float, ...], seed: int
) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    without = [r for r in records if r.split not in SPLITS]
    if without:
        raise DataError(f"the data set gives {_many(without)} no split; --split-by subject or random")
    given = {r.split for r in records}
    if "train" not in given:
        raise DataError(f"the data set gives only {' and '.join(sorted(given))}, no train; --split-by subject or random")
    if "valid" in given:
        missing = "" if "test" in given else "; it gives no test: the result is reported on valid, on which the epoch is chosen"
        return records, ("split as the data set gives it" + missing,)
    cut = [name for name in SPLITS if name not in given and ratios[SPLITS.index(name)]]
    shares = {name: ratio for name, ratio in zip(SPLITS, ratios) if name in ["train", *cut]}
    if not cut or not shares["train"]:
        raise DataError(
            f"--ratios {','.join(map(str, ratios))}: the data set gives only {_given(given)}; give train and valid a share "
            "above 0"
        )
    train = tuple(r for r in records if r.split == "train")
    by = "subject" if all(r.subject for r in train) else "random"
    divided = _divide(train, {name: ratio / sum(shares.values()) for name, ratio in shares.items()}, by, seed)
    note = f"the data set gives only {_given(given)}: {' and '.join(cut)} cut out of train "
    note += "by subject" if by == "subject" else "at random by image"
    note += f": {LEAKS[0]}" if by == "random" and "test" in cut else ""
    again = iter(divided)
    return tuple(next(again) if r.split == "train" else r for r in records), (note, *_lacking(divided, cut, by))


def _lacking(records: tuple[Record, ...], wanted: list[str], by: str) -> tuple[str, ...]:
    lacking = [name for name in wanted if not any(r.split == name for r in records)]
    return (f"no image is left for {' and '.join(lacking)}: too few {_UNITS[by]}",) if lacking else ()


def _given(splits: set[str]) -> str:
    return " and ".join(name for name in SPLITS if name in splits)


def _divide(records: tuple[Record, ...], shares: dict[str, float], by: str, seed: int) -> tuple[Record, ...]:
    """The records with the splits that have a share above 0."""
    if by == "subject":
        without = [r for r in records if not r.subject]
        if without:
            raise DataError(f"{_many(without)} has no subject; --subject-regex tells it from the name, or --split-by random")
    units: dict[str, list[Record]] = {}
    for record in records:
        units.setdefault(record.subject if by == "subject" else record.source, []).append(record)
    keys = sorted(units, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
    classes = {name: k for k, name in enumerate(sorted({r.label for r in records}))}
    parts = [name for name in SPLITS if shares.get(name)]
    ratios = np.array([shares[name] for name in parts])
    if by == "subject":
        counts = np.zeros((len(keys), len(classes)))
        for row, key in enumerate(keys):
            np.add.at(counts[row], [classes[r.label] for r in units[key]], 1)
        places = _deal_groups(counts, ratios)
    else:
        places = _deal_singles(np.array([classes[units[key][0].label] for key in keys], int), ratios)
    names = {key: parts[place] for key, place in zip(keys, places)}
    return tuple(replace(r, split=names[r.subject if by == "subject" else r.source]) for r in records)


def _deal_singles(labels: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """A part for each of N images in random order: (N,) classes and (P,) shares -> (N,) indices of parts.

    Within a class by largest remainder, then one from the largest part to each empty one while it has two.
    """
    places = np.zeros(len(labels), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        exact = ratios * len(members)
        sizes = np.floor(exact + 1e-9).astype(int)
        rest = len(members) - sizes.sum()
        sizes[np.argsort(sizes - exact, kind="stable")[:rest]] += 1
        for part in np.flatnonzero(sizes == 0):
            if sizes.max() > 1:
                sizes[sizes.argmax()] -= 1
                sizes[part] = 1
        places[members] = np.repeat(np.arange(len(ratios)), sizes)
    return places


def _deal_groups(counts: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """A part for each of G persons in random order: (G, C) images per class and (P,) shares -> (G,) indices of parts.

    Greedy: the persons with most images first, each to the part where the sum over parts and classes of
    (images - wanted)² / wanted grows least; then the best single moves while they lower it. A class missing in a part
    outweighs all of it, a little more in an earlier one.
    """
    wanted = ratios[:, None] * counts.sum(0)  # (P, C), all above 0
    missing = 4 * counts.sum() ** 2 / wanted.min() * np.linspace(1.2, 1, len(ratios))[:, None]  # (P, 1) above any sum
    have, places = np.zeros_like(wanted), np.zeros(len(counts), int)
    for person in np.argsort(-counts.sum(1), kind="stable"):
        places[person] = _added(counts[person][None], have, wanted, 0 * missing)[0].argmin()
        have[places[person]] += counts[person]
    people = np.arange(len(counts))
    for _ in range(10 * len(counts)):
        own = places[:, None] == np.arange(len(ratios))  # (G, P)
        change = _added(counts, have, wanted, missing)
        removed = np.zeros(len(counts))
        for part in range(len(ratios)):
            there = people[places == part]
            removed[there] = -_added(counts[there], have[part] - counts[there][:, None], wanted[[part]], missing[[part]])[:, 0]
        change = np.where(own, np.inf, change + removed[:, None])
        person, part = np.unravel_index(change.argmin(), change.shape)
        if not change[person, part] < -1e-9:
            break
        have[places[person]] -= counts[person]
        have[part] += counts[person]
        places[person] = part
    return places


def _added(counts: np.ndarray, have: np.ndarray, wanted: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """What the sum in _deal_groups grows by: (G, C) persons, (P, C) or (G, P, C) images that are there -> (G, P)."""
    more = counts[:, None]
    growth = more * (2 * (have - wanted) + more) / wanted - missing * ((have == 0) & (more > 0))
    return growth.sum(-1)


def _shared(places: list[tuple[str, str]], text: str) -> tuple[str, ...]:
    """A note where some are in several splits. places: who or what, and a split. text: of the note, {} for LEAKS."""
    splits: dict[str, set[str]] = {}
    for key, split in places:
        splits.setdefault(key, set()).add(split)
    several = sum(len(found) > 1 for found in splits.values())
    return (f"{several} of {len(splits)} {text.format(LEAKS[1])}",) if several else ()


def _many(records: list[Record]) -> str:
    more = f" and {len(records) - 1} more" if len(records) > 1 else ""
    return f"{records[0].source}{more}"
