"""What --data may name: a folder of class folders, FER2013's CSV file, a list of images, RAF-DB or AffectNet as distributed."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

from data_preprocessing.common.commands import prepare_command
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import is_hidden, reason
from data_preprocessing.common.words import in_brackets
from data_preprocessing.readers import affectnet, rafdb
from data_preprocessing.sources.fer2013 import is_fer2013, read_fer2013
from data_preprocessing.sources.folders import Split, read_split
from data_preprocessing.sources.folds import Folds, cut, pool_splits
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import make_splits, unread_notes
from data_preprocessing.sources.list_file import ImageList
from data_preprocessing.sources.list_splits import list_pool, list_splits, open_list
from data_preprocessing.sources.reading import ENDINGS, USUAL, Reading
from data_preprocessing.sources.split_folders import find_splits
from data_preprocessing.sources.split_names import split_folders
from data_preprocessing.sources.trees import Tree, open_tree
from data_preprocessing.sources.unprepared import refuse_label_files, say_misplaced

_NATIVE_FORMS = {rafdb: (*rafdb.LISTS, "EmoLabel", "Image/aligned"), affectnet: tuple(affectnet.SETS)}
_TITLES = {rafdb: "RAF-DB", affectnet: "AffectNet"}


def open_source(
    data: Path | str, say: Callable[[str], None] = lambda text: None, reading: Reading = USUAL
) -> dict[str, Callable[[], Split]]:
    """A reader of each split that `data` has, by its name, in the order train, valid, test.

    data: a folder (see split_folders), whose splits are listed only when their reader is called; a CSV file of FER2013
    (see read_fer2013), by its name's ending; a list of images (see list_file.py), classes sorted by name; or a folder of
    RAF-DB with its list file or of AffectNet (see their readers), classes in the data set's label order. Of all but the first
    all splits are listed at once. say: told what the user should know about how those were read, in one-line texts.
    reading: how a list is read and cut, and which fold of all images is wanted in place of the splits. Raises DataError where
    `data` is none of them or is broken.
    """
    path = Path(data)
    with _readable(path):
        if reading.folds is not None:
            folds = _open_folds(path, say, reading)
            if reading.fold > len(folds.names):
                raise DataError(f"--fold {reading.fold}: {path} has {len(folds.names)} folds")
            splits = folds.splits(reading.fold - 1)
            for text in folds.said(reading.fold - 1, splits):
                say(text)
            return {name: partial(_itself, split) for name, split in splits.items()}
        if is_list(path):
            splits = list_splits(_open_list(path, say, reading), reading.seed, say)
            return {name: partial(_itself, split) for name, split in splits.items()}
        refuse_for_folders(path, reading)
        return _open(path, say, reading)


def open_folds(data: Path | str, say: Callable[[str], None], reading: Reading) -> Folds:
    """All images of `data` cut into the folds that `reading` asks for. Raises DataError as open_source does, and as cut."""
    with _readable(Path(data)):
        return _open_folds(Path(data), say, reading)


def _open_folds(path: Path, say: Callable[[str], None], reading: Reading) -> Folds:
    if is_list(path):
        return cut(list_pool(_open_list(path, say, reading), reading), reading)
    refuse_for_folders(path, reading)
    splits = [read() for read in _open(path, say, reading).values()]
    return cut(pool_splits(path, splits, reading.subject_regex, say), reading)


def _open_list(path: Path, say: Callable[[str], None], reading: Reading) -> ImageList:
    found, said = open_list(path, reading)
    for text in said:
        say(text)
    return found


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"--data {path}: {error.filename or path} cannot be read ({reason(error)})") from None


def is_list(path: Path) -> bool:
    """Whether a file is to be read as a list of images: by its ending, and not as FER2013's table, which holds its images."""
    return path.suffix.lower() in ENDINGS and path.is_file() and not is_fer2013(path)


def refuse_for_folders(path: Path, reading: Reading) -> None:
    """Raises DataError for what is asked of a list alone, or of a list and folds."""
    with_folds = {"subject_regex": "subject-regex"} if reading.folds is None else {}
    for name, flag in {"columns": "columns", "root": "root", **with_folds}.items():
        if getattr(reading, name) is not None and path.exists():
            other = " or with --folds" if name in with_folds else ""
            raise DataError(
                f"--{flag} {getattr(reading, name)}: goes with a list of images{other}; {path} is no list: leave it out"
            )


