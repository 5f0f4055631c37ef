"""ExpW, faces in the wild: Zhang, Luo, Loy and Tang, "From Facial Expression Recognition to Interpersonal Relation Prediction"
(IJCV 2018). Several faces of an image are a record each."""

from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.readers.layouts import base_name, counted, image_names, without_copies, wrong_layout
from data_preprocessing.sources.labels import count_of, few, left_out
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "origin/*.jpg and label.lst: several faces of an image, each cropped by its box"
CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # by the list's labels, 0 to 6
LIST = "label.lst"
_FIELDS = "image_name face_id_in_image face_box_top face_box_left face_box_right face_box_bottom face_box_confidence label"


def fits(names: list[str]) -> bool:
    """Whether the list is among the files `names`, with images."""
    return bool(find_lists(names) and image_names(names))


by_list = fits


def find_lists(names: list[str]) -> list[str]:
    """The list files among `names`."""
    return [name for name in names if base_name(name).lower() == LIST]


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """A record a line of label.lst whose image is there, with its face box; the list gives no split.

    Counted in the notes: images that are missing or not listed, and lines that are there twice. options: not used.
    Raises DataError where the list or every image is missing, and for a broken line or two labels of one face, by its line.
    """
    names = tree.names()
    lists = find_lists(names)
    if not lists:
        raise wrong_layout(tree, f"ExpW's {LIST} ({_FIELDS}) with its images")
    if len({tree.read(name, MOST_TEXT) for name in lists}) > 1:
        raise DataError(f"{tree.root}: has several lists: {few(lists)}; give the folder of one of them")
    there, again = without_copies((base_name(name), name) for name in image_names(names))
    records, missing, twice = _faces(tree, lists[0], there)
    if not records:
        raise DataError(f"{tree.root}: no image that {lists[0]} names is there; unpack the images beside it")
    images = len({record.source for record in records})
    notes = [f"{count_of(records, 'face')} in {images} images, those of low confidence among them"]
    notes += counted(f"images that {lists[0]} names and that are missing", sorted(missing))
    notes += counted("lines there more than once, counted once", twice)
    notes += counted("images there more than once, left out", again)
    used = [*records, *(Record(name, "") for name in again)]
    return Listing(tree, tuple(records), (*notes, *left_out(names, used, f"not in {lists[0]}")))


def _faces(tree: Tree, file: str, there: dict[str, str]) -> tuple[list[Record], set[str], list[str]]:
    """The faces whose image is there, the images that are not, and the lines that repeat a face."""
    faces: dict[tuple, Record] = {}
    missing, twice = set(), []
    for where, line in _lines(tree, file):
        image, box, label = _parse(where, line)
        if image not in there:
            missing.add(image)
            continue
        record = Record(there[image], label, box=box)
        known = faces.setdefault((image, box), record)
        if known is not record:
            if known.label != label:
                raise DataError(f"{where}: {few([image])}: this face has another label above; remove one of the lines")
            twice.append(line)
    return list(faces.values()), missing, twice


def _lines(tree: Tree, file: str) -> list[tuple[str, str]]:
    """("ROOT/label.lst, line 3", the line) of those that are not blank."""
    where = tree.root / file
    try:
        lines = tree.read(file, MOST_TEXT).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: no UTF-8 text (byte {error.start}); fetch the file anew") from None
    found = [(f"{where}, line {number}", line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise DataError(f"{where}: the list is empty; fetch the file anew")
    return found


def _parse(where: str, line: str) -> tuple[str, tuple[float, float, float, float], str]:
    """The image, its face box (left, top, right, bottom) and its class."""
    fields = line.rsplit(maxsplit=7)
    try:
        image, _, top, left, right, bottom, _, label = fields
        box = tuple(map(float, (left, top, right, bottom)))
        for number in (fields[1], fields[6]):
            float(number)
    except ValueError:
        raise DataError(f"{where}: {few([line[:60]])}: expected {_FIELDS}; mend the line") from None
    if label not in map(str, range(len(CLASSES))):
        meaning = ", ".join(f"{k} {name}" for k, name in enumerate(CLASSES))
        raise DataError(f"{where}: {label[:20]!r} is no label ({meaning}); mend the line")
    return image, box, CLASSES[int(label)]
