"""Can the split of a data set support a claim about new people?

    python -m data_preprocessing.audit DIR|LIST [--strict] [--subject-regex RE] [--keep test|train] [--out DIR]

Reads DIR/{train,valid,test}/<class>/*, or a list of images, and writes audit.html and audit.json: classes, sizes, broken
images, copies within and across splits and classes, subjects in more than one split, and a verdict; and audit.csv: every
image that has a copy, and which of them to leave out, as `prepare --without` does. Nothing else is written or changed.
"""

import argparse
import hashlib
import io
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_preprocessing.audit.copies import Listed, Scan
from data_preprocessing.audit.figures import compute_figures
from data_preprocessing.audit.listed import list_of, place_beside, prepare_flags
from data_preprocessing.audit.near_duplicates import SIDE, fingerprints, grey_thumbnail
from data_preprocessing.audit.report import remedy, write_report
from data_preprocessing.audit.table import KEEP, Copied
from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.console import progress
from data_preprocessing.common.errors import DataError, one_line, printable
from data_preprocessing.common.files import MOST_TABLE, composed, read_file, reason
from data_preprocessing.common.words import only_if
from data_preprocessing.common.workers import run_tasks
from data_preprocessing.sources.folders import read_split
from data_preprocessing.sources.images import check_image, open_image
from data_preprocessing.sources.manifest import MANIFEST, Row, parse_manifest
from data_preprocessing.sources.open_source import is_list, refuse_for_folders, refuse_native
from data_preprocessing.sources.reading import USUAL, Reading
from data_preprocessing.sources.records import compile_pattern
from data_preprocessing.sources.split_folders import find_splits

Progress = Callable[[Iterable, int, str], Iterable]


def audit(
    root: Path,
    subject_regex: str | None = None,
    progress: Progress = lambda items, total, text: items,
    keep: str = KEEP[0],
    reading: Reading = USUAL,
) -> tuple[dict, list[Copied]]:
    """All figures of audit.json and all rows of audit.csv about the data set at `root`; nothing is written.

    subject_regex: finds the subject in a file name (its first group, else the whole match), where no manifest.csv names it.
    progress: wraps the iterations, given their length and a text. keep: see table.list_copied. reading: of a list.
    Raises DataError for a folder without splits or classes, a manifest.csv without its columns, and a wrong expression.
    """
    notes: list[str] = []
    images, more = root, {}
    if is_list(root):
        listed, images = list_of(root, replace(reading, subject_regex=subject_regex), notes.append)
        more = {"list": {"images": str(images), "flags": prepare_flags(reading)}}
    else:
        refuse_for_folders(root, replace(reading, subject_regex=None))
        listed = list_images(root, subject_regex, notes.append)
    figures, copied = compute_figures(listed, scan_images(images, listed.paths, progress), progress, keep)
    figures["summary"] = [*figures["summary"], *notes]
    return figures | more, copied


def list_images(root: Path, subject_regex: str | None = None, say: Callable[[str], None] = lambda text: None) -> Listed:
    """Paths, splits, classes and subjects of all images below `root`, without decoding one. Raises DataError as `audit`.

    say: gets one-line texts about the files that are left out.
    """
    paths, splits, labels = [], [], []
    refuse_native(root, "audit")
    try:
        folders = find_splits(root, say)
    except DataError as error:
        raise DataError(str(error).removeprefix("--data ")) from None
    for name, folder in folders.items():
        split = read_split(name, folder, say)
        paths += [f"{folder.name}/{path}" for path in split.paths]
        splits += [name] * len(split.paths)
        labels += [split.classes[k] for k in split.labels]
    named = _read_manifest(root / MANIFEST)
    expression = None if subject_regex is None else compile_pattern(subject_regex)
    rows = [named.get(composed(path), Row("", "")) for path in paths]
    subjects = [row.subject or _subject(expression, path) for row, path in zip(rows, paths)]
    lost = len(set(named) - {composed(path) for path in paths})
    regex = only_if(subject_regex is not None, f"--subject-regex {subject_regex}")
    known = " and ".join(only_if(any(row.subject for row in named.values()), MANIFEST) + regex)
    sources = tuple(row.source for row in rows)
    return Listed(tuple(folders), tuple(paths), tuple(splits), tuple(labels), tuple(subjects), known, lost, sources)


