"""FERG-DB: six drawn characters with seven expressions, given by the folders.

Aneja et al., "Modeling Stylized Character Expressions via Deep Learning" (ACCV 2016).
FERG_DB_256/aia/aia_anger/aia_anger_123.png is the character aia, anger.
"""

import re
from types import SimpleNamespace

from data_preprocessing.readers.layouts import base_name, counted, image_names, without_copies, wrong_layout
from data_preprocessing.sources.labels import folders_of
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "FERG_DB_256/aia/aia_anger/*.png ...: character, expression"
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
_FOLDER = re.compile(rf"([^_]+)_({'|'.join(EMOTIONS)})", re.IGNORECASE)


def fits(names: list[str]) -> bool:
    """Whether an image lies in a folder of a character and an expression."""
    return any(_described(name) for name in image_names(names))


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The images in a folder character_expression, their subject the character; others are counted in a note.

    options: not used. Raises DataError where there is no such folder.
    """
    names = tree.names()
    found = {name: described for name in image_names(names) if (described := _described(name))}
    if not found:
        raise wrong_layout(tree, "FERG-DB's folders aia/aia_anger/*.png (character, character_expression)")
    first, copies = without_copies(((*described, base_name(name)), name) for name, described in found.items())
    records = tuple(Record(name, found[name][1], found[name][0]) for name in first.values())
    others = [name for name in image_names(names) if name not in found]
    notes = (
        *counted("images in no folder character_expression, left out", others),
        *counted("images that are there more than once, left out", copies),
    )
    return Listing(tree, records, notes)


def _described(name: str) -> tuple[str, str] | None:
    """The character and the expression of an image, by the folder it lies in; None in another folder."""
    folders = folders_of(name)
    match = _FOLDER.fullmatch(folders[-1]) if folders else None
    return match and (match[1].lower(), match[2].lower())
