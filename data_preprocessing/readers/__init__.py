"""The readers of the data sets' native layouts, by the name each has on the command line; imported when first used."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

from data_preprocessing.sources.records import Listing
from data_preprocessing.sources.trees import Tree


@dataclass(frozen=True)
class Reader:
    """One data set's reader: the module of this package it lies in, and the options that mean something to it.

    beside: of a data set that is tables alone, the names of those that belong to a given one; None where it has images.
    by_file: whether --source is one file that names the images.
    """

    module: str
    options: tuple[str, ...] = ()
    beside: tuple[str, ...] | None = None
    by_file: bool = False

    @property
    def description(self) -> str:
        """The layout it reads, in one line."""
        return self._module().DESCRIPTION

    def open_files(self, source: Path, options: SimpleNamespace) -> Tree:
        """The files that the one file `source` names, of a reader that is `by_file`. Raises DataError."""
        return self._module().open_files(source, options)

    def read(self, tree: Tree, options: SimpleNamespace) -> Listing:
        """The records in `tree`. Raises DataError for another layout, saying what was expected and what was found."""
        return self._module().read(tree, options)

    def fits(self, names: list[str]) -> bool:
        """Whether the files called `names` look like this data set, judged by their names alone."""
        return self._module().fits(names)

    def by_list(self, names: list[str]) -> bool:
        """Whether among `names` is a list of this data set's that gives the labels, so that folders are no classes."""
        module = self._module()
        return hasattr(module, "by_list") and module.by_list(names)

    def _module(self) -> ModuleType:
        return importlib.import_module(f"{__name__}.{self.module}")


READERS = {
    "rafdb": Reader("rafdb"),
    "affectnet": Reader("affectnet", ("num_classes",)),
    "caer-s": Reader("caer_s"),
    "aihub": Reader("aihub", ("label",)),
    "vr": Reader("vr"),
    "fer2013": Reader("fer2013", beside=("test.csv",)),
    "ferplus": Reader("ferplus", beside=("fer2013new.csv", "fer2013.csv", "icml_face_data.csv")),
    "expw": Reader("expw"),
    "ck+": Reader("ckplus", ("neutral",)),
    "jaffe": Reader("jaffe"),
    "ferg": Reader("ferg"),
    "list": Reader("image_list", ("columns", "root"), by_file=True),
    "folder": Reader("folder"),
}
