"""What the folders of a data set's splits are called, for every command: the one table."""

from pathlib import Path

from data_preprocessing.common.files import is_hidden

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
SPLITS = {folder: name for name, folders in SPLIT_FOLDERS.items() for folder in folders}  # a folder, in lower case -> its split


def split_of(folder: str) -> str | None:
    """The split that a folder of this name holds, in any case: train, valid or test; None where it is another's name."""
    return SPLITS.get(folder.lower())


def split_folders(root: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """The folders of each split that `root` has, in the splits' order, and its other folders. Raises OSError."""
    folders = sorted(path for path in root.iterdir() if not is_hidden(path.name) and path.is_dir())
    by_split = {name: [folder for folder in folders if split_of(folder.name) == name] for name in SPLIT_FOLDERS}
    return {name: found for name, found in by_split.items() if found}, [f for f in folders if split_of(f.name) is None]
