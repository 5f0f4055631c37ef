"""Any data set as its owners give it -> OUT/{train,valid,test}/<class>/*.jpg and OUT/manifest.csv.

    python -m data_preprocessing.prepare NAME --source DIR|ZIP|TAR --out data/NAME [--size 224] [--split-by subject] [--resume]
    python -m data_preprocessing.prepare folder --source DIR --out DIR-clean --without DIR/audit.csv

The source is only read. What is cut off goes on with --resume.
"""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from data_preprocessing.common.class_names import display_order
from data_preprocessing.common.console import progress
from data_preprocessing.common.errors import DataError, one_line, printable
from data_preprocessing.common.files import MOST_TABLE, composed, reason
from data_preprocessing.common.words import only_if, quantity
from data_preprocessing.prepare.arguments import check, face_wish, get_args_parser, reader_options
from data_preprocessing.prepare.crops import SAME, Form
from data_preprocessing.prepare.faces import align_records
from data_preprocessing.prepare.splitting import SPLITS, assign_splits
from data_preprocessing.prepare.without import leave_out
from data_preprocessing.prepare.writer import SKIPPED, write_records
from data_preprocessing.readers import READERS
from data_preprocessing.sources.archives import is_archive
from data_preprocessing.sources.labels import unread_notes
from data_preprocessing.sources.manifest import MANIFEST, Row, parse_manifest
from data_preprocessing.sources.records import Listing, Record, group_classes, name_subjects
from data_preprocessing.sources.trees import Tree, open_tree, table_tree
from data_preprocessing.sources.wrong_folders import explain_file, is_image


def prepare(args: argparse.Namespace) -> None:
    """Do what the command line says, and print what was done. Raises DataError and OSError; see write_records."""
    check(args)
    tree = _open(args)
    records, notes = _select(args, tree)
    records, how = assign_splits(records, args.split_by, args.ratios, args.seed)
    if args.without is not None:  # after the splits, which are then those of the whole data set, as the audit saw them
        records, gone = leave_out(records, args.without, tree.root)
        how += gone
    options = {name: getattr(args, name) for name in ("name", "split_by", "ratios", "seed", "subject_regex", "classes")}
    options |= {"without": str(args.without)} if args.without is not None else {}
    form = Form(args.size, args.margin, args.format)
    for note in (*notes, *how):
        print(f"note: {printable(note)}")
    records, without_face, more = _align(args, tree, records, form)
    written, skipped = write_records(
        tree, records, args.out, form, options | more, args.resume, args.skip_bad_images, args.workers, progress, without_face
    )
    done = [result.task.record for result in written]
    for note in (*_skipped_note(args.out, len(skipped)), *_gaps(done)):
        print(f"note: {printable(note)}")
    print(table(done))
    print(printable(f"{args.out}: {quantity(len(done), 'image')}, listed in {args.out / MANIFEST}; train with"))
    print(f"python main.py --data {shlex.quote(str(args.out))}")


def _align(args: argparse.Namespace, tree: Tree, records: tuple[Record, ...], form: Form):
    """The records with their faces, those left out for lack of one, and what prepare.json says about it."""
    wish = face_wish(args)
    if wish is None:
        return records, (), {}
    aligned = align_records(tree, records, wish, form, args.workers, progress)
    for note in aligned.notes:
        print(f"note: {printable(note)}")
    told = {"align": wish.align, "finder": wish.finder if wish.finds else None, "faces_per_image": wish.per_image}
    return aligned.records, aligned.without, told | {"finder_model": wish.model_file and str(wish.model_file)}


def _open(args: argparse.Namespace) -> Tree:
    """The files of --source: of a folder or archive, one table with those that belong to it, or what a list names.

    Raises DataError.
    """
    name, source = args.name, args.source
    try:
        if READERS[name].by_file:
            return READERS[name].open_files(source, reader_options(args))
        if not source.is_file() or is_archive(source):
            return open_tree(source)
        beside = READERS[name].beside
        if beside is None or is_image(source):
            needed = f"{name} wants a folder or an archive" if beside is None else f"no table of {name}"
            raise DataError(f"{source}: a single file, and {needed}; {explain_file(source)}")
        return table_tree(source, beside)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({reason(error)})") from None


