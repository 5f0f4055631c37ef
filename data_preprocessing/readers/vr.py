"""Images of people under a headset, or any others, in a folder for each class; the AI Hub study's E01 to E03 are such."""

import re
from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.readers.layouts import wrong_layout
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import SPLITS, below_shared, few, folders_of, left_out
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "a folder for each class (E01, E02, E03 or any names), also below train/, valid/ and test/"
_STUDY = re.compile(r"E\d\d")


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images by the class folder they lie in, at any depth; a class is called as its folder is.

    Folders that all images share are passed over, so the data set may lie deeper. Raises DataError where there are not
    two class folders, or where class folders lie beside train/, valid/ or test/.
    """
    found = below_shared({name: folders_of(name) for name in tree.names() if is_image_name(name)}, SPLITS)
    found = {name: folders for name, folders in found.items() if folders}
    is_split = {name: folders[0].lower() in SPLITS for name, folders in found.items()}
    if any(is_split.values()) and not all(is_split.values()):
        beside = sorted({found[name][0] for name, split in is_split.items() if not split})
        raise DataError(f"{tree.root}: {few(beside)} beside train/, valid/ or test/; put every class below one of them")
    records = []
    for name, folders in found.items():
        split, below = (SPLITS[folders[0].lower()], folders[1:]) if is_split[name] else (None, folders)
        if below:
            records.append(Record(name, below[0], None, split))
    classes = sorted({record.label for record in records})
    if len(classes) < 2:
        raise wrong_layout(tree, f"at least 2 class folders of images, but there is {', '.join(classes) or 'none'}")
    return Listing(tree, tuple(records), tuple(left_out(tree.names(), records, "in no class folder")))


def fits(names: list[str]) -> bool:
    """Whether images lie in folders called as those of the study, E01, E02, ..."""
    return any(_STUDY.fullmatch(folder) for name in filter(is_image_name, names) for folder in folders_of(name))
