"""AffectNet, manually annotated: Mollahosseini, Hasani and Mahoor, "AffectNet" (IEEE Trans. Affective Computing, 2019)."""

import io
import re
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.words import only_if
from data_preprocessing.readers import affectnet_original, affectnet_yolo
from data_preprocessing.readers.layouts import wrong_layout
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import count_of, few, folders_of, keyed, matched, read_list, stem
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = (
    "train_set/ and val_set/ (or valid_set/) with images/N.jpg and annotations/N_exp.npy, or with train_annotations.txt; "
    "Manually_Annotated_Images/ with training.csv and validation.csv; or YOLO's images/, labels/ and data.yaml"
)
CLASSES = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")  # by its labels, 0 to 7
SETS = {"train_set": "train", "val_set": "test", "valid_set": "test"}
_LARGEST = 2**14  # bytes of an .npy file of one number
_LABELS = range(11)  # 8 None, 9 Uncertain and 10 No-Face are no expression
_LIST = re.compile(r"(train|val|valid)_annotations(_8class)?\.txt", re.IGNORECASE)


@dataclass
class _Set:
    """The files of one of the two sets; `lists`: by whether they are made for 8 classes."""

    images: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    lists: dict[bool, str] = field(default_factory=dict)


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images of both sets with the labels of a list file where there is one, else of N_exp.npy.

    The validation set becomes the split test: it is what results are reported on (the real test set is not given out), so
    no choice must be made by it. options.num_classes: 8, or 7 without contempt; of two lists the one for as many is read.
    Left out and counted in the notes: images without a label, labels without an image, labels 8 to 10 (no expression).
    Raises DataError where there is no such set, where one has no labels or no images, and for unreadable labels.
    """
    for other in (affectnet_original, affectnet_yolo):
        if other.fits(tree.names()):
            return _noted(other.read(tree, CLASSES, options.num_classes), options.num_classes)
    sets = _find_sets(tree)
    records: list[Record] = []
    notes: list[str] = []
    for name, files in sets.items():
        labels, source = _labels(tree, name, files, options.num_classes)
        images, copies = keyed(files.images, _key)
        pairs, unmatched = matched(images, labels, source)
        if not pairs:
            raise DataError(f"{tree.root}: {name}/ has no image with a label; {'; '.join(unmatched)}")
        notes += [*copies, *unmatched, *_dropped(name, pairs, options.num_classes)]
        kept = [(image, label) for image, label in pairs if label < options.num_classes]
        records += [Record(image, CLASSES[label], None, SETS[name]) for image, label in kept]
    if not records:
        raise DataError(f"{tree.root}: no image is labelled with an expression ({'; '.join(notes)})")
    return _noted(Listing(tree, tuple(records), tuple(notes)), options.num_classes)


def _noted(listing: Listing, num_classes: int) -> Listing:
    """The listing with notes on what of AffectNet it holds; YOLO's form has a test split of its own."""
    notes = list(listing.notes)
    if num_classes == 8 and all(record.label != CLASSES[7] for record in listing.records):
        notes.append(f"no image is labelled {CLASSES[7]}: there are 7 classes")
    own = affectnet_yolo.fits(listing.tree.names())
    if not own and any(record.split == "test" for record in listing.records):
        notes.append("the official validation set is the split test, which published results are reported on")
    return Listing(listing.tree, listing.records, tuple(notes))


def fits(names: list[str]) -> bool:
    """Whether one of the sets' folders holds a list file or an annotation N_exp.npy, or another form's lists are there."""
    return by_list(names) or any(n.endswith("_exp.npy") and _set_of(n) for n in names)


def by_list(names: list[str]) -> bool:
    """Whether lists give the labels, in whichever form."""
    if affectnet_original.fits(names) or affectnet_yolo.fits(names):
        return True
    return any(_LIST.fullmatch(n.rpartition("/")[2]) and _set_of(n) for n in names)


