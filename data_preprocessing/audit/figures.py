"""The figures of an audit, from the list of images and what reading them gave; see command.py."""

from collections import Counter
from collections.abc import Callable, Iterable

from data_preprocessing.audit.copies import MOST_LISTED, Listed, Scan, find_copies
from data_preprocessing.audit.table import KEEP, TABLE, Copied, left_out, list_copied
from data_preprocessing.audit.verdict import alike_by_nature, decide

TINY = 32  # pixels of the short side
FORMAT = 1


def compute_figures(
    listed: Listed,
    scan: Scan,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
    keep: str = KEEP[0],
) -> tuple[dict, list[Copied]]:
    """The content of audit.json (JSON values only, totals exact, lists of at most MOST_LISTED) and the rows of audit.csv.

    keep: see list_copied.
    """
    figures = {"format": FORMAT, "pictures": len(listed.paths), "splits": _splits(listed), "classes": _classes(listed)}
    figures |= _quality(listed, scan)
    figures["subjects"] = _subjects(listed)
    groups, copies = find_copies(listed, scan, progress)
    figures |= copies
    alike = alike_by_nature(figures)
    rows = list_copied(listed, groups, not alike, keep)
    figures["copied"] = {"table": TABLE, "pictures": len(rows), "keep": keep, "leave_out": left_out(rows)}
    figures["lists"] = f"at most {MOST_LISTED} entries each, the strongest pairs first; {TABLE} lists every image with a copy"
    return figures | decide(figures, alike), rows


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
