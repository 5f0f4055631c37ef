"""What a reader of a data set yields, and what can be asked of every data set alike: grouped classes, subjects by name."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import composed, reason
from data_preprocessing.sources.trees import Tree

_SYNTAX = 'write "new=old+old,new2=old"; a name alone keeps that class, and a class that is not named is left out'


@dataclass(frozen=True)
class Record:
    """One labelled image of a data set.

    source: its name in the tree, or "row 17" of a CSV file; several faces of one image have the same source and differ in
    their box, else it is unique within a data set. label: the name of its class's folder.
    subject: who is seen. split: "train", "valid" or "test" where the data set says it. box: left, top, right, bottom of the
    face in pixels of the image as stored. pixels: the 48×48 grey values of a FER2013 row; `source` is then no file.
    """

    source: str
    label: str
    subject: str | None = None
    split: str | None = None
    box: tuple[float, float, float, float] | None = None
    pixels: bytes | None = None


@dataclass(frozen=True)
class Listing:
    """What a reader found in `tree`; notes: one-line facts the user should know (what is missing or dropped), with counts."""

    tree: Tree
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


def group_classes(records: Iterable[Record], spec: str) -> tuple[Record, ...]:
    """The records of the classes that `spec` names, under their new names.

    spec: "new=old+old,new2=old": the class `new` is made of both `old`. A name alone keeps that class. Records of a class
    that is not named are left out. Raises DataError for another syntax, an unknown class, or one that is named twice.
    """
    records = tuple(records)
    known = sorted({composed(record.label) for record in records})
    new_names: dict[str, str] = {}
    for part in spec.split(","):
        new, _, olds = (composed(text.strip()) for text in part.partition("="))
        for old in (composed(text.strip()) for text in (olds if "=" in part else new).split("+")):
            if not new or not old or "+" in new:
                raise DataError(f"--classes {spec!r}: {part.strip()!r} is not understood; {_SYNTAX}")
            if old not in known:
                raise DataError(f"--classes {spec!r}: no class {old} in the data set; it has {', '.join(known)}")
            if old in new_names:
                raise DataError(f"--classes {spec!r}: {old} is named twice; a class goes into one group")
            new_names[old] = new
    return tuple(replace(r, label=new_names[composed(r.label)]) for r in records if composed(r.label) in new_names)


def name_subjects(records: Iterable[Record], pattern: str) -> tuple[Record, ...]:
    """The records with the subject that `pattern` finds in their source: its first group, or the whole match without one.

    Raises DataError where `pattern` is no regular expression, or for a record in which it finds nothing.
    """
    search = compile_pattern(composed(pattern)).search
    named = []
    for record in records:
        match = search(composed(record.source))
        subject = match and match[1 if match.re.groups else 0]
        if not subject:
            raise DataError(f"--subject-regex {pattern!r}: finds no subject in {record.source}; it must for every image")
        named.append(replace(record, subject=subject))
    return tuple(named)


def compile_pattern(pattern: str) -> re.Pattern:
    """The regular expression that --subject-regex gives. Raises DataError where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python may take for something else
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError, MemoryError) as error:
        raise DataError(f"--subject-regex {pattern!r}: no regular expression ({reason(error)})") from None
