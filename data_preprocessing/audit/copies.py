"""Exact and near copies among the images of an audit: the figures about them, and what audit.csv needs of each."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from data_preprocessing.audit.near_duplicates import CANDIDATE_COSINE, SAME_IMAGE, TooManyCandidates, find_pairs

MOST_LISTED = 500
MOST_CANDIDATES = 200  # an image, and a million at least: about 25 microseconds each
_TOTALS = (
    "pairs", "mirrored", "across_splits", "across_classes", "same_subject_across_classes",
    "strangers_across", "strangers_within",
)  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """The images: path (relative to the data set), split, class and subject of each; None: unknown subject.

    split_names: the splits that exist. subject_source: where subjects come from, "" for nowhere. manifest_lost: rows of the
    manifest whose image is not there. sources: each image's name in the data set it was prepared from, "" if unknown.
    """

    split_names: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    subjects: tuple[str | None, ...]
    subject_source: str
    manifest_lost: int
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Scan:
    """What reading gave, by an image's index: SHA-256 of the file, `fingerprints`, width and height, PIL's mode.

    problems: index -> what is wrong, of the unreadable ones.
    """

    digests: list[str]
    descriptors: np.ndarray
    details: np.ndarray
    sizes: list[tuple[int, int]]
    modes: list[str]
    problems: dict[int, str]


@dataclass(frozen=True)
class Copy:
    """That image `index` is a copy of another. kind: "exact", "near" or "mirrored" (near, and flipped). similarity: [0, 1]."""

    index: int
    kind: str
    similarity: float


class Group:
    """Images of one file content; near-duplicates are sought between groups.

    places: (split, class) -> the members there. near: (split, class) -> the most similar near copy there; one is enough, so
    that a film of 100,000 frames needs little memory.
    """

    def __init__(self, members: list[int], listed: Listed):
        self.members = members
        self.places: dict[tuple[str, str], list[int]] = {}
        for k in members:
            self.places.setdefault((listed.splits[k], listed.labels[k]), []).append(k)
        self.splits = {split for split, _ in self.places}
        self.labels = {label for _, label in self.places}
        self.subjects = {listed.subjects[k] for k in members}
        self.near: dict[tuple[str, str], Copy] = {}
        self._joined: Group = self

    def join(self, other: "Group", kind: str, similarity: float) -> None:
        """Note that the two are near copies of each other."""
        for one, another in ((self, other), (other, self)):
            for place, members in another.places.items():
                if place not in one.near or one.near[place].similarity < similarity:
                    one.near[place] = Copy(members[0], kind, similarity)
        self.first()._joined = other.first()

    def first(self) -> "Group":
        """One and the same group for all that are joined, directly or through others."""
        group = self
        while group._joined is not group:
            group._joined = group._joined._joined  # halves the way for the next
            group = group._joined
        return group


def find_copies(
    listed: Listed, scan: Scan, progress: Callable[[Iterable, int, str], Iterable]
) -> tuple[list[Group], dict[str, dict]]:
    """The groups, and the figures "exact", "near", "pairs" and "leaking" of audit.json."""
    by_digest: dict[str, list[int]] = {}
    for k, digest in enumerate(scan.digests):
        if k not in scan.problems:
            by_digest.setdefault(digest, []).append(k)
    groups = {digest: Group(members, listed) for digest, members in by_digest.items()}
    # the similarity of two images depends a little on which comes first: by content, it stays the same when others are left out
    by_content = [groups[digest] for digest in sorted(groups)]
    groups = list(groups.values())
    copied = [group for group in groups if len(group.members) > 1]
    pairs = _Pairs(listed)
    for group in copied:
        pairs.note(group, group, 1.0, "exact")
    exact = {
        "measure": "SHA-256 of the file",
        "groups": len(copied),
        "surplus_pictures": sum(len(group.members) - 1 for group in copied),
        "groups_across_splits": sum(len(group.splits) > 1 for group in copied),
        "groups_across_classes": sum(len(group.labels) > 1 for group in copied),
        "list": [[listed.paths[k] for k in group.members[:20]] for group in copied[:MOST_LISTED]],
    }
    near = _find_near(scan, by_content, pairs, progress)
    leaking = {"exact": _leaking(listed, groups, False), "any": _leaking(listed, groups, True)}
    return groups, {"exact": exact, "near": near, "pairs": pairs.strongest(), "leaking": leaking}


def _find_near(scan: Scan, groups: list[Group], pairs: "_Pairs", progress) -> dict:
    most = max(MOST_CANDIDATES * len(groups), 5000 * MOST_CANDIDATES)
    first = np.array([group.members[0] for group in groups], dtype=np.int64)
    total, complete = Counter(), True
    try:
        for found in find_pairs(scan.descriptors[first], scan.details[first], most, progress):
            kind = "mirrored" if found.mirrored else "near"
            for i, j, value in zip(found.first.tolist(), found.second.tolist(), found.similarity.tolist()):
                a, b = sorted((groups[i], groups[j]), key=lambda group: group.members[0])
                a.join(b, kind, value)
                total.update(_crossed(a, b) | {"pairs": 1, "mirrored": found.mirrored})
                pairs.note(a, b, value, kind)
    except TooManyCandidates:
        complete = False
    measure = f"cosine of DCT coefficients >= {CANDIDATE_COSINE}, then correlation after registration >= {SAME_IMAGE}"
    return {"measure": measure, "complete": complete} | {name: int(total[name]) for name in _TOTALS}


def _crossed(a: Group, b: Group) -> dict[str, bool]:
    """What a pair of near copies counts for."""
    across, classes, same = len(a.splits | b.splits) > 1, len(a.labels | b.labels) > 1, _same_subject(a, b)
    strangers = None not in a.subjects | b.subjects and not a.subjects & b.subjects
    return {
        "across_splits": across,
        "across_classes": classes and not same,
        "same_subject_across_classes": classes and same,
        "strangers_across": strangers and across,
        "strangers_within": strangers and not across,
    }


def _same_subject(a: Group, b: Group) -> bool:
    """Whether all images of both show one known person: frames of a sequence are near copies under changing classes."""
    return len(a.subjects | b.subjects) == 1 and None not in a.subjects


class _Pairs:
    """The strongest pairs of each kind; the first found among equals."""

    def __init__(self, listed: Listed):
        self._listed = listed
        self._heaps: dict[str, list] = {"across_splits": [], "across_classes": [], "same_subject": [], "within": []}
        self._number = 0

    def note(self, a: Group, b: Group, value: float, kind: str) -> None:
        """Put a pair of images, one of each group, into the list where it matters most."""
        if len(a.splits | b.splits) > 1:
            name, of = "across_splits", self._listed.splits
        elif len(a.labels | b.labels) > 1:
            name = "same_subject" if kind != "exact" and _same_subject(a, b) else "across_classes"
            of = self._listed.labels
        else:
            name, of = "within", None
        heap = self._heaps[name]
        self._number += 1
        rank = (value, -self._number)
        if len(heap) < MOST_LISTED:
            heapq.heappush(heap, (*rank, self._pair(a, b, of, value, kind)))
        elif rank > heap[0][:2]:
            heapq.heapreplace(heap, (*rank, self._pair(a, b, of, value, kind)))

    def strongest(self) -> dict[str, list[dict]]:
        """Lists of at most MOST_LISTED pairs, strongest first, by what they cross."""
        return {name: [pair for *_, pair in sorted(heap, reverse=True)] for name, heap in self._heaps.items()}

    def _pair(self, a: Group, b: Group, of: tuple[str, ...] | None, value: float, kind: str) -> dict:
        k, others = a.members[0], b.members[1:] if a is b else b.members
        k, other = next(((k, j) for k in a.members for j in others if of and of[k] != of[j]), (k, others[0]))
        paths, subjects = self._listed.paths, self._listed.subjects
        pair = {"a": paths[k], "b": paths[other], "subjects": [subjects[k], subjects[other]]}
        return pair | {"kind": kind, "similarity": round(value, 3)}


def _leaking(listed: Listed, groups: list[Group], with_near: bool) -> dict[str, int]:
    """Images of each split that have a copy in a split which is trained on or chosen by before it."""
    result = Counter()
    for group in groups:
        around = group.splits | ({split for split, _ in group.near} if with_near else set())
        for (name, _), members in group.places.items():
            earlier = listed.split_names[: listed.split_names.index(name)]
            if any(split in around for split in earlier):
                result[name] += len(members)
    return {name: result[name] for name in listed.split_names[1:]}
