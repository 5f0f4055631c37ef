"""audit.csv: a row for every image that has a copy, and which of them to leave out so that no copy crosses the splits.

Of two copies in different splits one has to go. By default it is the one in the earlier split, of train, valid, test: the
reported images stay what they are, so that results remain comparable with published ones. `keep="train"` turns it round, for
a network that is trained already.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from data_preprocessing.audit.copies import Copy, Group, Listed

TABLE = "audit.csv"
KEEP = ("test", "train")
LEAVE_OUT, CHECK_LABEL, KEEP_IMAGE = ACTIONS = ("leave out", "check label", "keep")


@dataclass(frozen=True)
class Copied:
    """A row of audit.csv: an image, and of the images that it is a copy of the one that the action is about.

    group: the same number for all that are copies of each other, directly or through others. kind: "exact", "near" or
    "mirrored". similarity: [0, 1], 1 of exact copies. source: the image's name in the data set it was prepared from, "" if
    unknown.
    """

    image: str
    split: str
    label: str
    kind: str
    group: int
    copy: str
    copy_split: str
    copy_label: str
    similarity: float
    action: str
    source: str


COLUMNS = tuple(field.name.replace("label", "class") for field in fields(Copied))


def list_copied(listed: Listed, groups: Iterable[Group], near_counts: bool, keep: str = KEEP[0]) -> list[Copied]:
    """A row for every image that has a copy, copies of each other together, else in the order of `listed`.

    near_counts: whether near copies are copies in this data set, or only look alike: then they are listed, and kept.
    keep: which images stay where a copy crosses the splits, one of KEEP.
    """
    numbers: dict[int, int] = {}
    rows = []
    for group in groups:
        for k in group.members:
            choices = [_judged(listed, k, copy, near_counts, keep) for copy in _copies(group, k)]
            if choices:
                number = numbers.setdefault(id(group.first()), len(numbers) + 1)
                rows.append((number, k, max(choices, key=lambda choice: choice[0])))
    return [_row(listed, k, number, *choice[1:]) for number, k, choice in sorted(rows, key=lambda row: row[:2])]


def left_out(rows: Iterable[Copied]) -> dict[str, int]:
    """How many images of each split are to be left out; only splits that have some."""
    return dict(Counter(row.split for row in rows if row.action == LEAVE_OUT))


def write_table(path: Path, rows: Iterable[Copied]) -> None:
    """Write audit.csv. Names that are no UTF-8 keep their bytes, as in predictions.csv. Raises OSError."""
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(astuple(row) for row in rows)


def _copies(group: Group, k: int) -> Iterator[Copy]:
    """Of the images that `k` is a copy of, one exact and the strongest near one of each split and class."""
    for members in group.places.values():
        yield from (Copy(other, "exact", 1.0) for other in members[:2] if other != k)
    yield from group.near.values()


def _judged(listed: Listed, k: int, copy: Copy, near_counts: bool, keep: str) -> tuple[tuple, Copy, str]:
    """(rank, copy, action): what to do with image `k` because of this copy; the highest rank decides."""
    here, there = (listed.split_names.index(listed.splits[j]) for j in (k, copy.index))
    counts = copy.kind == "exact" or near_counts
    subject = listed.subjects[k]
    same_person = subject is not None and subject == listed.subjects[copy.index]
    conflict = listed.labels[k] != listed.labels[copy.index] and (copy.kind == "exact" or not same_person)
    goes = there > here if keep == "test" else there < here
    action = LEAVE_OUT if counts and goes else CHECK_LABEL if counts and conflict else KEEP_IMAGE
    return (-ACTIONS.index(action), here != there, copy.kind == "exact", copy.similarity), copy, action


def _row(listed: Listed, k: int, number: int, copy: Copy, action: str) -> Copied:
    other = copy.index
    return Copied(
        listed.paths[k],
        listed.splits[k],
        listed.labels[k],
        copy.kind,
        number,
        listed.paths[other],
        listed.splits[other],
        listed.labels[other],
        round(copy.similarity, 3),
        action,
        listed.sources[k],
    )
