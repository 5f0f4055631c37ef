"""Listing the classes and images of a split's folder, and checking every image before a run starts.

Nothing here writes. A `Split` of another kind (fer2013.py) overrides the methods that read an image.
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

from data_preprocessing.common.commands import prepare_command
from data_preprocessing.common.errors import DataError, printable
from data_preprocessing.common.files import files_below, is_dead_link, is_hidden, read_file, read_start, readable, reason
from data_preprocessing.common.words import first_of, in_brackets
from data_preprocessing.sources.images import check_image, load_image
from data_preprocessing.sources.kinds import START, choose_images, is_image_name, left_out_note
from data_preprocessing.sources.nesting import refuse_outer_folders

Stamps = dict[str, tuple[int, int, str]]  # see Checked
LAYOUT = "expected DIR/train/<class>/*.jpg, DIR/valid/<class>/... and optionally DIR/test/<class>/..."


@dataclass(frozen=True)
class Split:
    """The images of one split: `labels[i]` is the index into `classes` of image `paths[i]` (relative to folder).

    `folder` and `paths` are what messages and tables name. Every method takes an image's index into `paths`, so a split
    with fewer of them (dataclasses.replace) reads the right images; any thread or process may call it.
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]

    def counts(self) -> dict[str, int]:
        """Images per class, in class order."""
        return {name: self.labels.count(k) for k, name in enumerate(self.classes)}

    def reordered(self, classes: tuple[str, ...]) -> "Split":
        """The same images with labels that index `classes`, which holds every class of this split."""
        return replace(self, classes=classes, labels=tuple(classes.index(self.classes[k]) for k in self.labels))

    def where(self, index: int) -> str:
        """What messages call the image: its file."""
        return str(self.folder / self.paths[index])

    def image(self, index: int) -> Image.Image:
        """The image in RGB. Raises OSError, ValueError or another of PIL's kinds where it cannot be decoded."""
        return load_image(self.folder / self.paths[index])

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of the file that holds the image. Raises OSError without one."""
        status = os.stat(self.folder / self.paths[index])
        return status.st_size, status.st_mtime_ns

    def entry(self, index: int) -> str:
        """What a fingerprint says of the image beside its content: its path, which gives its class as well."""
        return self.paths[index]

    def inspect(self, index: int) -> tuple[str, str | None]:
        """SHA-256 of the image's content (64 hex digits) and None, or any text and what is wrong with the image."""
        try:
            data = read_file(self.folder / self.paths[index])
        except OSError as error:
            return "", reason(error)
        return hashlib.sha256(data).hexdigest(), check_image(data)


def read_split(name: str, folder: Path, say: Callable[[str], None] = lambda text: None) -> Split:
    """List the classes (sorted by name, as torchvision's ImageFolder does) and images of one split folder.

    say: gets a line about the files that are left out. Raises DataError where there is no class folder, no image, a folder
    that cannot be read, or where the folders are of persons or data sets that hold the classes; for train also where there
    are fewer than two class folders or an empty one.
    """
    with told(str(folder)):
        found = [p for p in folder.iterdir() if not is_hidden(p.name)]
        _refuse_dead_links(found)
        class_folders = sorted((p for p in found if p.is_dir()), key=_class_name)
        if not class_folders:
            raise DataError(f"{folder}: no class folders ({contents(folder)}); {_flat_remedy(folder)}")
    if len(class_folders) < 2 and name == "train":
        raise DataError(f"{folder}: only one class folder, {class_folders[0].name}; a classifier needs at least 2")
    paths, labels = [], []
    left_out: dict[str, list[str]] = {}
    for label, class_folder in enumerate(class_folders):
        images, others = images_below(class_folder)
        above = len(str(class_folder)) - len(class_folder.name)
        for kind, files in others.items():
            left_out.setdefault(kind, []).extend(file[above:] for file in files)
        if not images and name == "train":
            what = in_brackets(left_out_note(others))
            raise DataError(f"{class_folder}: no images in this class folder{what}; fill it or remove it from every split")
        paths += [path[above:].replace(os.sep, "/") for path in images]
        labels += [label] * len(images)
    if not paths:
        what = in_brackets(left_out_note(left_out))
        raise DataError(f"{folder}: no images in its class folders{what}; fill them, or remove the folder")
    classes = tuple(_class_name(p) for p in class_folders)
    if len(set(classes)) < len(classes):
        raise DataError(f"{folder}: two class folders have the same name in two Unicode forms; merge them")
    refuse_outer_folders(folder, folder.parent, (tuple(path.split("/")[:-1]) for path in paths if path.count("/") > 1))
    _say_left_out(name, left_out, [p for p in found if is_image_name(p.name) and p.is_file()], say)
    return Split(name, folder, classes, tuple(paths), tuple(labels))


