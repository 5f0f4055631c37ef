"""Finding the splits of an ImageFolder-style tree: DIR/train/<class>/*.jpg, DIR/valid/ and optionally DIR/test/."""

from collections.abc import Callable
from pathlib import Path

from data_preprocessing.common.errors import DataError, printable
from data_preprocessing.common.words import first_of, quantity
from data_preprocessing.sources.folders import images_below, told
from data_preprocessing.sources.split_names import split_folders
from data_preprocessing.sources.wrong_folders import explain_file, explain_folder


def find_splits(root: Path | str, say: Callable[[str], None] = lambda text: None) -> dict[str, Path]:
    """The split folders under `root` by their standard name, in the order train, valid, test; see split_names.

    say: gets a line about other folders that hold images. Raises DataError where there is no split folder, saying what fits
    what was found, or two of one split.
    """
    root = Path(root)
    with told(f"--data {root}"):
        if not root.exists():
            raise DataError(f"--data {root}: no such folder")
        if not root.is_dir():
            raise DataError(f"--data {root}: this is a file; {explain_file(root)}")
        found, others = split_folders(root)
        for folders in found.values():
            if len(folders) > 1:
                both = " and ".join(f"{folder.name}/" for folder in folders)
                raise DataError(f"--data {root}: has both {both}, the same split; join them, or keep one")
        if not found:
            raise DataError(f"--data {root}: no train/, valid/ or test/ folder ({explain_folder(root)}")
        _say_unread(root, others, say)
        return {name: folders[0] for name, folders in found.items()}


def _say_unread(root: Path, folders: list[Path], say: Callable[[str], None]) -> None:
    counts = {}
    for folder in folders:
        try:
            counts[folder.name] = len(images_below(folder)[0])
        except DataError as error:  # no reason to end: nothing in it is read
            say(f"warning: {root}: not read, beside the folders of the splits: {error}")
    unread = [f"{name}/ ({quantity(count, 'image')})" for name, count in counts.items() if count]
    if unread:
        say(f"warning: {root}: not read, beside the folders of the splits: {printable(first_of(unread, 5))}")
