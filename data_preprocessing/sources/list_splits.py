"""The splits of a list of images: as its column says, or cut by subject or at random; faces are cropped by their boxes."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import read_file, reason
from data_preprocessing.common.words import quantity
from data_preprocessing.prepare.crops import MARGIN, Box, cut_out
from data_preprocessing.prepare.splitting import LEAKS, RATIOS, SPLITS, assign_splits
from data_preprocessing.sources.folders import Split
from data_preprocessing.sources.folds import Pool
from data_preprocessing.sources.images import check_image
from data_preprocessing.sources.list_file import ImageList, read_image_list
from data_preprocessing.sources.reading import Reading
from data_preprocessing.sources.records import Record, name_subjects
from data_preprocessing.sources.wrong_folders import explain_file


@dataclass(frozen=True)
class ListSplit(Split):
    """The images of one split of a list: `folder` is what their paths are relative to.

    faces: path -> the file and the face box of those that have one. Of several faces of one file the path says the box, too.
    """

    faces: dict[str, tuple[str, Box]] = field(repr=False, compare=False)

    def _file(self, index: int) -> Path:
        path = self.paths[index]
        return self.folder / (self.faces[path][0] if path in self.faces else path)

    def image(self, index: int) -> Image.Image:
        """The image, or the face in it, in RGB. Raises OSError, ValueError or another of PIL's kinds."""
        if self.paths[index] not in self.faces:
            return super().image(index)
        return cut_out(read_file(self._file(index)), self.faces[self.paths[index]][1], MARGIN)

    def stamp(self, index: int) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of the file. Raises OSError without one."""
        status = self._file(index).stat()
        return status.st_size, status.st_mtime_ns

    def entry(self, index: int) -> str:
        """What a fingerprint says of the image beside its content: its class and its box are not in the path."""
        path = self.paths[index]
        return f"{path} {self.classes[self.labels[index]]}" + (f" {self.faces[path][1]}" if path in self.faces else "")

    def inspect(self, index: int) -> tuple[str, str | None]:
        """SHA-256 of the file's content (64 hex digits) and None, or any text and what is wrong with the image."""
        try:
            data = read_file(self._file(index))
        except OSError as error:
            return "", reason(error)
        problem = check_image(data)
        if problem is None and self.paths[index] in self.faces:
            try:
                cut_out(data, self.faces[self.paths[index]][1], MARGIN)
            except ValueError as error:
                problem = reason(error)
        return hashlib.sha256(data).hexdigest(), problem


def open_list(path: Path, reading: Reading) -> tuple[ImageList, list[str]]:
    """The list at `path` with the subjects that reading.subject_regex finds, and what is to be said of it.

    Raises DataError where it is none, saying what else fits the file, or has one class alone.
    """
    try:
        found = read_image_list(path, reading.columns, reading.root and Path(reading.root))
        if found.missing:
            first, count = found.records[0].source, quantity(len(found.records), "image")
            raise DataError(f"{path}: none of its {count} is in {found.root}, such as {first}; --root names their folder")
    except DataError as error:
        hint = explain_file(path) if reading.columns is None and reading.root is None else ""
        raise DataError(f"{error}; {hint}" if "prepare" in hint or "folder of the images" in hint else str(error)) from None
    if reading.subject_regex is not None:
        found = replace(found, records=name_subjects(found.records, reading.subject_regex))
    classes = sorted({record.label for record in found.records})
    if len(classes) < 2:
        raise DataError(f"{path}: only one class, {classes[0]}; a classifier needs at least 2")
    boxes = sum(record.box is not None for record in found.records)
    mark = "warning: "
    said = [f"{mark if note.startswith(mark) else ''}{path}: {note.removeprefix(mark)}" for note in found.notes]
    if boxes:
        said.append(f"{path}: {quantity(boxes, 'face')} cropped by box, with {MARGIN:g} of its sides added on each side")
    return found, said


def list_splits(found: ImageList, seed: int, say: Callable[[str], None]) -> dict[str, ListSplit]:
    """The splits of a list by name: those it gives, with valid cut out of train where it gives none, or cut anew.

    seed: of what is cut. say: told how. Raises DataError as assign_splits does, in the words of main.py's flags.
    """
    records, given = found.records, {record.split for record in found.records}
    if None in given and any(record.subject for record in records) and not all(record.subject for record in records):
        without = [record.source for record in records if not record.subject]
        raise DataError(
            f"{found.file}: {quantity(len(without), 'image')} without a subject, such as {without[0]}; fill them in, or take "
            "no column: --columns subject="
        )
    if None in given or "train" in given:
        records, notes = assign_splits(records, seed=seed)
        how = f" ({_shares(given)}, --split-seed {seed})" if given != set(SPLITS) and given != {"train", "valid"} else ""
        for number, note in enumerate(notes):
            leaks = any(words in note for words in LEAKS)
            say(f"{'warning: ' if leaks else ''}{found.file}: {note}{how if number == 0 else ''}")
    names = [name for name in SPLITS if any(record.split == name for record in records)]
    if None in given and len(names) < len(SPLITS):
        raise DataError(f"{found.file}: too few images or persons to cut valid and test out of them; give a column of splits")
    return {name: split_of(found, [record for record in records if record.split == name], name) for name in names}


def list_pool(found: ImageList, reading: Reading) -> Pool:
    """All images of a list for --folds, whatever splits it gives, with the persons that it names."""
    records = sorted(found.records, key=lambda record: (record.source, record.box or ()))
    named_by = f"--subject-regex {reading.subject_regex}" if reading.subject_regex else found.file.name
    return Pool(split_of(found, records, "all"), tuple(record.subject for record in records), named_by)


def _shares(given: set[str | None]) -> str:
    """What is cut, in words."""
    if None in given:
        return "no column of splits: " + ", ".join(f"{100 * share:g} % {name}" for name, share in zip(SPLITS, RATIOS))
    return "in the ratio " + ":".join(f"{100 * share:g}" for share in RATIOS)


def split_of(found: ImageList, records: list[Record], name: str) -> ListSplit:
    """Those of a list's records as a split; its classes are those of the whole list, sorted by name."""
    classes = tuple(sorted({record.label for record in found.records}))
    times = Counter(record.source for record in found.records)
    paths = [record.source if times[record.source] == 1 else _face_path(record) for record in records]
    faces = {path: (record.source, record.box) for path, record in zip(paths, records) if record.box}
    places = {label: k for k, label in enumerate(classes)}
    return ListSplit(name, found.root, classes, tuple(paths), tuple(places[r.label] for r in records), faces)


def _face_path(record: Record) -> str:
    return f"{record.source} ({' '.join(f'{side:.10g}' for side in record.box)})" if record.box else record.source