def _say_left_out(name: str, left_out: dict[str, list[str]], loose: list[Path], say: Callable[[str], None]) -> None:
    """Say what read_split leaves out. loose: images that lie directly in the split's folder."""
    note = left_out_note(left_out, name)
    if note:
        say(note)
    if loose:
        shown = printable(", ".join(sorted(path.name for path in loose)[:3]))
        what = "1 image lies" if len(loose) == 1 else f"{len(loose)} images lie"
        say(f"warning: {name}: {what} directly in {loose[0].parent}, in no class folder: left out ({shown})")


@dataclass(frozen=True)
class Checked:
    """What check_images found.

    split: without unreadable images. bad: "path: reason" of each dropped one. fingerprint: SHA-256 (64 hex digits) over
    names and contents. stamps: path -> (size in bytes, time of last change in ns, SHA-256 of the content) of those kept.
    """

    split: Split
    bad: list[str]
    fingerprint: str
    stamps: Stamps


def check_images(
    split: Split,
    skip_bad: bool,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
    known: Stamps | None = None,
) -> Checked:
    """Decode every image of `split` once.

    skip_bad: drop unreadable images instead of stopping. progress: wraps the iteration, given its length and a text.
    known: the stamps of an earlier check; an image whose file has that size and time still is not read again.
    Raises DataError naming an unreadable image, or a class of train whose images are all unreadable, or where no image
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
        raise DataError(f"{split.folder}: no readable image is left in class {split.classes[min(lost)]}")
    fingerprint = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return Checked(clean, bad, fingerprint, stamps)


def _examine(split: Split, known: Stamps, index: int) -> tuple[tuple[int, int] | None, str, str | None]:
    """Stamp, digest and problem of an image. The stamp is taken before the content: a change in between shows later."""
    try:
        stamp = split.stamp(index)
    except (OSError, DataError):  # of a vanished file; reading it reports what is wrong
        stamp = None
    size, changed, digest = known.get(split.paths[index], (None, None, ""))
    if stamp and stamp == (size, changed):
        return stamp, digest, None
    return stamp, *split.inspect(index)


def unreadable(split: Split, index: int, problem: str | Exception) -> DataError:
    """The error to raise about an image that cannot be read."""
    what = reason(problem) if isinstance(problem, Exception) else problem
    return DataError(f"{split.where(index)}: unreadable image ({what}); mend it, or --skip-bad-images")


def _class_name(folder: Path) -> str:
    """Composed (NFC), whatever form the file system keeps: macOS decomposes accents and Hangul. Always UTF-8."""
    return readable(folder.name)


def images_below(folder: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The images below a folder as paths, and what is left out, as choose_images gives it. Raises DataError for a dead link."""
    files = list(files_below(folder))
    _refuse_dead_links(file for file in files if not is_image_name(file))
    return choose_images(files, partial(read_start, count=START))


def _refuse_dead_links(paths: Iterable[Path | str]) -> None:
    """A link that was a folder's would leave out its images without a word."""
    for path in paths:
        if is_dead_link(path):
            raise DataError(f"{path}: a link to nothing; mend or remove it")


@contextmanager
def told(place: str) -> Iterator[None]:
    """An OSError becomes a DataError about `place`."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({reason(error)})") from None


def contents(folder: Path, most: int = 3) -> str:
    """What lies in a folder, for a message: the first `most` names, folders with a slash."""
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir())
    if not names:
        return "it is empty"
    return f"found {first_of(names, most)}"


def _flat_remedy(folder: Path) -> str:
    """What to do about images that lie directly in a split folder, above all RAF-DB as it is distributed."""
    if any(p.name.startswith(("train_", "test_")) and p.suffix == ".jpg" for p in folder.iterdir()):
        command = prepare_command("rafdb", folder.parent)
        return f"these are RAF-DB's flat files: with its list_patition_label.txt beside them {command} writes class folders"
    return "put each class's images into a folder of its own; " + LAYOUT
