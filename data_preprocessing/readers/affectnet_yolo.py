"""AffectNet in the form of YOLO: train|valid|test/images/*.png beside labels/*.txt, the classes' names in data.yaml."""

import io
import re

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.expressions import class_of
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.common.words import only_if
from data_preprocessing.readers.layouts import base_name
from data_preprocessing.sources.images import open_image
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import count_of, few, folders_of, keyed, matched, stem
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.split_names import split_of
from data_preprocessing.sources.trees import Tree

_YAMLS = ("data.yaml", "data.yml", "dataset.yaml")
_WHOLE = 0.005  # share of a side by which the box of a whole image may fall short of it: numbers are rounded
_ITEM = re.compile(r"""\s*(?:(\d+)\s*:|-)\s*(['"]?)(.*?)\2\s*(?:\s#.*)?""")
Box = tuple[float, float, float, float]


def fits(names: list[str]) -> bool:
    """Whether there are label files in labels/, images in images/, and the file that names the classes."""
    kinds = {_kind(name) for name in names}
    return {"images", "labels"} <= kinds and any(base_name(name).lower() in _YAMLS for name in names)


def read(tree: Tree, classes: tuple[str, ...], num_classes: int) -> Listing:
    """A record a face: an image with one line or several in its label file, cropped by the box unless that is the whole.

    The split is the folder's. Counted in the notes: images without a label file or with an empty one, label files without
    an image, and contempt where num_classes is 7. Raises DataError for a data.yaml without names or with one that is no
    class of AffectNet, and for a broken line, by its file and number.
    """
    names = tree.names()
    yaml = min((name for name in names if base_name(name).lower() in _YAMLS), key=lambda name: name.count("/"))
    by_number = _class_names(tree, yaml, classes)
    images, notes = keyed((name for name in names if _kind(name) == "images"), _key)
    files, _ = keyed((name for name in names if _kind(name) == "labels"), _key)
    pairs, unmatched = matched(images, files, "labels/")
    records: list[Record] = []
    empty, contempt, twice = [], [], []
    for image, file in pairs:
        lines = _lines(tree, file, by_number)
        faces = dict.fromkeys(lines)
        if not lines:
            empty.append(image)
        twice += [file] * (len(lines) - len(faces))
        for label, box in faces:
            if label in classes[:num_classes]:
                records.append(Record(image, label, None, _split(image), _pixels(tree, image, box)))
            else:
                contempt.append(image)
    notes += unmatched
    notes += only_if(empty, f"{count_of(empty, 'image')} without a line in the label file, left out: {few(empty)}")
    notes += only_if(twice, f"{count_of(twice, 'line')} there more than once, counted once: {few(twice)}")
    notes += only_if(contempt, f"{count_of(contempt, 'face')} of contempt left out: not one of 7 classes")
    _require_one_label(tree, records)
    if not records:
        raise DataError(f"{tree.root}: no image in images/ has a label in labels/; {'; '.join(notes)}")
    return Listing(tree, tuple(records), tuple(notes))