def _select(args: argparse.Namespace, tree: Tree) -> tuple[tuple[Record, ...], list[str]]:
    """The records in `tree` of the wanted classes, with their subjects, and notes about them."""
    listing = read_listing(args.name, tree, reader_options(args))
    records, notes = listing.records, list(listing.notes)
    if args.format == SAME and any(record.box or record.pixels for record in records):
        raise DataError(f"--format {SAME}: {args.name} crops faces or has no image files; choose jpg or png")
    if args.subject_regex is not None:
        records = name_subjects(records, args.subject_regex)
    elif args.name == "folder" and MANIFEST in tree.names():
        records, known = _known_subjects(records, tree)
        notes += known
    if args.classes is not None:
        records = group_classes(records, args.classes)
    if args.box is not None:
        if any(record.box or record.pixels for record in records):
            raise DataError(f"--box: {args.name} gives the box of each face, or has no image files; leave it out")
        records = tuple(replace(record, box=args.box) for record in records)
    number = len({record.label for record in records})
    if number < 2:
        raise DataError(f"{tree.root}: {quantity(number, 'class')}; a classifier needs at least 2")
    return records, [*notes, *unread_notes(tree, listing.records), *_left_out(listing.records, records)]


def read_listing(name: str, tree: Tree, options: SimpleNamespace) -> Listing:
    """What the reader called `name` finds in `tree`. Raises its DataError; for a wrong layout it says which NAME fits."""
    by_list = [other for other, reader in READERS.items() if name == "folder" and reader.by_list(tree.names())]
    if by_list:
        raise DataError(f"{tree.root}: a list gives the labels, folders are no classes; NAME {' or '.join(by_list)} fits")
    try:
        listing = READERS[name].read(tree, options)
    except DataError as error:
        names = tree.names()
        if READERS[name].fits(names):
            raise
        fitting = [other for other in READERS if other != name and READERS[other].fits(names)]
        fitting = [other for other in fitting if other != "folder"] or fitting  # which fits whatever has class folders
        hint = f"; NAME {' or '.join(fitting)} fits what was found" if fitting else ""
        raise DataError(f"{error}{hint}") from None
    if name == "folder" and READERS["fer2013"].fits(tree.names()):
        note = "these images are called as FER2013's are: NAME fer2013 fits and keeps the official splits, valid and test"
        return replace(listing, notes=(note, *listing.notes))
    if not listing.records:
        raise DataError(f"{tree.root}: no labelled images of {name} in it{''.join('; ' + note for note in listing.notes)}")
    return listing


def table(records: Iterable[Record]) -> str:
    """Images per class and split, as lines of text with sums."""
    counts = Counter((record.label, record.split) for record in records)
    splits = [split for split in SPLITS if any(key[1] == split for key in counts)]
    rows = [["class", *splits, "all"]]
    for label in _shown({key[0] for key in counts}):
        numbers = [counts[label, split] for split in splits]
        rows.append([label, *map(str, (*numbers, sum(numbers)))])
    sums = [sum(count for key, count in counts.items() if key[1] == split) for split in splits]
    rows.append(["all", *map(str, (*sums, sum(sums)))])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]) for row in rows
    )


def _known_subjects(records: tuple[Record, ...], tree: Tree) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records with the subjects that the tree's own manifest names: a copy of a prepared data set keeps them."""
    rows = parse_manifest(tree.read(MANIFEST, MOST_TABLE), tree.root / MANIFEST)
    named = tuple(replace(r, subject=rows.get(composed(r.source), Row("", "")).subject or None) for r in records)
    count = sum(record.subject is not None for record in named)
    return named, tuple(only_if(count, f"{MANIFEST} names the subjects of {count} of {quantity(len(named), 'image')}"))


def _left_out(before: tuple[Record, ...], after: tuple[Record, ...]) -> tuple[str, ...]:
    gone = len(before) - len(after)
    return (f"--classes leaves out {gone} of {quantity(len(before), 'image')}",) if gone else ()


def _skipped_note(out: Path, count: int) -> tuple[str, ...]:
    return (f"{quantity(count, 'unreadable image')} left out, listed in {out / SKIPPED}",) if count else ()


def _gaps(records: list[Record]) -> tuple[str, ...]:
    """A note for every split that lacks a class: main.py trains on all classes, and scores a split over those it has."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.split, set()).add(record.label)
    every = set().union(*found.values())
    return tuple(
        f"{split} has no image of {', '.join(_shown(every - found[split]))}: {_GAPS.get(split, _UNSCORED)}; leave the class "
        "out with --classes, or split otherwise"
        for split in SPLITS
        if split in found and every - found[split]
    )


_UNSCORED = "it gets no recall there, and macro F1 is the mean over the others"
_GAPS = {"train": "main.py cannot train on it"}


def _shown(labels: Iterable[str]) -> list[str]:
    names = sorted(labels)
    return [names[k] for k in display_order(names)]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 2 for wrong arguments or data and a full disk, 130 after Ctrl-C."""
    args = get_args_parser().parse_args(argv)
    try:
        prepare(args)
    except DataError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        remedy = "what is written stays; mend that and repeat the command with --resume"
        print(printable(f"error: {args.out}: {reason(error)}; {remedy}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(printable(f"stopped; --resume goes on in {args.out}"), file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
