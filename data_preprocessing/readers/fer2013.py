"""FER2013's CSV file, alone or in a folder or archive (see data_preprocessing.sources.fer2013), or its images as files."""

import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE, reason
from data_preprocessing.readers import fer2013_images
from data_preprocessing.readers.layouts import base_name, counted, image_names, wrong_layout
from data_preprocessing.sources.fer2013 import CsvSplit, read_fer2013
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = (
    "fer2013.csv, icml_face_data.csv, ckextended.csv, or Kaggle's train.csv with test.csv; or images CLASS/PublicTest_1.jpg"
)
# the complete ones first: Kaggle's archive holds three
FILES = ("fer2013.csv", "icml_face_data.csv", "train.csv", "ckextended.csv")


def fits(names: list[str]) -> bool:
    """Whether a CSV file of FER2013, or an image called as its images are, is among the files `names`."""
    return any(base_name(name).lower() in FILES for name in names) or fer2013_images.fits(names)


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """One record a row, with its pixels and the split its Usage names; rows with wrong pixels are left out and counted.

    Of a tree without such a file: its images, see fer2013_images. options: not used. Raises DataError where there is no such
    file, or one that cannot be read as such (see read_fer2013).
    """
    names = tree.names()
    if fer2013_images.fits(names) and not any(base_name(name).lower() in FILES for name in names):
        return fer2013_images.read(tree)
    name = _only_table(names) or find_table(tree, FILES)
    notes = [f"read: {name}"]
    splits = read_table(tree, name, notes.append)
    records, wrong = [], []
    for split in splits.values():
        # rows of the test.csv beside a train.csv have the same numbers
        prefix = "" if split.folder.name == base_name(name) else f"{split.folder.name}, "
        wrong += [f"{prefix}{path}: {problem}" for path, problem in split.problems.items()]
        for path, label in zip(split.paths, split.labels):
            if path not in split.problems:
                records.append(Record(prefix + path, split.classes[label], split=split.name, pixels=row_pixels(split, path)))
    return Listing(tree, tuple(records), (*notes, *counted("rows with wrong pixels, left out", wrong)))


def _only_table(names: list[str]) -> str | None:
    """The one CSV file, whatever it is called, where there are no images; a test.csv goes with another."""
    tables = [name for name in names if name.lower().endswith(".csv")]
    others = [name for name in tables if base_name(name).lower() != "test.csv"] or tables
    return others[0] if len(others) == 1 and not image_names(names) else None


def find_table(tree: Tree, files: tuple[str, ...]) -> str:
    """The name of the first of `files` that is in the tree, at the shallowest place. Raises DataError where none is."""
    for file in files:
        found = [name for name in tree.names() if base_name(name).lower() == file]
        if found:
            return min(found, key=lambda name: name.count("/"))
    raise wrong_layout(tree, f"a file {' or '.join(files)}")


def read_table(tree: Tree, name: str, say: Callable[[str], None]) -> dict[str, CsvSplit]:
    """The splits of the CSV file `name` of the tree (see read_fer2013), whether it lies in a folder or in an archive."""
    if (tree.root / name).is_file():
        return read_fer2013(tree.root / name, say)
    beside = [other for other in tree.names() if other == str(PurePosixPath(name).with_name("test.csv"))]
    with tempfile.TemporaryDirectory(prefix="fer_") as folder:
        path = Path(folder, base_name(name))

        def told(text: str) -> str:  # the temporary folder means nothing to the user
            return text.replace(folder, str((tree.root / name).parent))

        try:
            for member in {name, *beside}:
                Path(folder, base_name(member)).write_bytes(tree.read(member, MOST_TABLE))
            return read_fer2013(path, lambda text: say(told(text)))
        except DataError as error:
            raise DataError(told(str(error))) from None
        except OSError as error:
            space = tempfile.gettempdir()
            problem = f"cannot be unpacked in {space} ({reason(error)}); unpack it yourself"
            raise DataError(f"{tree.root / name}: {problem}") from None


def row_pixels(split: CsvSplit, path: str) -> bytes:
    """The 48×48 grey values of a row."""
    return split.pixels[split.places[path]].tobytes()
