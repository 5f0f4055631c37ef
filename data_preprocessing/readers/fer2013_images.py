"""FER2013 as image files: <class>/Training_1.jpg, PublicTest_2.jpg, PrivateTest_3.jpg in whatever folders of splits."""

import re

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.expressions import class_of
from data_preprocessing.common.words import only_if
from data_preprocessing.readers.layouts import image_names
from data_preprocessing.sources.fer2013 import CLASSES, USAGES
from data_preprocessing.sources.labels import count_of, few, folders_of, left_out, stem
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.split_names import split_of
from data_preprocessing.sources.trees import Tree

_NAME = re.compile(r"(Training|PublicTest|PrivateTest)_\d+", re.IGNORECASE)


def fits(names: list[str]) -> bool:
    """Whether images among `names` are called as FER2013's are."""
    return any(_NAME.fullmatch(stem(name)) for name in image_names(names))


def read(tree: Tree) -> Listing:
    """A record an image: the class is its folder's, the split is what its name says (PublicTest is valid, PrivateTest test).

    Counted in the notes: images in the folder of another split, images that are there twice, and those called otherwise.
    Raises DataError for a folder that is no class of FER2013.
    """
    names = tree.names()
    found: dict[str, Record] = {}
    copies, moved = [], {}
    for name in image_names(names):
        match = _NAME.fullmatch(stem(name))
        if not match:
            continue
        record = Record(name, _label(tree, name), split=USAGES[match[1].lower()])
        if found.setdefault(f"{record.label} {stem(name).lower()}", record) is not record:
            copies.append(name)
            continue
        folder = next(filter(None, map(split_of, reversed(folders_of(name)))), None)
        if folder not in (None, record.split):
            moved.setdefault((folder, match[1], record.split), []).append(name)
    notes = [
        f"{count_of(files, 'image')} called {usage}_N in a folder of {folder}, taken into {split} as called: {few(files)}"
        for (folder, usage, split), files in sorted(moved.items())
    ]
    notes += only_if(copies, f"{count_of(copies, 'image')} there more than once, left out: {few(copies)}")
    used = [*found.values(), *(Record(name, "") for name in copies)]
    notes += left_out(names, used, "not called Training_N, PublicTest_N or PrivateTest_N")
    return Listing(tree, tuple(found.values()), tuple(notes))


def _label(tree: Tree, name: str) -> str:
    folder = (folders_of(name) or ("",))[-1]
    label = CLASSES[int(folder)] if folder in map(str, range(len(CLASSES))) else class_of(folder)
    if label not in CLASSES:
        raise DataError(f"{tree.root}: {name}: its folder {folder!r} is no class of FER2013 ({', '.join(CLASSES)}); rename it")
    return label
