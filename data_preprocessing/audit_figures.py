"""The figures of an audit, from the list of pictures and what reading them gave; see audit.py."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from data_preprocessing.audit_verdict import decide
from data_preprocessing.perceptual import CANDIDATE_COSINE, SAME_PICTURE, TooManyCandidates, find_pairs

TINY = 32  # pixels of the short side
MOST_LISTED = 500
MOST_CANDIDATES = 200  # a picture, and a million at least: about 25 microseconds each
FORMAT = 1


@dataclass(frozen=True)
class Listed:
    """The pictures: path (relative to the data set), split, class and subject of each; None: unknown subject.

    split_names: the splits that exist. subject_source: where subjects come from, "" for nowhere. manifest_lost: rows of the
    manifest whose picture is not there.
    """

    split_names: tuple[str, ...]
    paths: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    subjects: tuple[str | None, ...]
    subject_source: str
    manifest_lost: int


@dataclass(frozen=True)
class Scan:
    """What reading gave, by a picture's index: SHA-256 of the file, `perceptual.fingerprints`, width and height, PIL's mode.

    problems: index -> what is wrong, of the unreadable ones.
    """

    digests: list[str]
    descriptors: np.ndarray
    details: np.ndarray
    sizes: list[tuple[int, int]]
    modes: list[str]
    problems: dict[int, str]


def compute_figures(
    listed: Listed, scan: Scan, progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items
) -> dict:
    """The content of audit.json: JSON values only, totals exact, lists of at most 500."""
    figures = {"format": FORMAT, "pictures": len(listed.paths), "splits": _splits(listed), "classes": _classes(listed)}
    figures |= _quality(listed, scan)
    figures["subjects"] = _subjects(listed)
    figures |= _copies(listed, scan, progress)
    return figures | decide(figures)


def _splits(listed: Listed) -> dict:
    result = {}
    for name in listed.split_names:
        inside = [k for k, split in enumerate(listed.splits) if split == name]
        people = {listed.subjects[k] for k in inside} - {None}
        result[name] = {
            "pictures": len(inside),
            "subjects": len(people),
            "classes": dict(sorted(Counter(listed.labels[k] for k in inside).items())),
        }
    return result


def _classes(listed: Listed) -> dict:
    found = {name: {c for c, s in zip(listed.labels, listed.splits) if s == name} for name in listed.split_names}
    everything = sorted(set(listed.labels))
    missing = {name: [c for c in everything if c not in classes] for name, classes in found.items()}
    return {"all": everything, "missing": {name: classes for name, classes in missing.items() if classes}}


def _quality(listed: Listed, scan: Scan) -> dict:
    good = [k for k in range(len(listed.paths)) if k not in scan.problems]
    tiny = [k for k in good if min(scan.sizes[k]) < TINY]
    blank = [k for k in good if not scan.details[k].any()]
    short = sorted(min(scan.sizes[k]) for k in good) or [0]
    sizes = Counter(f"{width}x{height}" for width, height in (scan.sizes[k] for k in good))
    return {
        "unreadable": _capped([{"path": listed.paths[k], "reason": scan.problems[k]} for k in sorted(scan.problems)]),
        "tiny": _capped([{"path": listed.paths[k], "size": list(scan.sizes[k])} for k in tiny]),
        "blank": _capped([{"path": listed.paths[k]} for k in blank]),
        "sizes": {"different": len(sizes), "most_common": dict(sizes.most_common(10))},
        "short_side": {"smallest": short[0], "median": short[len(short) // 2], "largest": short[-1]},
        "modes": dict(Counter(scan.modes[k] for k in good).most_common()),
    }


def _subjects(listed: Listed) -> dict:
    where = {}
    for subject, split in zip(listed.subjects, listed.splits):
        if subject is not None:
            where.setdefault(subject, Counter())[split] += 1
    shared = [{"subject": who, "pictures": dict(where[who])} for who in sorted(where) if len(where[who]) > 1]
    return {
        "source": listed.subject_source or None,
        "known": len(where),
        "pictures_without": sum(subject is None for subject in listed.subjects),
        "manifest_rows_without_picture": listed.manifest_lost,
        "in_two_splits": _capped(shared),
    }


def _capped(items: list) -> dict:
    return {"total": len(items), "list": items[:MOST_LISTED]}


class _Group:
    """Pictures of one file content; near-duplicates are sought between groups."""

    def __init__(self, members: list[int], listed: Listed):
        self.members = members
        self.splits = {listed.splits[k] for k in members}
        self.labels = {listed.labels[k] for k in members}
        self.subjects = {listed.subjects[k] for k in members}


def _copies(listed: Listed, scan: Scan, progress) -> dict:
    by_digest = {}
    for k, digest in enumerate(scan.digests):
        if k not in scan.problems:
            by_digest.setdefault(digest, []).append(k)
    groups = [_Group(members, listed) for members in by_digest.values()]
    copied = [group for group in groups if len(group.members) > 1]
    pairs = {"across_splits": [], "across_classes": [], "within": []}
    for group in copied:
        _note(pairs, listed, group, group, 1.0, "exact")
    exact = {
        "measure": "SHA-256 of the file",
        "groups": len(copied),
        "surplus_pictures": sum(len(group.members) - 1 for group in copied),
        "groups_across_splits": sum(len(group.splits) > 1 for group in copied),
        "groups_across_classes": sum(len(group.labels) > 1 for group in copied),
        "list": [[listed.paths[k] for k in group.members[:20]] for group in copied[:MOST_LISTED]],
    }
    near, neighbours = _near(listed, scan, groups, pairs, progress)
    for kept in pairs.values():
        kept.sort(key=lambda pair: -pair["similarity"])
    leaking = {"exact": _leaking(listed, groups, {}), "any": _leaking(listed, groups, neighbours)}
    return {"exact": exact, "near": near, "pairs": pairs, "leaking": leaking}


def _near(listed: Listed, scan: Scan, groups: list[_Group], pairs: dict, progress) -> tuple[dict, dict[int, set[str]]]:
    """The figures, and group -> splits of its near-duplicates among the groups before it."""
    most = max(MOST_CANDIDATES * len(groups), 5000 * MOST_CANDIDATES)
    first = np.array([group.members[0] for group in groups], dtype=np.int64)
    total, neighbours = Counter(), {}
    try:
        for found in find_pairs(scan.descriptors[first], scan.details[first], most, progress):
            kind = "mirrored" if found.mirrored else "near"
            for i, j, value in zip(found.first.tolist(), found.second.tolist(), found.similarity.tolist()):
                a, b = groups[i], groups[j]
                neighbours.setdefault(j, set()).update(a.splits)  # pictures come split by split: only b's can be the later one
                across = len(a.splits | b.splits) > 1
                strangers = None not in a.subjects | b.subjects and not a.subjects & b.subjects
                total.update(
                    {
                        "pairs": 1,
                        "mirrored": found.mirrored,
                        "across_splits": across,
                        "across_classes": len(a.labels | b.labels) > 1,
                        "strangers_across": strangers and across,
                        "strangers_within": strangers and not across,
                    }
                )
                _note(pairs, listed, a, b, value, kind)
        complete = True
    except TooManyCandidates:
        complete = False
    measure = f"cosine of DCT coefficients >= {CANDIDATE_COSINE}, then correlation after registration >= {SAME_PICTURE}"
    names = ("pairs", "mirrored", "across_splits", "across_classes", "strangers_across", "strangers_within")
    return {"measure": measure, "complete": complete} | {name: int(total[name]) for name in names}, neighbours


def _note(pairs: dict, listed: Listed, a: _Group, b: _Group, value: float, kind: str) -> None:
    """Put a pair of pictures, one of each group, into the list where it matters most, if there is room."""
    k, others = a.members[0], b.members[1:] if a is b else b.members
    if len(a.splits | b.splits) > 1:
        name, of = "across_splits", listed.splits
    elif len(a.labels | b.labels) > 1:
        name, of = "across_classes", listed.labels
    else:
        name, of = "within", None
    if len(pairs[name]) < MOST_LISTED:
        k, other = next(((k, j) for k in a.members for j in others if of and of[k] != of[j]), (k, others[0]))
        pair = {"a": listed.paths[k], "b": listed.paths[other], "subjects": [listed.subjects[k], listed.subjects[other]]}
        pairs[name].append(pair | {"kind": kind, "similarity": round(value, 3)})


def _leaking(listed: Listed, groups: list[_Group], neighbours: dict[int, set[str]]) -> dict[str, int]:
    """Pictures of each split that have a copy in a split which is trained on or chosen by before it."""
    result = {}
    for order, name in enumerate(listed.split_names):
        earlier = set(listed.split_names[:order])
        result[name] = sum(
            sum(listed.splits[k] == name for k in group.members)
            for g, group in enumerate(groups)
            if name in group.splits and earlier & (group.splits | neighbours.get(g, set()))
        )
    return {name: count for name, count in result.items() if name != listed.split_names[0]}
