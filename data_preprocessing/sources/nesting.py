"""Class folders one level too deep: below a folder for each person (s01/angry), or for each of several data sets."""

import re
from collections.abc import Iterable
from pathlib import Path

from data_preprocessing.common.commands import prepare_command, quoted
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.expressions import EXPRESSIONS
from data_preprocessing.sources.split_names import split_of


def outer_folders(folders: Iterable[tuple[str, ...]]) -> tuple[list[str], list[str]]:
    """(outer, inner): the folders that would be taken for classes and hold folders of classes, and what those are called.

    folders: of each image the folders it lies in, that of its class first. Both lists are empty where the first level is
    that of the classes: where one of its names is an expression's, or fewer than two, or less than half of them, hold at
    least two folders that are called by expressions (or one called as a split is).
    """
    below: dict[str, set[str]] = {}
    for first, *rest in {found[:2] for found in folders if found}:
        below.setdefault(first, set()).update(rest)
    if any(name.lower() in EXPRESSIONS for name in below):
        return [], []
    telling = {name: sorted(inner for inner in found if _tells(inner)) for name, found in below.items()}
    outer = [name for name, inner in telling.items() if len(inner) > 1 or any(split_of(one) for one in inner)]
    if len(outer) < 2 or 2 * len(outer) < len(below):
        return [], []
    return sorted(outer), sorted({inner for name in outer for inner in telling[name]})


def refuse_outer_folders(root: Path, source: Path, folders: Iterable[tuple[str, ...]]) -> None:
    """Raises DataError where the first of `folders` are persons or data sets, and the second the classes.

    root: what the folders lie in, for the message. source: what `prepare folder` is to read. folders: see outer_folders.
    """
    outer, inner = outer_folders(folders)
    if not outer:
        return
    several = ", ".join(outer[:3]) + (" ..." if len(outer) > 3 else "")
    if any(split_of(name) for name in inner):
        inside, first = ", ".join(inner[:3]), quoted(root / outer[0])
        raise DataError(f"{root}: its folders {several} each hold {inside}: several data sets; give one, as {first}")
    raise DataError(
        f"{root}: its folders {several} each hold folders called {', '.join(inner[:3])}: persons or data sets, not classes; "
        f"of persons, {persons_command(source, inner)} makes the classes; of data sets, give one"
    )


def persons_command(source: Path, classes: list[str]) -> str:
    """The command that reads `source`, in which the folders `classes` lie in one for each person."""
    pattern = f"([^/]+)/(?:{'|'.join(re.escape(name) for name in classes)})/"
    return prepare_command("folder", source, "--subject-regex", pattern)


def _tells(name: str) -> bool:
    return name.lower() in EXPRESSIONS or split_of(name) is not None
