"""What the readers share: telling images from other files, and wording what was found, left out or missing."""

from collections.abc import Hashable, Iterable

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import few
from data_preprocessing.sources.trees import Tree


def image_names(names: Iterable[str]) -> list[str]:
    """Those of the files `names` that are images by their ending."""
    return [name for name in names if is_image_name(name)]


def base_name(name: str) -> str:
    """The last part of a posix path."""
    return name.rpartition("/")[2]


def counted(text: str, names: Iterable[str]) -> list[str]:
    """A note "text: 7 (a, b, c and 4 more)" about `names`; no note where there are none."""
    names = list(names)
    return [f"{text}: {len(names)} ({few(names)})"] if names else []


def without_copies(found: Iterable[tuple[Hashable, str]]) -> tuple[dict, list[str]]:
    """The first name of each key, in order, and the names that came later.

    found: (what makes an image the same, its name). Copies, such as a folder beside an archive of it, would count a
    image twice and could put it into two splits.
    """
    first, copies = {}, []
    for key, name in found:
        if first.setdefault(key, name) != name:
            copies.append(name)
    return first, copies


def wrong_layout(tree: Tree, expected: str) -> DataError:
    """The error to raise where `tree` is not what a reader reads: what was expected, and what was found at the top of the tree,
    or in the one folder that is there."""
    names = tree.names()
    tops = list(dict.fromkeys(top + slash for top, slash, _ in (name.partition("/") for name in names)))
    found = few(tops if len(tops) > 1 else names) if names else "no files"
    return DataError(f"{tree.root}: expected {expected}; found {found}")
