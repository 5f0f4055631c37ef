"""RAF-DB, the basic emotions: Li, Deng and Du, "Reliable Crowdsourcing and Deep Locality-Preserving Learning" (CVPR 2017)."""

import re
from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.readers.layouts import wrong_layout
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import (
    SPLITS,
    class_folders,
    folders_of,
    keyed,
    left_out,
    matched,
    read_list,
    stem,
)
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "Image/aligned/ or train/ and valid/ with list_patition_label.txt; or DATASET/train/1 ... 7, DATASET/test/1 ... 7"
CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")  # by the data set's labels, 1 to 7
LISTS = ("list_patition_label.txt", "list_partition_label.txt")  # as its owners spell it, and mended
_NUMBERS = range(1, len(CLASSES) + 1)
_IMAGE = re.compile(r"((train|test)_\d+)(_aligned)?", re.IGNORECASE)


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images in folders <split>/<number>/ where there are such, else those that the list file names.

    The split is the folder's; in the native form, which has none, the file name's train_ or test_. Images that are in
    the list or in the tree alone are left out and counted in the notes. options: not used. Raises DataError where there
    is neither form, where no image matches the list, or for a broken or second list.
    """
    names = tree.names()
    numbered = [found for found in class_folders(names) if found[2].isdecimal()]
    if numbered:
        records = tuple(Record(name, _class_of(tree, name, int(number)), None, split) for name, split, number in numbered)
        return Listing(tree, records, tuple(left_out(names, records, "in no class folder 1 to 7")))
    lists = find_lists(names)
    if not lists:
        raise wrong_layout(
            tree, f"RAF-DB's list file {LISTS[0]} (name label) with its images, or train/1 ... 7 and test/1 ... 7"
        )
    if len({tree.read(name, MOST_TEXT) for name in lists}) > 1:
        raise DataError(f"{tree.root}: has several lists: {', '.join(lists)}; give the folder of one of them")
    return _by_list(tree, names, lists[0])


def fits(names: list[str]) -> bool:
    """Whether there is a list file, an image train_N_aligned or test_N_aligned, or the class folders 1 to 7."""
    if find_lists(names) or any(_is_aligned(name) for name in filter(is_image_name, names)):
        return True
    return {number for _, _, number in class_folders(names)} == {str(n) for n in _NUMBERS}


def by_list(names: list[str]) -> bool:
    """Whether the list file gives the labels: there are no class folders 1 to 7."""
    return bool(find_lists(names)) and not any(number.isdecimal() for _, _, number in class_folders(names))


def find_lists(names: list[str]) -> list[str]:
    """The list files among `names`."""
    return [name for name in names if name.rpartition("/")[2].lower() in LISTS]


def is_flat_image(name: str) -> bool:
    """Whether a file is called as RAF-DB's images are: train_N.jpg, test_N_aligned.jpg, ..."""
    return is_image_name(name) and bool(_IMAGE.fullmatch(stem(name)))


def _by_list(tree: Tree, names: list[str], file: str) -> Listing:
    labels = read_list(tree, file, _key, _NUMBERS)
    there = list(filter(is_image_name, names))
    if any(_is_aligned(name) for name in there):  # Image/original/ holds the same faces in whole photographs
        there = [name for name in there if _is_aligned(name) or not is_flat_image(name)]
    _require_one_split(tree, there)
    first, notes = keyed(there, _key)
    pairs, unmatched = matched(first, labels, file)
    notes += unmatched
    if not pairs:
        raise DataError(f"{tree.root}: no image that {file} names is there; {'; '.join(notes)}")
    records = tuple(Record(name, CLASSES[label - 1], None, _split(name)) for name, label in pairs)
    official = sum(r.split == "valid" and _key(r.source).startswith("test") for r in records)
    if official:
        notes.append(f"valid holds {official} images of the official test split (named test_...)")
    return Listing(tree, records, tuple(notes))


def _key(name: str) -> str:
    """What an image is called in the list, without an ending: the list says train_00001.jpg of train_00001_aligned.jpg."""
    match = _IMAGE.fullmatch(stem(name))
    return match[1].lower() if match else name


def _is_aligned(name: str) -> bool:
    match = _IMAGE.fullmatch(stem(name))
    return bool(match and match[3])


def _split(name: str) -> str:
    folder = (folders_of(name) or ("",))[-1].lower()
    return SPLITS.get(folder) or ("test" if _key(name).startswith("test") else "train")


def _require_one_split(tree: Tree, names: list[str]) -> None:
    """An image in the folders of two splits would be trained on and tested on."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(_key(name), name)
        if is_flat_image(name) and _split(other) != _split(name):
            raise DataError(f"{tree.root}: {other} and {name} are the same image in two splits; remove one")


def _class_of(tree: Tree, name: str, number: int) -> str:
    if number not in _NUMBERS:
        meaning = ", ".join(f"{k} {label}" for k, label in enumerate(CLASSES, 1))
        raise DataError(f"{tree.root / name}: its folder {number} is no label of RAF-DB ({meaning})")
    return CLASSES[number - 1]
