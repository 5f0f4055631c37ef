"""The images of a list, for an audit of the very splits that main.py takes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from data_preprocessing.audit.copies import Listed
from data_preprocessing.common.commands import prepare_command
from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.list_splits import list_splits, open_list
from data_preprocessing.sources.reading import Reading
from data_preprocessing.sources.records import compile_pattern


def list_of(file: Path, reading: Reading, say: Callable[[str], None]) -> tuple[Listed, Path]:
    """The images that the list `file` names, and the folder that their paths are relative to.

    A subject that reading.subject_regex does not find is not known, as in a folder. say: told how the list is read and cut.
    Raises DataError as open_list and list_splits do, and for face boxes: not the images, but the faces would be copies.
    """
    found, said = open_list(file, replace(reading, subject_regex=None))
    if any(record.box for record in found.records):
        raise DataError(f"{file}: names face boxes; {prepare_command('list', file)} crops them, and its folder can be audited")
    if reading.subject_regex is not None:
        search = compile_pattern(reading.subject_regex).search
        matches = [search(record.source) for record in found.records]
        subjects = [match and match[1 if match.re.groups else 0] for match in matches]
        found = replace(found, records=tuple(replace(r, subject=s or None) for r, s in zip(found.records, subjects)))
    for text in said:
        say(text)
    splits = list_splits(found, reading.seed, say)
    named_by = f"--subject-regex {reading.subject_regex}" if reading.subject_regex else file.name
    who = {record.source: record.subject for record in found.records}
    paths = tuple(path for split in splits.values() for path in split.paths)
    return Listed(
        tuple(splits),
        paths,
        tuple(name for name, split in splits.items() for _ in split.paths),
        tuple(split.classes[k] for split in splits.values() for k in split.labels),
        tuple(who[path] for path in paths),
        named_by if any(who.values()) else "",
        0,
        ("",) * len(paths),
    ), found.root


def prepare_flags(reading: Reading) -> list[str]:
    """The flags by which prepare reads and cuts a list in the same way."""
    given = {"--columns": reading.columns, "--root": reading.root, "--seed": reading.seed or None}
    return [word for flag, value in given.items() if value is not None for word in (flag, str(value))]


def place_beside(file: Path) -> Path:
    """Where the audit of a list goes, and where main.py looks for it: faces.csv -> faces_audit."""
    return file.with_name(f"{file.stem}_audit")
