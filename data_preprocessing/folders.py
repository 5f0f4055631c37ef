"""Finding the splits and classes of an ImageFolder-style tree, and checking every picture before a run starts.

DIR/train/<class>/*.jpg, DIR/valid/ (or val/) and optionally DIR/test/. Nothing here writes. A `Split` of another kind
(fer2013.py) overrides the methods that read a picture.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PIL import Image

from data_preprocessing.errors import DataError, printable
from data_preprocessing.files import files_below, is_dead_link, is_hidden, read_file, readable, reason
from data_preprocessing.images import EXTENSIONS, check_image, load_image

SPLIT_FOLDERS = {"train": ("train",), "valid": ("valid", "val"), "test": ("test",)}
Stamps = dict[str, tuple[int, int, str]]  # see Checked
_LAYOUT = "expected DIR/train/<class>/*.jpg, DIR/valid/<class>/... and optionally DIR/test/<class>/..."


@dataclass(frozen=True)
class Split:
    """The pictures of one split: `labels[i]` is the index into `classes` of picture `paths[i]` (relative to folder).

    `folder` and `paths` are what messages and tables name. Every method takes a picture's index into `paths`, so a split
    with fewer of them (dataclasses.replace) reads the right pictures; any thread or process may call it.
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]

    def counts(self) -> dict[str, int]:
        """Pictures a class, in class order."""
        return {name: self.labels.count(k) for k, name in enumerate(self.classes)}

    def reordered(self, classes: tuple[str, ...]) -> "Split":
        """The same pictures with labels that index `classes`, which holds every class of this split."""
        return replace(self, classes=classes, labels=tuple(classes.index(self.classes[k]) for k in self.labels))

    def where(self, index: int) -> str:
        """What messages call the picture: its file."""
        return str(self.folder / self.paths[index])

    def picture(self, index: int) -> Image.Image:
        """The picture in RGB. Raises OSError, ValueError or another of PIL's kinds where it cannot be decoded."""
        return load_image(self.folder / self.paths[index])

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of the file that holds the picture. Raises OSError without one."""
        status = os.stat(self.folder / self.paths[index])
        return status.st_size, status.st_mtime_ns

    def entry(self, index: int) -> str:
        """What a fingerprint says of the picture beside its content: its path, which tells its class as well."""
        return self.paths[index]

    def inspect(self, index: int) -> tuple[str, str | None]:
        """SHA-256 of the picture's content (64 hex digits) and None, or any text and what is wrong with the picture."""
        try:
            data = read_file(self.folder / self.paths[index])
        except OSError as error:
            return "", reason(error)
        return hashlib.sha256(data).hexdigest(), check_image(data)


def find_splits(root: Path | str) -> dict[str, Path]:
    """The split folders that exist under `root`, by their standard name. Raises DataError where there is none."""
    root = Path(root)
    with _told(f"--data {root}"):
        if not root.exists():
            raise DataError(f"--data {root}: no such folder")
        if not root.is_dir():
            raise DataError(
                f"--data {root}: this is a file; give the folder that holds train/ and valid/, or FER2013's CSV file"
            )
        found = {}
        for name, folders in SPLIT_FOLDERS.items():
            existing = [root / folder for folder in folders if (root / folder).is_dir()]
            if len(existing) > 1:
                raise DataError(f"--data {root}: has both {' and '.join(f'{p.name}/' for p in existing)}; keep one")
            if existing:
                found[name] = existing[0]
        if not found:
            raise DataError(f"--data {root}: no train/, valid/ or test/ folder ({_contents(root)}); {_LAYOUT}")
        return found


def read_split(name: str, folder: Path) -> Split:
    """List the classes (sorted by name, as torchvision's ImageFolder does) and pictures of one split folder.

    Raises DataError where there is no class folder, no picture, or a folder that cannot be read; for train also where there
    are fewer than two class folders or an empty one.
    """
    with _told(str(folder)):
        found = [p for p in folder.iterdir() if not is_hidden(p.name) and not p.name.startswith("__MACOSX")]
        _refuse_dead_links(found)
        class_folders = sorted((p for p in found if p.is_dir()), key=_class_name)
        if not class_folders:
            raise DataError(f"{folder}: no class folders ({_contents(folder)}); {_flat_remedy(folder)}")
    if len(class_folders) < 2 and name == "train":
        raise DataError(f"{folder}: only one class folder, {class_folders[0].name}; a classifier needs at least 2")
    paths, labels = [], []
    for label, class_folder in enumerate(class_folders):
        pictures = _pictures_below(class_folder)
        if not pictures and name == "train":
            raise DataError(f"{class_folder}: no pictures in this class folder; fill it or remove it from every split")
        above = len(str(class_folder)) - len(class_folder.name)
        paths += [path[above:].replace(os.sep, "/") for path in pictures]
        labels += [label] * len(pictures)
    if not paths:
        raise DataError(f"{folder}: no pictures in its class folders; fill them, or remove the folder")
    classes = tuple(_class_name(p) for p in class_folders)
    if len(set(classes)) < len(classes):
        raise DataError(f"{folder}: two class folders have the same name in two Unicode forms; merge them")
    return Split(name, folder, classes, tuple(paths), tuple(labels))