def _open(path: Path, say: Callable[[str], None], reading: Reading) -> dict[str, Callable[[], Split]]:
    if path.suffix.lower() == ".csv" and path.is_file():
        return {name: partial(_itself, split) for name, split in read_fer2013(path, say).items()}
    splits = _read_native(path, say, reading)
    if splits:
        return {name: partial(_itself, split) for name, split in splits.items()}
    refuse_label_files(path)
    folders = find_splits(path, say)
    say_misplaced(path, folders, say)
    return {name: partial(read_split, name, folder, say) for name, folder in folders.items()}


def _read_native(root: Path, say: Callable[[str], None], reading: Reading) -> dict[str, Split]:
    """The splits of a data set in its own layout; empty where `root` is something else."""
    found = _native(root)
    if found is None:
        return {}
    reader, tree = found
    title = _TITLES[reader]
    say(f"{root}: {title} in its own layout; reading its labels")
    listing = reader.read(tree, SimpleNamespace(num_classes=len(affectnet.CLASSES) - (not reading.contempt)))
    if any(record.box or record.split is None for record in listing.records):
        command = _prepare_native(reader, root)
        raise DataError(f"{root}: its labels give face boxes, or no splits; {command} crops the faces and makes the splits")
    splits = make_splits(listing, reader.CLASSES)
    notes = [*listing.notes, *unread_notes(tree, listing.records)]
    if set(splits) == {"train"}:
        where = in_brackets("; ".join(notes))
        raise DataError(f"{root}: the labels are of train alone{where}; {_cut_command(root, reader)}")
    for note in notes:
        say(f"{root}: {note}")
    classes = next(iter(splits.values())).classes
    say(f"{root}: {len(classes)} classes in {title}'s label order: {', '.join(classes)}")
    if reader is affectnet:
        own, other = ("8", "7 leaves contempt out") if reading.contempt else ("7", "8 takes contempt in")
        say(f"{root}: its recipe is --data_type AffectNet-{own}; --data_type AffectNet-{other}")
    return splits


def refuse_native(root: Path, what: str) -> None:
    """Raises DataError where `root` is a data set in its own layout, which `what` does not read, with the command that writes
    class folders."""
    found = _native(root)
    if found is not None:
        reader, _ = found
        layout = f"{_TITLES[reader]} in its own layout, which {what} does not read"
        raise DataError(f"{root}: {layout}; {_prepare_native(reader, root)} writes class folders to {what}")


def _native(root: Path) -> tuple[ModuleType, Tree] | None:
    """The reader of a data set in its own layout, and its files; None where `root` is something else."""
    reader = _likely_reader(root)
    if reader is None:
        return None
    tree = open_tree(root)
    names = tree.names()
    return (reader, tree) if (rafdb.find_lists(names) if reader is rafdb else affectnet.fits(names)) else None


def _prepare_native(reader: ModuleType, root: Path) -> str:
    return prepare_command("rafdb" if reader is rafdb else "affectnet", root)


def _cut_command(root: Path, reader: ModuleType) -> str:
    return f"fetch the list of all images, or {_prepare_native(reader, root)} cuts valid and test out of train"


def _likely_reader(root: Path) -> ModuleType | None:
    """The reader to try, by a glance at a few names: folders of classes stay as quick to open as they are."""
    folders = [folder for found in split_folders(root)[0].values() for folder in found] if root.is_dir() else []
    if folders:
        return rafdb if all(_is_flat(folder) for folder in folders) else None
    for reader, marks in _NATIVE_FORMS.items():
        if any((root / mark).exists() or any(root.glob(f"*/{mark}")) for mark in marks):
            return reader
    return None


def _is_flat(folder: Path) -> bool:
    """Whether RAF-DB's images lie directly in a split's folder, and no folder of images beside them."""
    with os.scandir(folder) as entries:
        found = False
        for entry in entries:
            if entry.is_dir() and not is_hidden(entry.name) and _holds_images(Path(entry.path)):
                return False
            found = found or rafdb.is_flat_image(entry.name)
        return found


def _holds_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(is_image_name(entry.name) or entry.is_dir() for entry in entries)


def _itself(split: Split) -> Split:
    return split
