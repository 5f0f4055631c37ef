"""Labels that a list file or a folder's name gives to the images of a data set in its own layout, and splits made of them."""

import hashlib
import io
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial

from PIL import Image

from data_preprocessing.common.errors import DataError, printable
from data_preprocessing.common.files import MOST_TEXT
from data_preprocessing.common.words import first_of, only_if
from data_preprocessing.sources.archives import ARCHIVES
from data_preprocessing.sources.folders import Split
from data_preprocessing.sources.images import check_image, decode
from data_preprocessing.sources.kinds import START, choose_images, is_image_name, left_out_note
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.split_names import SPLIT_FOLDERS, SPLITS
from data_preprocessing.sources.trees import Tree

_LONGEST = 260  # characters of a name that a message shows: as many as file systems allow, nearly


@dataclass(frozen=True)
class TreeSplit(Split):
    """The images of one split of a Tree: `folder` is the tree's root, `paths` are names in the tree."""

    tree: Tree = field(repr=False, compare=False)

    def image(self, index: int) -> Image.Image:
        """The image in RGB. Raises DataError, OSError, ValueError or another of PIL's kinds where it cannot be decoded."""
        return decode(io.BytesIO(self.tree.read(self.paths[index])))

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of the file that holds the image, which may be an archive."""
        return self.tree.stamp(self.paths[index])

    def entry(self, index: int) -> str:
        """What a fingerprint says of the image beside its content: the path alone does not tell the class."""
        return f"{self.paths[index]} {self.classes[self.labels[index]]}"

    def inspect(self, index: int) -> tuple[str, str | None]:
        """SHA-256 of the image's content (64 hex digits) and None, or any text and what is wrong with the image."""
        try:
            data = self.tree.read(self.paths[index])
        except DataError as error:
            return "", str(error)
        return hashlib.sha256(data).hexdigest(), check_image(data)


def make_splits(listing: Listing, order: tuple[str, ...]) -> dict[str, TreeSplit]:
    """The splits that the records name, in the order train, valid, test; their classes are those of `order` that occur.

    Every record has a split, and a label of `order`. A split need not have every class. Raises DataError where there is one
    class alone.
    """
    root = listing.tree.root
    present = {record.label for record in listing.records}
    classes = tuple(name for name in order if name in present)
    if len(classes) < 2:
        raise DataError(f"{root}: only one class, {classes[0]}; a classifier needs at least 2")
    splits = {}
    for name in SPLIT_FOLDERS:
        records = [record for record in listing.records if record.split == name]
        if not records:
            continue
        labels = tuple(classes.index(record.label) for record in records)
        splits[name] = TreeSplit(name, root, classes, tuple(r.source for r in records), labels, listing.tree)
    return splits