def scan_images(root: Path, paths: tuple[str, ...], progress: Progress = lambda items, total, text: items) -> Scan:
    """Decode every image once, in parallel; what is kept of one is about 1.5 kB."""
    count = len(paths)
    scan = Scan(
        [""] * count,
        np.zeros((count, 64), np.float32),
        np.zeros((count, SIDE, SIDE), np.int8),
        [(0, 0)] * count,
        [""] * count,
        {},
    )
    results = run_tasks(_Reader(root), list(enumerate(paths)), min(os.cpu_count() or 1, 8))
    for index, digest, size, mode, prints, problem in progress(results, count, "reading images"):
        scan.digests[index], scan.sizes[index], scan.modes[index] = digest, size, mode
        if problem:
            scan.problems[index] = problem
        else:
            scan.descriptors[index], scan.details[index] = prints
    return scan


@dataclass(frozen=True)
class _Reader:
    """What a worker process does with (index, path relative to root)."""

    root: Path

    def __call__(self, task: tuple[int, str]) -> tuple:
        index, path = task
        try:
            data = read_file(self.root / path)
        except OSError as error:
            return index, "", (0, 0), "", None, reason(error)
        digest = hashlib.sha256(data).hexdigest()
        try:
            with open_image(io.BytesIO(data)) as image:
                size, mode = image.size, image.mode
                descriptors, details = fingerprints(grey_thumbnail(image)[None])
        except Exception as error:  # PIL's decoders raise many kinds: OSError, SyntaxError, ValueError, struct.error, ...
            return index, digest, (0, 0), "", None, check_image(data) or reason(error)
        return index, digest, size, mode, (descriptors[0], details[0]), None


def _read_manifest(path: Path) -> dict[str, Row]:
    """See parse_manifest; empty without a manifest."""
    try:
        return parse_manifest(read_file(path, MOST_TABLE), path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}; mend it or take it away") from None


def _subject(expression: re.Pattern | None, path: str) -> str | None:
    match = expression and expression.search(composed(path.rsplit("/", 1)[1]))
    return (match[1] if expression.groups else match[0]) or None if match else None


def get_args_parser() -> argparse.ArgumentParser:
    """The command line of `python -m data_preprocessing.audit`."""
    parser = OneLineParser(prog="python -m data_preprocessing.audit", description=__doc__.splitlines()[0])
    what = "the data set: DIR/{train,valid,test}/<class>/*, or a list of images, cut as main.py does"
    parser.add_argument("root", type=path, metavar="DIR|LIST", help=what)
    parser.add_argument("--columns", metavar="ROLE=NAME,...", help="of a list, as for main.py")
    parser.add_argument("--root", dest="images", metavar="DIR", type=path, help="what a list's paths are relative to")
    parser.add_argument("--split-seed", type=int, default=0, metavar="N", help="of a list without splits (default: 0)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where the verdict is leakage")
    parser.add_argument(
        "--subject-regex",
        metavar="RE",
        help=f"the subject in a file name: first group, else the whole match; used where {MANIFEST} names none",
    )
    parser.add_argument(
        "--keep",
        choices=KEEP,
        default=KEEP[0],
        help="of two copies in different splits, which one audit.csv does not mark to be left out: that of the later split, so "
        "that test stays comparable, or that of the earlier one, for a network that is trained already (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="folder for audit.html, audit.json and audit.csv (default: the data set's; of LIST.csv LIST_audit/)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 with --strict and leakage, 2 for wrong arguments or data."""
    args = get_args_parser().parse_args(argv)
    out = args.out or (place_beside(args.root) if is_list(args.root) else args.root)
    reading = Reading(args.columns, args.images and str(args.images), seed=args.split_seed)
    try:
        figures, copied = audit(args.root, args.subject_regex, progress, args.keep, reading)
        write_report(figures, copied, args.root, out)
    except DataError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(f"error: {error.filename or out}: {reason(error)}; choose another --out"), file=sys.stderr)
        return 2
    verdict = f"{figures['verdict']}: {figures['text']}"
    for line in (*figures["summary"], verdict, *remedy(figures, args.root, out), str(out / "audit.html")):
        print(printable(line))
    return int(args.strict and figures["verdict"] == "leakage")


if __name__ == "__main__":
    sys.exit(main())
