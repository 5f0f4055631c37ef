"""FER2013 read straight from its CSV file: 48×48 grey images as text, one per row.

The data set of Goodfellow et al., "Challenges in Representation Learning: A report on three machine learning contests"
(ICONIP 2013). Three forms of it are about, and all are read: fer2013.csv, icml_face_data.csv and Kaggle's train.csv.
So is CK+ in the same form, ckextended.csv, whose label 7 is contempt.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import open_file, reason
from data_preprocessing.sources.folders import Split
from data_preprocessing.sources.split_names import SPLIT_FOLDERS

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # by the file's labels, 0 to 6
EXTENDED = (*CLASSES, "contempt")  # of a file in which label 7 occurs: ckextended.csv, CK+ in the form of FER2013
SIDE = 48
PIXELS = SIDE * SIDE
VALID_ROWS = 3589  # leading rows of train.csv that become valid: as many as fer2013.csv has of PublicTest
USAGES = {"training": "train", "publictest": "valid", "privatetest": "test"}
_LEVELS = {str(level): level for level in range(256)}
_FORMS = "expected fer2013.csv or icml_face_data.csv (columns emotion, pixels, Usage) or Kaggle's train.csv (emotion, pixels)"
_MOST_WRONG = 10_000  # rows, where they are most of the file
_LONGEST_LINE = 2**20  # bytes; a row has 10,000
_MEND = "mend the row, or unpack the file anew"


@dataclass(frozen=True)
class CsvSplit(Split):
    """The images of one split of a CSV file: `folder` is that file, `paths` its rows ("row 2"; the header is row 1).

    pixels: (N, 48, 48) uint8, grey, of all rows that could be read. places: path -> index into `pixels`; by it a split
    with fewer paths finds its images without a copy of the array. problems: path -> what is wrong with an unreadable one.
    Two splits are equal where the same rows of the same file have the same labels; pixels are not compared.
    """

    pixels: np.ndarray = field(repr=False, compare=False)
    places: dict[str, int] = field(repr=False, compare=False)
    problems: dict[str, str] = field(repr=False, compare=False)

    def where(self, index: int) -> str:
        """What messages call the image: its file and row."""
        return f"{self.folder}, {self.paths[index]}"

    def image(self, index: int) -> Image.Image:
        """The image in RGB, 48×48. Raises ValueError where the row has the wrong pixels."""
        path = self.paths[index]
        if path in self.problems:
            raise ValueError(self.problems[path])
        return Image.fromarray(self.pixels[self.places[path]]).convert("RGB")

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of the CSV file. Raises OSError where it is gone."""
        status = self.folder.stat()
        return status.st_size, status.st_mtime_ns

    def entry(self, index: int) -> str:
        """What a fingerprint says of the image beside its pixels: "row 17" alone does not tell the class."""
        return f"{self.paths[index]} {self.classes[self.labels[index]]}"

    def inspect(self, index: int) -> tuple[str, str | None]:
        """SHA-256 of the pixels (64 hex digits) and None, or any text and what is wrong with the image."""
        path = self.paths[index]
        if path in self.problems:
            return "", self.problems[path]
        return hashlib.sha256(self.pixels[self.places[path]].tobytes()).hexdigest(), None


def read_fer2013(
    path: Path | str, say: Callable[[str], None] = lambda text: None, valid_rows: int = VALID_ROWS
) -> dict[str, CsvSplit]:
    """The splits train, valid and test of a FER2013 file, in this order and without those that have no rows.

    path: fer2013.csv or icml_face_data.csv, split by their column Usage (Training, PublicTest, PrivateTest); or Kaggle's
    train.csv, which has no such column: its first `valid_rows` rows are valid, the others train, and a test.csv beside it
    is test where it has labels (Kaggle's own has none). Where label 7 occurs, every split has the classes EXTENDED, else
    CLASSES. say: told in one-line texts how a file without Usage was split, and of an eighth class.
    Raises DataError naming the file and row where it cannot be read as such. A row with the wrong pixels is no such error:
    it is an unreadable image of its split, as a broken file in a folder is.
    """
    path = Path(path)
    splits = _read_splits(path, say, valid_rows)
    count = sum(split.labels.count(len(CLASSES)) for split in splits.values())
    if not count:
        return splits
    say(f"{path}: label {len(CLASSES)}, contempt, occurs {count} times: {len(EXTENDED)} classes, {', '.join(EXTENDED)}")
    return {name: replace(split, classes=EXTENDED) for name, split in splits.items()}