def folders_of(name: str) -> tuple[str, ...]:
    """The folders a tree's file lies in, an archive counted as the folder it unpacks to.

    "a/train.zip/1.jpg" lies in a, train; so does "a/train.zip/train/1.jpg".
    """
    return _folders(name.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _folders(path: str) -> tuple[str, ...]:
    folders: list[str] = []
    unpacked = ""
    for part in path.split("/") if path else ():
        is_archive = part.lower().endswith(ARCHIVES)
        name = part[: -max(len(e) for e in ARCHIVES if part.lower().endswith(e))] if is_archive else part
        if not unpacked or name != unpacked:
            folders.append(name)
        unpacked = name if is_archive else ""
    return tuple(folders)


def below_shared(found: dict[str, tuple[str, ...]], splits: Container[str]) -> dict[str, tuple[str, ...]]:
    """The folders of each file without the leading ones that all of them lie in, down to one called as in `splits`."""
    while len({folders[:1] for folders in found.values()}) == 1:
        first = next(iter(found.values()))[:1]
        if not first or first[0].lower() in splits:
            break
        found = {name: folders[1:] for name, folders in found.items()}
    return found


def class_folders(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(name, split, class folder) of every image that lies directly in <split>/<class>/, at any depth."""
    for name in names:
        folders = folders_of(name)
        if len(folders) > 1 and folders[-2].lower() in SPLITS and is_image_name(name):
            yield name, SPLITS[folders[-2].lower()], folders[-1]


def read_list(tree: Tree, name: str, key: Callable[[str], str], labels: range) -> dict[str, int]:
    """key(image) -> label of a text file with lines "image label", blanks between them.

    Raises DataError naming the line where one is no such line, has a label that is not in `labels`, or gives an image a
    second, different label; and for a file that is no text or holds no line.
    """
    where = tree.root / name
    try:
        lines = unicodedata.normalize("NFC", tree.read(name, MOST_TEXT).decode("utf-8-sig")).splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: no UTF-8 text (byte {error.start}); fetch the file anew") from None
    known = {str(label) for label in labels}
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        image, _, text = line.strip().replace("\t", " ").rpartition(" ")
        if not image.strip() or text not in known:
            wanted = f"expected an image's name and a label from {labels[0]} to {labels[-1]}"
            raise DataError(f"{where}, line {number}: {line.strip()[:60]!r}: {wanted}; mend the line")
        if found.setdefault(key(image.strip()), int(text)) != int(text):
            raise DataError(f"{where}, line {number}: {few([image.strip()])} has another label above; remove one of the lines")
    if not found:
        raise DataError(f"{where}: the list is empty; fetch the file anew")
    return found


def keyed(names: Iterable[str], key: Callable[[str], str]) -> tuple[dict[str, str], list[str]]:
    """key(name) -> name, the first where several have one key, and a note that counts the others."""
    first: dict[str, str] = {}
    again = [name for name in names if first.setdefault(key(name), name) != name]
    return first, only_if(again, f"{count_of(again, 'image')} there more than once, left out: {few(again)}")


def matched(images: dict[str, str], labels: dict[str, int], source: str) -> tuple[list[tuple[str, int]], list[str]]:
    """(name, label) of each image whose key has a label, and notes that count what is in one of the two alone.

    images: key -> name, see keyed. labels: key -> label. source: what gives the labels, for the notes.
    """
    missing = sorted(labels.keys() - images.keys())
    extra = [name for key, name in images.items() if key not in labels]
    notes = only_if(missing, f"{count_of(missing, 'labelled image')} missing, which {source} names: {few(missing)}")
    notes += only_if(extra, f"{count_of(extra, 'image')} without a label in {source}, left out: {few(extra)}")
    return [(name, labels[key]) for key, name in images.items() if key in labels], notes


def left_out(names: Iterable[str], records: Iterable[Record], why: str) -> list[str]:
    """A note that counts the images among `names` that no record has; empty where there are none. why: "in no ..."."""
    used = {record.source for record in records}
    others = [name for name in names if is_image_name(name) and name not in used]
    return only_if(others, f"{count_of(others, 'image')} {why}, left out: {few(others)}")


def images_of(tree: Tree) -> tuple[list[str], dict[str, list[str]]]:
    """The images of a tree and, by kind, what else may be missed, told by content where a name does not: see choose_images."""
    return choose_images(tree.names(), partial(tree.start, count=START))


def unread_notes(tree: Tree, records: Iterable[Record]) -> list[str]:
    """Notes about files that no reader takes: images with an unusual ending that no record has, HEIC, video, ..."""
    images, others = images_of(tree)
    used = {record.source for record in records}
    unusual = [name for name in images if not is_image_name(name) and name not in used]
    remedy = "rename them as the data set's own images are called"
    notes = only_if(unusual, f"{count_of(unusual, 'image')} left out for an unusual ending: {few(unusual)}; {remedy}")
    return notes + only_if(others, left_out_note(others))


def count_of(items: list, noun: str) -> str:
    """How many there are of what: "1 image is", "2 images are"."""
    return f"{len(items)} {noun}{'s are' if len(items) != 1 else ' is'}"


def few(names: Iterable[str], most: int = 3) -> str:
    """The first `most` names and how many more there are: "a, b, c and 4 more"; in one line, whatever is in the names."""
    return printable(first_of([name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..." for name in names], most))


def stem(name: str) -> str:
    """A file's name without its folders and its ending."""
    base = name.rpartition("/")[2]
    return base.rpartition(".")[0] or base