def _class_names(tree: Tree, file: str, classes: tuple[str, ...]) -> dict[int, str]:
    """The classes by their number in the label files."""
    try:
        names = parse_names(tree.read(file, MOST_TEXT).decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{tree.root / file}: {error}; write names: [anger, contempt, ...] in the numbers' order") from None
    found = {number: class_of(name) for number, name in names.items()}
    wrong = [names[number] for number, name in found.items() if name not in classes]
    if wrong:
        raise DataError(f"{tree.root / file}: {few(wrong)}: no class of AffectNet ({', '.join(classes)}); mend the names")
    return found


def parse_names(text: str) -> dict[int, str]:
    """The names by number of a data.yaml's entry `names`: a list or a mapping, in one line or in several.

    Raises ValueError where there is none, or something else than names. (No more of YAML is understood.)
    """
    match = re.search(r"^names[ \t]*:[ \t]*(.*(?:\n(?:[ \t]+.*|-.*|[ \t]*\]|\}|))*)", text.replace("\r\n", "\n"), re.MULTILINE)
    body = match and re.sub(r"(^|\s)#.*", "", match[1]).strip()
    if not body:
        raise ValueError("no names of classes in it")
    if body[0] in "[{":
        if body[-1] != {"[": "]", "{": "}"}[body[0]]:
            raise ValueError("the names are not closed by a bracket")
        parts = [part.strip() for part in body[1:-1].split(",") if part.strip()]
        items = [part if body[0] == "{" else f"- {part}" for part in parts]
    else:
        items = [line for line in body.splitlines() if line.strip()]
    found: dict[int, str] = {}
    for place, item in enumerate(items):
        parsed = _ITEM.fullmatch(item)
        number = int(parsed[1]) if parsed and parsed[1] else place
        if not parsed or not parsed[3] or number in found:
            raise ValueError(f"{item.strip()[:40]!r} is no name of a class with a number of its own")
        found[number] = parsed[3]
    if not found:
        raise ValueError("no names of classes in it")
    return found


def _lines(tree: Tree, file: str, by_number: dict[int, str]) -> list[tuple[str, Box | None]]:
    """(class, box as shares of the image or None) of each line of a label file."""
    where = tree.root / file
    try:
        lines = tree.read(file, MOST_TEXT).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: no UTF-8 text (byte {error.start}); fetch the file anew") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            numbers = [float(field) for field in line.split()]
        except ValueError:
            numbers = [-1.0]
        if not numbers:
            continue
        if numbers[0] not in by_number or (len(numbers) not in (1, 5) and (len(numbers) < 7 or len(numbers) % 2 == 0)):
            known = f"a class from 0 to {max(by_number)}, then nothing, a box (4 numbers) or an outline (6 or more)"
            raise DataError(f"{where}, line {number}: {line.strip()[:60]!r}: expected {known}; mend the line")
        found.append((by_number[int(numbers[0])], _box(numbers[1:])))
    return found


def _box(numbers: list[float]) -> Box | None:
    """Left, top, right, bottom as shares of the image: of a box by its centre and size, or around an outline's points."""
    if len(numbers) == 4:
        x, y, width, height = numbers
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    across, down = numbers[::2], numbers[1::2]
    return (min(across), min(down), max(across), max(down)) if numbers else None


def _pixels(tree: Tree, name: str, box: Box | None) -> Box | None:
    """The box in pixels; None where it is the whole image, or where the image cannot be read: writing it reports that."""
    if box is None or (box[0] <= _WHOLE and box[1] <= _WHOLE and box[2] >= 1 - _WHOLE and box[3] >= 1 - _WHOLE):
        return None
    try:
        with open_image(io.BytesIO(tree.read(name))) as image:
            width, height = image.size
    except Exception:  # PIL's decoders raise many kinds
        return None
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _require_one_label(tree: Tree, records: list[Record]) -> None:
    """Two labels of one face would be trained on as two images that are the same."""
    first: dict[tuple, str] = {}
    for record in records:
        if first.setdefault((record.source, record.box), record.label) != record.label:
            raise DataError(f"{tree.root}: {record.source}: one face has two labels in its label file; remove one of the lines")


def _kind(name: str) -> str:
    """ "images" or "labels" of what lies in such a folder and is of that kind; else ""."""
    ending = "images" if is_image_name(name) else "labels" if name.lower().endswith(".txt") else ""
    return ending if ending in (folder.lower() for folder in folders_of(name)) else ""


def _split(name: str) -> str | None:
    return next(filter(None, map(split_of, reversed(folders_of(name)))), None)


def _key(name: str) -> str:
    """The path without images/ or labels/ and without the ending."""
    folders = [folder for folder in folders_of(name) if folder.lower() not in ("images", "labels")]
    return "/".join([*folders, stem(name)])