def _find_sets(tree: Tree) -> dict[str, _Set]:
    sets: dict[str, _Set] = {}
    for name in tree.names():
        folder = _set_of(name)
        if not folder:
            continue
        files = sets.setdefault(folder, _Set())
        if is_image_name(name):
            files.images.append(name)
        elif name.endswith("_exp.npy"):
            files.annotations.append(name)
        match = _LIST.fullmatch(name.rpartition("/")[2])
        if match and files.lists.setdefault(bool(match[2]), name) != name:
            raise DataError(f"{tree.root}: has two lists, {files.lists[bool(match[2])]} and {name}; keep one")
    if not any(files.images for files in sets.values()):
        raise wrong_layout(tree, "AffectNet's train_set/images/N.jpg with train_set/annotations/N_exp.npy or "
                                 "train_set/train_annotations.txt, and the same under val_set/ or valid_set/; training.csv "
                                 "with Manually_Annotated_Images/; or YOLO's images/, labels/ and data.yaml")  # fmt: skip
    if "val_set" in sets and "valid_set" in sets:
        raise DataError(f"{tree.root}: has both val_set/ and valid_set/; keep one")
    return dict(sorted(sets.items()))


def _labels(tree: Tree, name: str, files: _Set, num_classes: int) -> tuple[dict[str, int], str]:
    """Label by image, and what gave it."""
    if files.lists:
        file = files.lists.get(num_classes == 8) or next(iter(files.lists.values()))
        return read_list(tree, file, _key, _LABELS), file
    if not files.annotations:
        raise DataError(f"{tree.root}: {name}/ has no labels; expected {name}/annotations/N_exp.npy or a list "
                        f"{name.removesuffix('_set')}_annotations.txt (name label)")  # fmt: skip
    labels, broken = {}, []
    for file in files.annotations:
        try:
            labels[_key(file).removesuffix("_exp")] = _parse(tree.read(file, _LARGEST))
        except ValueError as error:
            broken.append(f"{file} ({error})")
    if broken:
        raise DataError(f"{tree.root}: {count_of(broken, 'annotation')} unreadable: {few(broken)}; mend or remove")
    return labels, f"{name}/annotations"


@lru_cache(maxsize=64)  # hundreds of thousands of files hold a handful of contents
def _parse(data: bytes) -> int:
    """The label in an .npy file of one number or one text: ints, floats and strings are all about. Raises ValueError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files of Python 2
            value = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # of many kinds: the header is read as a Python literal, the values by their type
        raise ValueError("no .npy file" if data else "empty") from error
    if value.size != 1:
        raise ValueError(f"{value.size} values instead of one")
    item = value.item()
    text = item.decode("latin-1") if isinstance(item, bytes) else str(item)
    try:
        number = float(text)
    except ValueError:
        number = -1
    if number not in _LABELS:
        raise ValueError(f"{text[:20]!r} is no label from 0 to 10")
    return int(number)


def _dropped(name: str, pairs: list[tuple[str, int]], num_classes: int) -> list[str]:
    contempt = [image for image, label in pairs if num_classes <= label < len(CLASSES)]
    unclear = [image for image, label in pairs if label >= len(CLASSES)]
    notes = only_if(contempt, f"{count_of(contempt, 'image')} of contempt in {name}/, left out: not one of 7 classes")
    return notes + only_if(unclear, f"{count_of(unclear, 'image')} of no expression (labels 8 to 10) in {name}/, left out")


def _set_of(name: str) -> str | None:
    return next((folder.lower() for folder in reversed(folders_of(name)) if folder.lower() in SETS), None)


def _key(name: str) -> str:
    """What identifies an image within its set: its path below its images/ or annotations/, without an ending."""
    name = name.replace("\\", "/")  # lists are also written on Windows
    folders = folders_of(name)
    start = max((k + 1 for k, folder in enumerate(folders) if folder.lower() in SETS), default=0)
    below = [folder for folder in folders[start:] if folder != "."]
    if below and below[0].lower() in ("images", "annotations"):
        below = below[1:]
    return "/".join([*below, stem(name)])