def _read_splits(path: Path, say: Callable[[str], None], valid_rows: int) -> dict[str, CsvSplit]:
    columns, rows = _open_table(path)
    _require_columns(path, columns)
    if "usage" in columns:
        return _gather(path, columns, rows, lambda count, row, fields: _by_usage(path, row, fields[columns["usage"]]))
    if path.name.lower() == "test.csv":
        raise DataError(f"{path}: only the test split; give the train.csv beside it, or a file with a column Usage")
    splits = _gather(path, columns, rows, lambda count, row, fields: "valid" if count < valid_rows else "train")
    if "train" not in splits:
        number = len(splits["valid"].paths)
        raise DataError(f"{path}: no column Usage and {number} rows: the first {valid_rows} are valid, none is left for train")
    say(f"{path}: no column Usage: its first {valid_rows} rows are the split valid, the others train")
    return splits | _test_beside(path, say)


def is_fer2013(path: Path) -> bool:
    """Whether a file's first line names FER2013's column of pixels. False also where it cannot be read as text."""
    try:
        return "pixels" in _open_table(path)[0]
    except DataError:
        return False


def _test_beside(path: Path, say: Callable[[str], None]) -> dict[str, CsvSplit]:
    """The split test from the test.csv beside `path`; empty where there is none or it has no labels."""
    test = path.with_name("test.csv")
    if not test.exists():
        return {}
    columns, rows = _open_table(test)
    if "emotion" not in columns:
        say(f"{test}: left out: it has no labels (no column emotion)")
        return {}
    _require_columns(test, columns)
    say(f"{test}: its rows are the split test")
    return _gather(test, columns, rows, lambda count, row, fields: "test")


def _gather(
    path: Path, columns: dict[str, int], rows: Iterator, split_of: Callable[[int, int, list[str]], str]
) -> dict[str, CsvSplit]:
    """The rows in the splits that split_of(rows before it, row number, fields) names."""
    gathered = {name: _Gathered() for name in SPLIT_FOLDERS}
    for count, (row, fields) in enumerate(rows):
        label = _label(path, row, fields[columns["emotion"]])
        gathered[split_of(count, row, fields)].add(row, label, fields[columns["pixels"]])
        wrong = sum(len(one.problems) for one in gathered.values())
        if wrong > _MOST_WRONG and 2 * wrong > count:  # a few bytes per row would become much memory
            raise DataError(f"{path}: {wrong} of its first {count + 1} rows have wrong pixels; {_FORMS}")
    return {name: one.split(name, path) for name, one in gathered.items() if one.paths}


class _Gathered:
    """The rows of one split while the file is read."""

    def __init__(self):
        self.paths, self.labels, self.places, self.problems = [], [], {}, {}
        self.pixels = bytearray()  # PIXELS a row

    def add(self, row: int, label: int, text: str) -> None:
        path = f"row {row}"
        try:
            self.pixels += parse_pixels(text)
            self.places[path] = len(self.places)
        except ValueError as error:
            self.problems[path] = str(error)
        self.paths.append(path)
        self.labels.append(label)

    def split(self, name: str, file: Path) -> CsvSplit:
        pixels = np.frombuffer(self.pixels, np.uint8).reshape(-1, SIDE, SIDE)
        return CsvSplit(name, file, CLASSES, tuple(self.paths), tuple(self.labels), pixels, self.places, self.problems)