@dataclass(frozen=True)
class Checked:
    """What check_pictures found.

    split: without unreadable pictures. bad: "path: reason" of each dropped one. fingerprint: SHA-256 (64 hex digits) over
    names and contents. stamps: path -> (size in bytes, time of last change in ns, SHA-256 of the content) of those kept.
    """

    split: Split
    bad: list[str]
    fingerprint: str
    stamps: Stamps


def check_pictures(
    split: Split,
    skip_bad: bool,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
    known: Stamps | None = None,
) -> Checked:
    """Decode every picture of `split` once.

    skip_bad: drop unreadable pictures instead of stopping. progress: wraps the iteration, given its length and a text.
    known: the stamps of an earlier check; a picture whose file has that size and time still is not read again.
    Raises DataError naming an unreadable picture, or a class of train whose pictures are all unreadable, or where no picture
    of another split can be read.
    """
    bad, kept, lines, stamps = [], [], [], {}
    total = len(split.paths)
    examine = partial(_examine, split, known or {})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = progress(pool.map(examine, range(total)), total, f"checking {split.name}")
        for index, (stamp, digest, problem) in enumerate(results):
            if problem and not skip_bad:
                pool.shutdown(wait=False, cancel_futures=True)
                raise unreadable(split, index, problem)
            if problem:
                bad.append(printable(f"{split.where(index)}: {problem}"))
                continue
            kept.append(index)
            lines.append(f"{split.entry(index)} {digest}\n")
            if stamp:
                stamps[split.paths[index]] = (*stamp, digest)
    clean = replace(split, paths=tuple(split.paths[i] for i in kept), labels=tuple(split.labels[i] for i in kept))
    lost = set(split.labels) - set(clean.labels)
    if lost and (split.name == "train" or not kept):
        raise DataError(f"{split.folder}: no readable picture is left in class {split.classes[min(lost)]}")
    fingerprint = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return Checked(clean, bad, fingerprint, stamps)


def _examine(split: Split, known: Stamps, index: int) -> tuple[tuple[int, int] | None, str, str | None]:
    """Stamp, digest and problem of a picture. The stamp is taken before the content: a change in between shows later."""
    try:
        stamp = split.stamp(index)
    except (OSError, DataError):  # of a vanished file; what is wrong is told by reading it
        stamp = None
    size, changed, digest = known.get(split.paths[index], (None, None, ""))
    if stamp and stamp == (size, changed):
        return stamp, digest, None
    return stamp, *split.inspect(index)


def unreadable(split: Split, index: int, problem: str | Exception) -> DataError:
    """The error to raise about a picture that cannot be read."""
    what = reason(problem) if isinstance(problem, Exception) else problem
    return DataError(f"{split.where(index)}: unreadable picture ({what}); mend it, or --skip-bad-images")


def _class_name(folder: Path) -> str:
    """Composed (NFC), whatever form the file system keeps: macOS decomposes accents and Hangul. Always UTF-8."""
    return readable(folder.name)


def _pictures_below(folder: Path) -> list[str]:
    files = list(files_below(folder))
    _refuse_dead_links(file for file in files if not file.lower().endswith(EXTENSIONS))
    return [file for file in files if file.lower().endswith(EXTENSIONS)]


def _refuse_dead_links(paths: Iterable[Path | str]) -> None:
    """A link that was a folder's would leave out its pictures without a word."""
    for path in paths:
        if is_dead_link(path):
            raise DataError(f"{path}: a link to nothing; mend or remove it")


@contextmanager
def _told(place: str) -> Iterator[None]:
    """An OSError becomes a DataError about `place`."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({reason(error)})") from None


def _contents(folder: Path, most: int = 3) -> str:
    names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir())
    if not names:
        return "it is empty"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"found {', '.join(names[:most])}{more}"


def _flat_remedy(folder: Path) -> str:
    """What to do about pictures that lie directly in a split folder, above all RAF-DB as it is distributed."""
    if any(p.name.startswith(("train_", "test_")) and p.suffix == ".jpg" for p in folder.iterdir()):
        return (
            "these are RAF-DB's flat files: move each picture into a folder named after its label, "
            f"{folder.name}/1 ... {folder.name}/7, by the lines 'name label' of list_patition_label.txt"
        )
    return "put each class's pictures into a folder of its own; " + _LAYOUT
