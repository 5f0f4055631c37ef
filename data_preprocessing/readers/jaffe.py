"""JAFFE: ten Japanese women with seven expressions, given by the images' names.

Lyons et al., "Coding Facial Expressions with Gabor Wavelets" (FG 1998). KA.AN1.39.tiff is the subject KA, anger, take 1.
"""

import re
from types import SimpleNamespace

from data_preprocessing.readers.layouts import counted, image_names, without_copies, wrong_layout
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "KA.AN1.39.tiff ...: subject, expression and take, number"
EMOTIONS = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
_NAME = re.compile(rf"(?:.*/)?(([A-Z]{{2}})\.({'|'.join(EMOTIONS)})\d+\.\d+)\.[A-Z]+", re.IGNORECASE)


def fits(names: list[str]) -> bool:
    """Whether an image is called as JAFFE's are."""
    return any(_NAME.fullmatch(name) for name in image_names(names))


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images called as JAFFE's are, their subject the first field of the name; others are counted in a note.

    options: not used. Raises DataError where no image is called so.
    """
    names = tree.names()
    found = {name: match for name in image_names(names) if (match := _NAME.fullmatch(name))}
    if not found:
        raise wrong_layout(tree, "JAFFE's images, called KA.AN1.39.tiff (subject, expression and take, number)")
    first, copies = without_copies((match[1].upper(), name) for name, match in found.items())
    records = tuple(Record(name, EMOTIONS[found[name][3].upper()], found[name][2].upper()) for name in first.values())
    others = [name for name in image_names(names) if name not in found]
    notes = (
        *counted("images not called as JAFFE's, left out", others),
        *counted("images that are there more than once, left out", copies),
    )
    return Listing(tree, records, notes)
