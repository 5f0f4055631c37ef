"""A list of images with labels, as a spreadsheet or a script writes it; what it says is read in sources/list_file.py."""

from pathlib import Path
from types import SimpleNamespace

from data_preprocessing.sources.archives import Place
from data_preprocessing.sources.list_splits import open_list
from data_preprocessing.sources.reading import Reading
from data_preprocessing.sources.records import Listing
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "a CSV, TSV or text file of paths and labels, with splits, subjects, boxes where it has them: --columns, --root"


def fits(names: list[str]) -> bool:
    """Never by the names of files: a list is named by the user."""
    return False


def open_files(source: Path, options: SimpleNamespace) -> Tree:
    """The images that the list `source` names. Raises DataError as open_list does."""
    found, _ = open_list(source, Reading(options.columns, options.root))
    return Tree(found.root, {record.source: Place(str(found.root / record.source)) for record in found.records}, {})


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """The records of the list options.source. Raises DataError as open_list does."""
    found, _ = open_list(options.source, Reading(options.columns, options.root))
    return Listing(tree, found.records, found.notes)
