"""AffectNet as its authors gave it out first: Manually_Annotated_Images/<number>/<name>.jpg, training.csv, validation.csv."""

import csv
import io
from collections.abc import Iterator

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE
from data_preprocessing.common.words import only_if, quantity
from data_preprocessing.readers.layouts import base_name, counted
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import few, folders_of, keyed, stem
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

LISTS = {"validation.csv": "test", "training.csv": "train"}  # test first: an image of both lists stays there
_AUTOMATIC = "automatically_annotated"
_COLUMNS = ("subdirectory_filepath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression")
_COLUMNS += ("valence", "arousal")
_NEEDED = (*_COLUMNS[:5], "expression")
_LABELS = {str(label): label for label in range(11)}
_MEND = "mend the line, or fetch the file anew"


def fits(names: list[str]) -> bool:
    """Whether one of the lists is there, and images in the folder Manually_Annotated... or in numbered ones."""
    return any(base_name(name).lower() in LISTS for name in names) and any(map(_is_image, names))


def read(tree: Tree, classes: tuple[str, ...], num_classes: int) -> Listing:
    """The faces that the lists name, with their box; validation.csv is the split test, as in AffectNet's other forms.

    classes: by label. Counted in the notes: labels 8 to 10 (no expression), contempt where num_classes is 7, what is in a
    list or in the tree alone, lines that are there twice, and images of both lists, which are kept in test alone. Raises
    DataError for two files of one list, one that cannot be read, and a broken line or two labels of one face, by the line.
    """
    images, copies = keyed(filter(_is_image, tree.names()), _key)
    faces = _Faces(tree, images, classes, num_classes)
    for file, split in _find_lists(tree).items():
        faces.add(file, split)
    notes = [*copies, *faces.notes()]
    if not faces.found:
        raise DataError(f"{tree.root}: no image with an expression is there; {'; '.join(notes)}")
    notes += counted("images in no list, left out", [name for key, name in images.items() if key not in faces.listed])
    automatic = [name for name in tree.names() if base_name(name).lower() == f"{_AUTOMATIC}.csv"]
    notes += only_if(automatic, f"{few(automatic)} is not read: a network gave its labels")
    return Listing(tree, tuple(faces.found.values()), tuple(notes))


class _Faces:
    """The records of the lists that were added, and what of them is left out. images: key -> name in the tree."""

    def __init__(self, tree: Tree, images: dict[str, str], classes: tuple[str, ...], num_classes: int):
        self.tree, self.images, self.classes, self.num_classes = tree, images, classes, num_classes
        self.found: dict[tuple, Record] = {}
        self.listed: dict[str, str] = {}  # key -> the first list that names it
        self.left_out: dict[tuple[str, str], list[str]] = {}  # (list, reason) -> paths

    def add(self, file: str, split: str) -> None:
        for where, row in _rows(self.tree, file):
            path = row["subdirectory_filepath"].strip()
            reason = self._add_row(where, row, path, file, split)
            if reason:
                self.left_out.setdefault((file, reason), []).append(path)

    def _add_row(self, where: str, row: dict[str, str], path: str, file: str, split: str) -> str:
        """Why the line is left out; "" where it became a record."""
        label = _LABELS.get(row["expression"].strip())
        if label is None:
            raise DataError(f"{where}: expression {row['expression'][:20]!r} is no label from 0 to 10; {_MEND}")
        key = _key(path)
        first = self.listed.setdefault(key, file)
        if label >= len(self.classes):
            return "of no expression (labels 8 to 10)"
        if label >= self.num_classes:
            return "of contempt, not one of 7 classes"
        if key not in self.images:
            return "whose image is missing"
        if first != file:
            return f"whose image is in {base_name(first)}, too"
        record = Record(self.images[key], self.classes[label], None, split, _box(where, row))
        known = self.found.setdefault((key, record.box), record)
        if known.label != record.label:
            raise DataError(f"{where}: {few([path])}: this face has another label above; remove one of the lines")
        return "" if known is record else "that are there more than once"

    def notes(self) -> list[str]:
        """One line for each list and reason."""
        lines = self.left_out.items()
        return [f"{quantity(len(paths), 'line')} of {file} left out, {why}: {few(paths)}" for (file, why), paths in lines]


def _find_lists(tree: Tree) -> dict[str, str]:
    """The lists' names in the tree -> their split."""
    found = {}
    for base, split in LISTS.items():
        files = [name for name in tree.names() if base_name(name).lower() == base]
        if len(files) > 1:
            raise DataError(f"{tree.root}: has two lists, {files[0]} and {files[1]}; keep one")
        found |= {file: split for file in files}
    return found


def _rows(tree: Tree, file: str) -> Iterator[tuple[str, dict[str, str]]]:
    """("ROOT/training.csv, line 3", fields by column in lower case) of a list with or without a header."""
    where = tree.root / file
    text = io.TextIOWrapper(io.BytesIO(tree.read(file, MOST_TABLE)), "utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    columns: list[str] = []
    try:
        for fields in filter(None, reader):
            if not columns:
                columns = _columns(where, fields)
                if _NEEDED[0] in map(_name, fields):
                    continue
            if len(fields) != len(columns):
                raise DataError(f"{where}, line {reader.line_num}: {len(fields)} fields instead of {len(columns)}; {_MEND}")
            yield f"{where}, line {reader.line_num}", dict(zip(columns, fields))
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: no UTF-8 text (byte {error.start}); fetch the file anew") from None
    except csv.Error as error:
        raise DataError(f"{where}, line {reader.line_num}: no CSV ({error}); {_MEND}") from None
    if not columns:
        raise DataError(f"{where}: the list is empty; fetch the file anew")


def _columns(where, fields: list[str]) -> list[str]:
    """The columns by the first line: a header in any order, or a first row of the columns that the authors' files have."""
    names = [_name(field) for field in fields]
    if _NEEDED[0] not in names:
        return list(_COLUMNS)
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise DataError(f"{where}: no column {', '.join(missing)}; expected {', '.join(_NEEDED)}")
    return names


def _box(where: str, row: dict[str, str]) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = (float(row[name]) for name in _NEEDED[1:5])
    except ValueError:
        shown = few(row[name] for name in _NEEDED[1:5])
        raise DataError(f"{where}: face box {shown} is not made of numbers; {_MEND}") from None
    return left, top, left + width, top + height


def _name(field: str) -> str:
    return field.strip().lower()


def _is_image(name: str) -> bool:
    """Whether an image lies in a numbered folder or below Manually_Annotated..., not among the automatically annotated."""
    folders = [folder.lower() for folder in folders_of(name)]
    if not folders or not is_image_name(name) or any(folder.startswith(_AUTOMATIC) for folder in folders):
        return False
    return folders[-1].isdecimal() or any(folder.startswith("manually_annotated") for folder in folders)


def _key(path: str) -> str:
    """What the lists call an image, without its ending: 103/name."""
    path = path.replace("\\", "/")  # lists are also written on Windows
    return "/".join([*folders_of(path)[-1:], stem(path)])
