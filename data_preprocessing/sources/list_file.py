"""A list of images with their labels, as a spreadsheet or a script writes it: CSV, TSV, or lines "path label"."""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE, read_file, reason
from data_preprocessing.common.words import only_if, quantity
from data_preprocessing.sources.fer2013 import USAGES
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import few
from data_preprocessing.sources.list_columns import Columns, choose_columns
from data_preprocessing.sources.records import Record
from data_preprocessing.sources.split_names import SPLITS

_SPLITS = SPLITS | USAGES
_EXPECTED = "expected a list of images with columns such as path,label, or lines of a path and a label"
Row = tuple[int, list[str]]  # its line in the file, and its fields


@dataclass(frozen=True)
class ImageList:
    """What a list says. records: their sources are files below `root`; notes: one-line facts the user should know.

    missing: whether there is not a single one of its images.
    """

    file: Path
    root: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> bool:
        """Whether none of its images is there."""
        return not any((self.root / record.source).is_file() for record in self.records)


def read_image_list(file: Path, columns: str | None = None, root: Path | None = None) -> ImageList:
    """The images that `file` names, each with its label, and its split, subject and face box where columns say them.

    columns: see choose_columns. root: what the paths are relative to (default: the folder of the file). Labels are names, or
    all of them numbers, which are then the names of the classes. Rows that repeat another are left out and counted.
    Raises DataError naming the line where the file is no such list, or contradicts itself.
    """
    root = file.parent if root is None else root
    if not root.is_dir():
        raise DataError(f"--root {root}: no such folder; name the one that the paths of {file} are relative to")
    rows = _rows(file)
    chosen, rows, notes = _below_header(file, rows, columns)
    faces: dict[tuple, tuple[int, Record]] = {}
    repeated = []
    for line, fields in rows:
        record = _record(f"{file}, line {line}", fields, chosen, root)
        first, known = faces.setdefault((record.source, record.box), (line, record))
        if known != record:
            raise DataError(
                f"{file}, line {line}: {few([record.source])}: {_differs(known, record)} in line {first}; remove one"
            )
        if first != line:
            repeated.append(str(line))
    found = tuple(record for _, record in faces.values())
    _check_labels(file, list(faces.values()))
    if chosen.split is not None and (without := [line for line, record in faces.values() if record.split is None]):
        raise DataError(
            f"{file}, line {without[0]}: no split, as in {quantity(len(without), 'row')}; fill it in, or take no column: "
            "--columns split="
        )
    notes += only_if(repeated, f"{quantity(len(repeated), 'row')} left out that repeat another: line {few(repeated)}")
    return ImageList(file, root, found, (*notes, *_missing(root, found)))


def _rows(file: Path) -> list[Row]:
    """The rows that are not blank. Raises DataError where the file is no table or empty."""
    text = _text(file)
    first = next((line for line in text.splitlines() if line.strip()), "")
    named = re.fullmatch(r'"?sep=(.)"?', first.strip())  # for spreadsheets
    delimiter = named[1] if named else "\t" if file.suffix.lower() == ".tsv" else max("\t;,", key=first.count)
    try:
        if delimiter not in first:
            rows = [(number, _two_fields(line)) for number, line in enumerate(text.splitlines(), 1)]
        else:
            reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            rows = [(reader.line_num, [field.strip() for field in fields]) for fields in reader]
    except csv.Error as error:
        raise DataError(f"{file}: no table ({error}); is a quote left open?") from None
    rows = [(number, fields) for number, fields in rows if any(fields)][1 if named else 0 :]
    if not rows:
        raise DataError(f"{file}: the list is empty; {_EXPECTED}")
    return rows


def _two_fields(line: str) -> list[str]:
    """ "a b.jpg 3" -> the path and the label behind the last blank."""
    path, _, label = line.strip().replace("\t", " ").rpartition(" ")
    return [path.strip(), label]


def _text(file: Path) -> str:
    try:
        data = read_file(file, MOST_TABLE)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({reason(error)})") from None
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"  # the first: a spreadsheet's "Unicode text"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: no UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if "\0" in text:
        raise DataError(f"{file}: no text (a NUL byte); {_EXPECTED}")
    return text


