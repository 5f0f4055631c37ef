"""What --data may name: a folder of class folders, or FER2013's CSV file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from data_preprocessing.fer2013 import read_fer2013
from data_preprocessing.folders import Split, find_splits, read_split


def open_source(data: Path | str, say: Callable[[str], None] = lambda text: None) -> dict[str, Callable[[], Split]]:
    """A reader of each split that `data` has, by its name, in the order train, valid, test.

    data: a folder (see find_splits), whose splits are listed only when their reader is called; or a CSV file of FER2013
    (see read_fer2013), by its name's ending, which is read at once: all its splits lie in it. say: told what the user
    should know about how a CSV file was split, in one-line texts. Raises DataError where `data` is neither or is broken.
    """
    path = Path(data)
    if path.suffix.lower() == ".csv" and path.is_file():
        return {name: partial(_itself, split) for name, split in read_fer2013(path, say).items()}
    return {name: partial(read_split, name, folder) for name, folder in find_splits(path).items()}


def _itself(split: Split) -> Split:
    return split
