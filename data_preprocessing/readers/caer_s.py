"""CAER-S, faces and scenes of television films: Lee et al., "Context-Aware Emotion Recognition Networks" (ICCV 2019)."""

from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.readers.layouts import wrong_layout
from data_preprocessing.sources.labels import class_folders, left_out
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "train/Anger/0001.png ..., test/...: Anger, Disgust, Fear, Happy, Neutral, Sad, Surprise"
CLASSES = {  # its folder -> class
    "Anger": "anger",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happy": "happiness",
    "Neutral": "neutral",
    "Sad": "sadness",
    "Surprise": "surprise",
}
_BY_LOWER = {folder.lower(): name for folder, name in CLASSES.items()}


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images in <split>/<class>/, whatever the case of the folders' names; others are counted in a note.

    options: not used. Raises DataError where there is no such folder, or one that is no class of CAER-S.
    """
    names = tree.names()
    found = list(class_folders(names))
    if not found:
        raise wrong_layout(tree, f"CAER-S's folders train/<class>/ and test/<class>/ ({', '.join(CLASSES)})")
    for name, _, folder in found:
        if folder.lower() not in _BY_LOWER:
            raise DataError(f"{tree.root / name}: its folder {folder} is no class of CAER-S ({', '.join(CLASSES)})")
    records = tuple(Record(name, _BY_LOWER[folder.lower()], None, split) for name, split, folder in found)
    return Listing(tree, records, tuple(left_out(names, records, "in no class folder")))


def fits(names: list[str]) -> bool:
    """Whether the class folders are those seven, written as CAER-S writes them."""
    return {folder for _, _, folder in class_folders(names)} == set(CLASSES)
