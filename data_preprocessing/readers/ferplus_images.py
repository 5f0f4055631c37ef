"""FERPlus as image files: FER2013Train/fer0000000.png ..., with votes in fer2013new.csv or in each folder's label.csv."""

import csv
import io
from collections.abc import Callable

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.common.words import only_if
from data_preprocessing.readers.layouts import base_name, counted
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import count_of, few, folders_of
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

FOLDERS = {"fer2013train": "train", "fer2013valid": "valid", "fer2013test": "test"}
LIST = "label.csv"
Votes = list[int]


def fits(names: list[str]) -> bool:
    """Whether images lie in one of the three folders."""
    return any(is_image_name(name) and split_of(name) for name in names)


def split_of(name: str) -> str | None:
    """The split of the folder that an image lies in."""
    return FOLDERS.get((folders_of(name) or ("",))[-1].lower())


def read(
    tree: Tree,
    votes: Callable[[], dict[str, tuple[str, Votes]]] | None,
    judge: Callable[[Votes], tuple[str, str]],
) -> Listing:
    """A record an image whose votes have a majority; the split is the folder's.

    votes: gives (split, votes) by image name of fer2013new.csv; None where there is none and each folder has a label.csv.
    judge: the label and why it is none, for votes. Counted in the notes: images without a majority, or without votes, votes
    whose image is missing, and images in the folder of another split than their Usage says. Raises DataError for a broken
    list and where no image has votes.
    """
    images = [name for name in tree.names() if is_image_name(name) and split_of(name)]
    by_name = votes() if votes else {}
    known = {name: by_name[base_name(name)] for name in images if base_name(name) in by_name}
    known = known if votes else _by_folder(tree, images)
    records: list[Record] = []
    dropped: dict[str, list[str]] = {}
    moved = []
    for name in images:
        usage, counts = known.get(name, (None, None))
        label, problem = judge(counts) if counts else ("", "without votes")
        if usage not in (None, split_of(name)):
            moved.append(name)
        if problem:
            dropped.setdefault(problem, []).append(name)
        else:
            records.append(Record(name, label, split=split_of(name)))
    notes = [note for problem in sorted(dropped) for note in counted(f"images left out, {problem}", dropped[problem])]
    kept = f"{count_of(moved, 'image')} in the folder of another split than fer2013new.csv says, kept there: {few(moved)}"
    notes += only_if(moved, kept)
    there = {base_name(name) for name in images}
    notes += counted("images that fer2013new.csv names and that are missing", sorted(set(by_name) - there))
    if not records:
        raise DataError(f"{tree.root}: no image has votes with a majority; {'; '.join(notes)}")
    return Listing(tree, tuple(records), tuple(notes))


def _by_folder(tree: Tree, images: list[str]) -> dict[str, tuple[None, Votes]]:
    """(None, votes) of every image that the label.csv of its own folder names."""
    found: dict[str, tuple[None, Votes]] = {}
    for folder in sorted({name.rpartition("/")[0] for name in images}):
        file = f"{folder}/{LIST}"
        if file not in tree.names():
            raise DataError(f"{tree.root}: {folder}/ has no {LIST}, and there is no fer2013new.csv; add one of them")
        for name, counts in _read_list(tree, file):
            if found.setdefault(f"{folder}/{name}", (None, counts))[1] != counts:
                raise DataError(f"{tree.root / file}: {few([name])} has other votes above; remove one of the lines")
    return found


def _read_list(tree: Tree, file: str) -> list[tuple[str, Votes]]:
    """(image, ten votes) of every line: name, "(0, 0, 48, 48)", votes."""
    where, found = tree.root / file, []
    try:
        reader = csv.reader(io.StringIO(tree.read(file, MOST_TEXT).decode("utf-8-sig"), newline=""), strict=True)
        for fields in filter(None, reader):
            counts = [field.strip() for field in fields[2:]]
            if len(counts) != 10 or not all(count.isascii() and count.isdigit() and len(count) < 5 for count in counts):
                expected = 'expected an image, its box "(0, 0, 48, 48)" and ten numbers of votes'
                raise DataError(f"{where}, row {reader.line_num}: {expected}; unpack the file anew")
            found.append((fields[0].strip(), [int(count) for count in counts]))
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: no UTF-8 text (byte {error.start}); unpack the file anew") from None
    except csv.Error as error:
        raise DataError(f"{where}, row {reader.line_num}: no CSV ({error}); unpack the file anew") from None
    return found
