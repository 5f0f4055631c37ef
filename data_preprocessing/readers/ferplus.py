"""FER2013 with the labels of FERPlus: ten people's votes on every image.

Barsoum et al., "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution" (ICMI 2016),
https://github.com/microsoft/FERPlus: fer2013new.csv, whose row k belongs to row k of fer2013.csv.
"""

import csv
import io
from functools import partial
from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.readers import ferplus_images
from data_preprocessing.readers.fer2013 import find_table, read_table, row_pixels
from data_preprocessing.readers.layouts import base_name, counted
from data_preprocessing.sources.fer2013 import USAGES, CsvSplit
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "fer2013new.csv and fer2013.csv, or FER2013Train/fer0000000.png ...: the emotion with the most votes"
VOTES = "fer2013new.csv"
IMAGES = ("fer2013.csv", "icml_face_data.csv")
EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_CHOICES = (*EMOTIONS, "unknown", "NF")  # NF: no face
_COLUMNS = ("Usage", "Image name", *_CHOICES)
_MEND = "unpack the file anew"


def fits(names: list[str]) -> bool:
    """Whether the file of votes is among the files `names`, or the images' folders are."""
    return any(base_name(name).lower() == VOTES for name in names) or ferplus_images.fits(names)


def by_list(names: list[str]) -> bool:
    """Whether the labels of images are in lists of votes."""
    return ferplus_images.fits(names)


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """One record a row of fer2013.csv that has a majority: with its pixels, and the split its Usage names.

    The label is the choice with the most votes of all ten. Rows are dropped and counted where two or more share the most
    votes, where unknown or NF has the most, where there is no image name, and where the pixels are wrong. (The authors' own
    code demands more: over half of the votes, single ones taken off before.) Without fer2013.csv: its images, see
    ferplus_images.
    Raises DataError where a file is absent or broken, or where the two do not belong together.
    """
    has = {base_name(name).lower() for name in tree.names()}
    if ferplus_images.fits(tree.names()) and not has.intersection(IMAGES):
        by_name = partial(_votes_by_name, tree) if VOTES in has else None
        return ferplus_images.read(tree, by_name, _judge)
    voted = find_table(tree, (VOTES,))
    table = find_table(tree, IMAGES)
    rows = _in_file_order(read_table(tree, table, lambda text: None))
    votes = _read_votes(tree, voted)
    if len(rows) != len(votes):
        raise DataError(f"{tree.root}: {table} has {len(rows)} rows and {voted} has {len(votes)}; they must be as many")
    records: list[Record] = []
    dropped: dict[str, list[str]] = {}
    for (split, path), (row, usage, image, counts) in zip(rows, votes):
        if usage != split.name:
            raise DataError(f"{tree.root}: Usage of {table}, {path}, is not that of {voted}, row {row}; {_MEND}")
        reason = "wrong pixels" if path in split.problems else "no image name" if not image else ""
        label, none = _judge(counts)
        reason = reason or none
        if reason:
            dropped.setdefault(reason, []).append(path)
        else:
            records.append(Record(path, label, split=split.name, pixels=row_pixels(split, path)))
    notes = (note for reason in sorted(dropped) for note in counted(f"rows left out, {reason}", dropped[reason]))
    return Listing(tree, tuple(records), (f"read: {table}, {voted}", *notes))


def _judge(counts: list[int]) -> tuple[str, str]:
    """The choice with the most votes, and why it is no label ("" where it is one)."""
    most = max(counts)
    label = _CHOICES[counts.index(most)]
    if counts.count(most) > 1:
        return label, "tie of votes"
    return label, "" if label in EMOTIONS else f"{label} has the most votes"


def _votes_by_name(tree: Tree) -> dict[str, tuple[str, list[int]]]:
    """(split, votes) of every image that the file of votes names."""
    voted = find_table(tree, (VOTES,))
    found: dict[str, tuple[str, list[int]]] = {}
    for row, usage, image, counts in _read_votes(tree, voted):
        if image and found.setdefault(image, (usage, counts)) != (usage, counts):
            raise DataError(f"{tree.root / voted}, row {row}: {image[:40]!r} has other votes above; remove one of the rows")
    return found


def _in_file_order(splits: dict[str, CsvSplit]) -> list[tuple[CsvSplit, str]]:
    """(split, "row 17") of all rows as the file has them."""
    rows = [(split, path) for split in splits.values() for path in split.paths]
    return sorted(rows, key=lambda row: int(row[1].removeprefix("row ")))


def _read_votes(tree: Tree, name: str) -> list[tuple[int, str, str, list[int]]]:
    """(line, split, image name, votes in the order of _CHOICES) of every row."""
    where = tree.root / name
    try:
        text = tree.read(name, MOST_TEXT).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, fields) for fields in reader if fields]
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: no UTF-8 text (byte {error.start}); {_MEND}") from None
    except csv.Error as error:
        raise DataError(f"{where}, row {reader.line_num}: no CSV ({error}); {_MEND}") from None
    header = [field.strip().lower() for field in rows[0][1]] if rows else []
    missing = [column for column in _COLUMNS if column.lower() not in header]
    if missing:
        raise DataError(f"{where}: no column {', '.join(missing)}; expected {', '.join(_COLUMNS)}")
    places = [header.index(column.lower()) for column in _COLUMNS]
    return [_parse_row(f"{where}, row {row}", row, fields, places, len(header)) for row, fields in rows[1:]]


def _parse_row(where: str, row: int, fields: list[str], places: list[int], width: int) -> tuple[int, str, str, list[int]]:
    if len(fields) != width:
        raise DataError(f"{where}: {len(fields)} fields instead of the header's {width}; {_MEND}")
    usage, image, *counts = (fields[place].strip() for place in places)
    if usage.lower() not in USAGES:
        raise DataError(f"{where}: Usage {usage[:20]!r} is none of Training, PublicTest, PrivateTest; {_MEND}")
    wrong = [count for count in counts if not (count.isascii() and count.isdigit() and len(count) < 5)]
    if wrong:
        raise DataError(f"{where}: {wrong[0][:20]!r} is no number of votes; {_MEND}")
    return row, USAGES[usage.lower()], image, [int(count) for count in counts]
