"""`prepare --without audit.csv`: leaving out the images that an audit, or the user in that table, marks to be left out."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data_preprocessing.audit.table import ACTIONS, LEAVE_OUT, TABLE
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE, read_file, readable, reason
from data_preprocessing.common.words import only_if, plural, quantity
from data_preprocessing.sources.labels import few
from data_preprocessing.sources.records import Record

_AUDIT = f"python -m data_preprocessing.audit DIR writes {TABLE}"
_NEEDED = ("image", "split", "action", "source")


@dataclass(frozen=True)
class Marked:
    """A row of audit.csv as it is read: `image` in the audited folder, `source` in the data set it was prepared from."""

    image: str
    source: str
    split: str
    leave_out: bool


def leave_out(records: Iterable[Record], file: Path, source: Path) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """The records, which have their splits, without those that the table `file` marks, and notes that count these.

    A record is found by its name in the audited folder, or in the data set that the folder was prepared from, whichever
    finds more. source: what was read, for messages. Raises DataError for a table that cannot be read as such, that is
    about other images, that marks one of several faces of an image, or that leaves no image in a split.
    """
    records, rows = tuple(records), read_marked(file)
    by_name = {record.source: record for record in records}
    key = max(("image", "source"), key=lambda name: sum(getattr(row, name) in by_name for row in rows))
    found = {getattr(row, key): row for row in rows if getattr(row, key) in by_name}
    if rows and not found:
        raise DataError(
            f"--without {file}: none of its {quantity(len(rows), 'image')} is in {source}, such as {few([rows[0].image])}; "
            "give the audited folder as --source, or the data set it was prepared from"
        )
    gone = {getattr(row, key) for row in rows if row.leave_out}
    _require_all_faces(file, records, [getattr(row, key) for row in rows if row.leave_out])
    kept = tuple(record for record in records if record.source not in gone)
    empty = {record.split for record in records} - {record.split for record in kept}
    if empty:
        raise DataError(
            f"--without {file}: leaves no image in {' and '.join(sorted(empty))}; audit again with the other --keep, which "
            "marks the copies in the other splits"
        )
    moved = [name for name, row in found.items() if row.split != by_name[name].split]
    lost = [row.image for row in rows if row.leave_out and getattr(row, key) not in by_name]
    return kept, (_counted(file, records, gone), *_lost(file, source, lost), *_moved(moved))


def _require_all_faces(file: Path, records: tuple[Record, ...], marked: list[str]) -> None:
    """Several faces cut out of one image have its name alone: which of them a row is about cannot be told."""
    faces, rows = Counter(record.source for record in records), Counter(marked)
    unsure = [name for name, count in rows.items() if faces[name] > count]
    if unsure:
        raise DataError(
            f"--without {file}: marks some faces of {few(unsure)}, which shows several, and does not tell which; "
            "run prepare folder with the audited folder as --source"
        )


def read_marked(file: Path) -> list[Marked]:
    """The rows of a table that `audit.table.write_table` wrote, and that a spreadsheet may have saved since.

    Raises DataError where the file cannot be read, lacks a column, or names an action that is none.
    """
    try:
        text = read_file(file, MOST_TABLE).decode("utf-8-sig", "surrogateescape")
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(
                f"--without {file}: no {plural('column') if missing[1:] else 'column'} {', '.join(missing)}; {_AUDIT}"
            )
        return [_marked(file, rows.line_num, row) for row in rows]
    except FileNotFoundError:
        raise DataError(f"--without {file}: no such file; {_AUDIT}") from None
    except OSError as error:
        raise DataError(f"--without {file}: cannot be read ({reason(error)}); {_AUDIT}") from None
    except csv.Error as error:
        raise DataError(f"--without {file}: no CSV file ({error}); {_AUDIT}") from None


def _delimiter(text: str) -> str:
    """Spreadsheets of many languages save with semicolons."""
    header = text.partition("\n")[0]
    return ";" if header.count(";") > header.count(",") else ","


def _marked(file: Path, line: int, row: dict[str, str | None]) -> Marked:
    """An empty action keeps the image, as a user may have cleared it."""
    action = (row["action"] or "").strip().lower()
    if action and action not in ACTIONS:
        raise DataError(f"--without {file}, line {line}: action {action[:60]!r} is none of {', '.join(ACTIONS)}")
    image, source = (readable(row[name] or "") for name in ("image", "source"))
    return Marked(image, source, row["split"] or "", action == LEAVE_OUT)


def _counted(file: Path, records: tuple[Record, ...], gone: set[str]) -> str:
    splits = Counter(record.split for record in records if record.source in gone)
    by_split = ", ".join(f"{count:,} of {name}" for name, count in splits.items())
    told = f": {by_split}" if splits else ""
    return f"--without {file} leaves out {splits.total():,} of {quantity(len(records), 'image')}{told}"


def _lost(file: Path, source: Path, lost: list[str]) -> list[str]:
    what = f"{quantity(len(lost), 'image')} that {file} marks {'is' if len(lost) == 1 else 'are'} not in {source}: {few(lost)}"
    return only_if(lost, what)


def _moved(moved: list[str]) -> list[str]:
    what = f"{quantity(len(moved), 'image')} with a copy {'is' if len(moved) == 1 else 'are'} in another split here than when "
    return only_if(moved, f"{what}the copies were sought: audit what is written, too")