def _below_header(file: Path, rows: list[Row], columns: str | None) -> tuple[Columns, Iterator[Row], list[str]]:
    """Where each field lies, the rows below the header, and a note where there is none."""
    header = rows[0][1]
    if columns is None and len(header) == 2 and is_image_name(header[0]):
        return Columns(image=0, label=1), _of_width(file, rows, 2), ["no header: images and labels"]
    chosen = choose_columns(file, header, columns)
    if len(rows) == 1:
        raise DataError(f"{file}: the list is empty: no rows below the header")
    box = "box are of the images before prepare cropped them: not used"
    if chosen.box and {"source", "sha256"} <= set(header):  # a manifest.csv of prepare
        has_boxes = any(row[chosen.box[0]] for _, row in rows[1:])
        return chosen.without_box(), _of_width(file, rows[1:], len(header)), only_if(has_boxes, box)
    return chosen, _of_width(file, rows[1:], len(header)), []


def _of_width(file: Path, rows: list[Row], width: int) -> Iterator[Row]:
    for line, fields in rows:
        if len(fields) != width:
            raise DataError(f"{file}, line {line}: {quantity(len(fields), 'field')} instead of {width}; mend the row")
        yield line, fields


def _record(where: str, fields: list[str], columns: Columns, root: Path) -> Record:
    label = re.sub(r"^(-?\d+)\.0+$", r"\1", fields[columns.label])  # tables of numbers with gaps have 3.0
    if not label:
        raise DataError(f"{where}: no label; fill it in, or remove the row")
    if re.fullmatch(r"-\d+", label):
        raise DataError(f"{where}: {label[:20]} is no label; remove the row")
    split = fields[columns.split].lower() if columns.split is not None else ""
    if split and split not in _SPLITS:
        raise DataError(f"{where}: {split[:20]!r} is no split; write train, valid or test, or take no column: --columns split=")
    subject = fields[columns.subject] if columns.subject is not None else ""
    return Record(
        _path(where, fields[columns.image], root),
        unicodedata.normalize("NFC", str(int(label)) if label.isdecimal() else label),
        unicodedata.normalize("NFC", subject) or None,
        _SPLITS[split] if split else None,
        _box(where, columns, fields),
    )


def _path(where: str, text: str, root: Path) -> str:
    """The image's file relative to `root`, as posix has it. Raises DataError for one that lies elsewhere."""
    if not text:
        raise DataError(f"{where}: no image; fill it in, or remove the row")
    text = text if "/" in text else text.replace("\\", "/")
    path = os.path.normpath(os.path.join(os.path.abspath(root), text))
    name = os.path.relpath(path, os.path.abspath(root))
    if name.split(os.sep)[0] in ("..", "."):
        raise DataError(f"{where}: {few([text])} lies outside of {root}; give a folder above it by --root")
    forms = (name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name))
    return next((form for form in forms if os.path.exists(root / form)), name).replace(os.sep, "/")


def _box(where: str, columns: Columns, fields: list[str]) -> tuple[float, float, float, float] | None:
    text = " ".join(fields[k] for k in columns.box)
    numbers = re.split(r"[\s,;]+", text.strip("()[] "))
    if not text.strip():
        return None
    try:
        left, top, right, bottom = map(float, numbers)
    except ValueError:
        raise DataError(f"{where}: box {text[:40]!r} is not left, top, right, bottom in pixels; mend the row") from None
    return left, top, right, bottom


def _differs(known: Record, record: Record) -> str:
    what = next(name for name in ("label", "split", "subject") if getattr(known, name) != getattr(record, name))
    return f"has another {what}"


def _check_labels(file: Path, rows: list[tuple[int, Record]]) -> None:
    """Raises DataError where some labels are numbers and some names, or two differ in case alone."""
    first: dict[str, int] = {}
    for line, record in rows:
        first.setdefault(record.label, line)
    numbers, names = ([label for label in first if label.isdecimal() == kind] for kind in (True, False))
    if numbers and names:
        raise DataError(
            f"{file}: labels are names and numbers ({few(names[:1])} in line {first[names[0]]}, {numbers[0]} in line "
            f"{first[numbers[0]]}); write all of them in one way"
        )
    alike: dict[str, str] = {}
    for label in first:
        other = alike.setdefault(label.casefold(), label)
        if other != label:
            raise DataError(
                f"{file}: the labels {few([other])} (line {first[other]}) and {few([label])} (line {first[label]}) differ in "
                "case alone; write them alike"
            )


def _missing(root: Path, records: tuple[Record, ...]) -> list[str]:
    missing = [record.source for record in records if not (root / record.source).is_file()]
    if not missing or len(missing) == len(records):
        return []
    return [f"warning: {len(missing):,} of its {quantity(len(records), 'image')} missing in {root}: {few(missing)}"]