def parse_pixels(text: str) -> bytes:
    """The PIXELS grey levels, 0 to 255, that `text` lists between blanks. Raises ValueError telling what is wrong."""
    if not text.encode().translate(None, b"0123456789 "):  # numpy is fast, but lax with anything else
        levels = np.fromstring(text, np.int64, sep=" ")
        if len(levels) == PIXELS and levels.max() <= 255:
            return levels.astype(np.uint8).tobytes()
    levels = text.split()
    if len(levels) != PIXELS:
        raise ValueError(f"{len(levels)} pixel values instead of {PIXELS}")
    values = [_LEVELS.get(level.lstrip("0") or "0") for level in levels]
    if None in values:
        raise ValueError(f"pixel value {_shown(levels[values.index(None)])} is no integer from 0 to 255")
    return bytes(values)


def _label(path: Path, row: int, text: str) -> int:
    try:
        label = int(text)
    except ValueError:
        label = -1
    if not 0 <= label < len(EXTENDED):
        meaning = ", ".join(f"{k} {name}" for k, name in enumerate(EXTENDED))
        raise DataError(f"{path}, row {row}: emotion {_shown(text)} is no label ({meaning}); {_MEND}")
    return label


def _by_usage(path: Path, row: int, text: str) -> str:
    usage = text.strip().lower()
    if usage not in USAGES:
        raise DataError(f"{path}, row {row}: Usage {_shown(text)} is none of Training, PublicTest, PrivateTest; {_MEND}")
    return USAGES[usage]


def _require_columns(path: Path, columns: dict[str, int]) -> None:
    missing = [name for name in ("emotion", "pixels") if name not in columns]
    if missing:
        found = ", ".join(_shown(name) for name in list(columns)[:5]) + (", ..." if len(columns) > 5 else "")
        labels = "no labels: " if missing == ["emotion"] else ""
        raise DataError(f"{path}: {labels}no column {' and '.join(missing)} (found {found}); {_FORMS}")


def _open_table(path: Path) -> tuple[dict[str, int], Iterator[tuple[int, list[str]]]]:
    """The columns by their names in lower case, and (row number, fields) of the rows below the header, read lazily."""
    rows = _rows(path)
    _, header = next(rows, (0, None))
    if header is None:
        raise DataError(f"{path}: the file is empty; {_FORMS}")
    columns = {name.strip().lower(): place for place, name in enumerate(header)}
    return columns, _below_header(path, rows, len(header))


def _below_header(path: Path, rows: Iterator[tuple[int, list[str]]], width: int) -> Iterator[tuple[int, list[str]]]:
    row = None
    for row, fields in rows:
        if len(fields) != width:
            raise DataError(f"{path}, row {row}: {len(fields)} fields instead of the header's {width}; {_MEND}")
        yield row, fields
    if row is None:
        raise DataError(f"{path}: no rows below the header; {_FORMS}")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of the line on which it begins."""
    begin = 1
    try:
        with open_file(path) as file:
            reader = csv.reader(_lines(path, file))
            for fields in reader:
                if fields:
                    yield begin, fields
                begin = reader.line_num + 1
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from None
    except csv.Error as error:
        raise DataError(f"{path}, row {begin}: no CSV ({error}); is a quote left open? {_MEND}") from None


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines, each decoded by itself so that an error can name it."""
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")  # spreadsheets put a mark before the first
            problem = "a NUL byte" if "\0" in text else ""
            if len(line) == _LONGEST_LINE:
                raise DataError(f"{path}, row {number}: more than {_LONGEST_LINE} bytes in a line; {_FORMS}")
        except UnicodeDecodeError as error:
            problem = f"byte 0x{line[error.start]:02x}"
        if problem:
            raise DataError(f"{path}, row {number}: no UTF-8 text ({problem}); save it as UTF-8, or unpack the file anew")
        yield text


def _shown(text: str) -> str:
    """`text` as a message shows it: quoted, short and in one line."""
    return repr(text if len(text) <= 20 else text[:20] + "...")
