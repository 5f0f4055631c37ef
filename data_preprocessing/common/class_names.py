"""Names of classes: which names mean the same class, and in which order they are shown. Labels are not touched by either."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.expressions import CLASSES
from data_preprocessing.sources.folders import Split


def _caseless(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def meaning(name: str) -> str:
    """What a class name says, whatever its case, Unicode form and word: "Happy", "joy" and "happiness" are one."""
    return CLASSES.get(_caseless(name), _caseless(name))


def match_names(wanted: Sequence[str], given: Iterable[str]) -> dict[str, str]:
    """given name -> the name of `wanted` that means the same; given names without such a one are left out.

    An equal name goes before one that differs in case, and that before a synonym. Raises DataError where two given names
    mean one wanted class.
    """
    given, found = tuple(given), {}
    for key in (str, _caseless, meaning):
        for name in given:
            alike = [one for one in wanted if key(one) == key(name)]
            if name not in found and len(alike) == 1:
                found[name] = alike[0]
    for one in found.values():
        same = [other for other in found if found[other] == one]
        if len(same) > 1:
            raise DataError(f"{' and '.join(same)} are the same class ({one}); merge them")
    return found


def said_matches(matches: dict[str, str]) -> str:
    """The matches of unlike names in words, "happy as happiness, sad as sadness"; "" where all names are equal."""
    return ", ".join(f"{name} as {one}" for name, one in matches.items() if name != one)


def with_classes_of(split: Split, classes: tuple[str, ...], owner: str) -> tuple[Split, str]:
    """`split` with `classes`, matched by name, and a sentence that says which unlike names were taken for which, or "".

    owner: what has `classes`, for messages. Classes that the split lacks keep their place. Raises DataError where a class
    of the split is none of `classes`, or two are one.
    """
    try:
        matches = match_names(classes, split.classes)
    except DataError as error:
        raise DataError(f"{split.folder}: {error}") from None
    extra = [name for name in split.classes if name not in matches]
    if extra:
        missing = [name for name in classes if name not in matches.values()]
        lacks = f" and lacks {', '.join(missing)}" if missing else ""
        raise DataError(f"{split.folder}: its classes differ from those of {owner}: it adds {', '.join(extra)}{lacks}")
    renamed = replace(split, classes=tuple(matches[name] for name in split.classes)).reordered(classes)
    said = said_matches(matches)
    return renamed, f"{split.folder}: classes taken for those of {owner}: {said}" if said else ""


def absent_classes(split: Split) -> list[str]:
    """The classes of which the split has no image."""
    present = set(split.labels)
    return [name for k, name in enumerate(split.classes) if k not in present]


def require_training_images(train: Split, others: Iterable[Split]) -> str:
    """A warning where no split has an image of a class, "" where there is no such class.

    Raises DataError where another split has images of a class that `train` has none of.
    """
    absent = absent_classes(train)
    for other in others:
        tested = [name for name in absent if other.counts().get(name)]
        if tested:
            raise DataError(
                f"{train.folder}: {train.name} has no image of {', '.join(tested)}, which {other.name} has; add images, or "
                "leave the class out of every split"
            )
    if not absent:
        return ""
    return f"warning: no split has an image of {', '.join(absent)}: the network gets an output for it that learns nothing"


def display_order(classes: Sequence[str]) -> list[int]:
    """Indices of `classes` in the order to show them: numbers by value where the names are sorted as text (1, 10, 2).

    A data set's own label order is kept, and so is that of words. For display only: labels and outputs keep their order.
    """
    order = list(range(len(classes)))
    if all(name.isdecimal() for name in classes) or list(classes) == sorted(classes):
        return sorted(order, key=lambda k: _natural(classes[k]))
    return order


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
