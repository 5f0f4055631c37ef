"""What the folders of a data set's splits are called, for every command: the one table."""

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
SPLITS = {folder: name for name, folders in SPLIT_FOLDERS.items() for folder in folders}  # a folder, in lower case -> its split


def split_of(folder: str) -> str | None:
    """The split that a folder of this name holds, in any case: train, valid or test; None where it is another's name."""
    return SPLITS.get(folder.lower())
