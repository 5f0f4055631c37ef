"""Any tree of class folders: [split/]class/**/image, with the splits' folders called as in split_names."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.words import only_if
from data_preprocessing.sources.kinds import is_image_name
from data_preprocessing.sources.labels import below_shared, few, folders_of, images_of
from data_preprocessing.sources.nesting import outer_folders, refuse_outer_folders
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.split_names import SPLITS, split_folders, split_of
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "class folders, [train|valid|test/]CLASS/**/*.jpg, of any data set"
_EXPECTED = "expected CLASS/**/*.jpg or train/CLASS/**/*.jpg, valid/CLASS/..., test/CLASS/... with at least 2 classes"


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """A record an image, labelled by its class folder. Folders that hold nothing but one other are passed over.

    An archive counts as the folder of its name without the ending. Where the classes lie in a folder for each person,
    options.subject_regex makes them the classes; without it that is refused. Raises DataError where there are not two classes,
    where some images lie in a split's folder and others beside it, or directly in a folder of classes.
    """
    images, _ = images_of(tree)
    if not images:
        raise DataError(f"{tree.root}: no images; {_EXPECTED}")
    parts = below_shared({name: folders_of(name) for name in images}, SPLITS)
    in_split = [bool(folders) and folders[0].lower() in SPLITS for folders in parts.values()]
    if any(in_split) and not all(in_split):
        stray = images[in_split.index(False)]
        raise DataError(f"{tree.root}: {stray} lies beside the split folders, not in one of them; {_EXPECTED}")
    parts, persons = _below_persons(tree, parts, all(in_split), options.subject_regex)
    records = [_record(tree, name, folders, all(in_split)) for name, folders in parts.items()]
    if len({record.label for record in records}) < 2:
        raise DataError(f"{tree.root}: only one class folder, {records[0].label}; {_EXPECTED}")
    return Listing(tree, tuple(records), (*_other_files(tree, images), *persons, *_other_splits(tree.root)))


def fits(names: list[str]) -> bool:
    """Whether the images lie in at least two class folders, which are not those of persons or data sets."""
    images = {name: folders_of(name) for name in names if is_image_name(name)}
    parts = below_shared(images, SPLITS).values()
    depth = 1 if all(folders and folders[0].lower() in SPLITS for folders in parts) else 0
    in_classes = all(len(folders) > depth for folders in parts) and len({folders[depth] for folders in parts}) > 1
    return in_classes and not outer_folders(folders[depth:] for folders in parts)[0]


def _record(tree: Tree, name: str, folders: tuple[str, ...], in_split: bool) -> Record:
    if len(folders) <= in_split:
        raise DataError(f"{tree.root}: {name} lies in no class folder; {_EXPECTED}")
    return Record(name, folders[in_split], split=SPLITS[folders[0].lower()] if in_split else None)


def _below_persons(
    tree: Tree, parts: dict[str, tuple[str, ...]], in_split: bool, subject_regex: str | None
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """`parts` without the folder of a person that holds those of the classes, and a note where there are such."""
    inside = {name: folders[in_split:] for name, folders in parts.items()}
    outer, inner = outer_folders(inside.values())
    if not outer or not subject_regex or any(map(split_of, inner)):
        refuse_outer_folders(tree.root, tree.root, inside.values())
        return parts, ()
    without = {
        name: parts[name][:in_split] + folders[bool(folders) and folders[0] in outer :] for name, folders in inside.items()
    }
    return without, (f"the classes are the folders called {few(inner)} below {few(outer)}: persons by --subject-regex",)


def _other_splits(root: Path) -> list[str]:
    """A note where `root` is the folder of one split, and others lie beside it."""
    try:
        splits = split_folders(root.resolve().parent)[0] if split_of(root.resolve().name) and root.is_dir() else {}
    except OSError:
        splits = {}
    beside = [f"{folder.name}/" for found in splits.values() for folder in found if folder.name != root.resolve().name]
    return only_if(
        beside, f"warning: {root} is one split: {', '.join(beside)} beside it not read; --source {root.parent} has all"
    )


def _other_files(tree: Tree, images: list[str]) -> tuple[str, ...]:
    """A note that counts the files that are no images, by their endings."""
    others = sorted(set(tree.names()) - set(images))
    if not others:
        return ()
    endings = Counter("." + name.rpartition(".")[2] if "." in name.rpartition("/")[2] else "no ending" for name in others)
    return (f"{len(others)} files are no images: " + ", ".join(f"{n} {ending}" for ending, n in endings.most_common(4)),)
