"""AI Hub's data set 82, composite images for Korean emotion recognition: images and JSON lists by emotion.

https://aihub.or.kr: each list holds an entry an image, with the emotion that the uploader was to show and, of three
annotators, the emotion each saw and a box around the face. Lists and images may lie anywhere in the tree, also in archives.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE, composed, reason
from data_preprocessing.readers.layouts import base_name, counted, image_names, wrong_layout
from data_preprocessing.sources.records import Listing, Record
from data_preprocessing.sources.trees import Tree

DESCRIPTION = "images and JSON lists by emotion (기쁨, 당황, ...), as AI Hub's archives hold them"
EMOTIONS = {
    "기쁨": "joy",
    "당황": "embarrassment",
    "분노": "anger",
    "불안": "anxiety",
    "상처": "hurt",
    "슬픔": "sadness",
    "중립": "neutral",
}
ANNOTATORS = ("annot_A", "annot_B", "annot_C")
_CORNERS = ("minX", "minY", "maxX", "maxY")
_KOREAN = re.compile("|".join(EMOTIONS))
_UNLABELLED = {
    "uploader": "whose uploader's emotion is none of the seven",
    "majority": "without a majority of the annotators",
    "unanimous": "on which the three annotators do not agree",
}


class _Entry(NamedTuple):
    """What one entry of a list says. An emotion is a class name, or None where it is absent or none of the seven."""

    file: str  # base name, in NFC
    uploader: str | None
    votes: list[str | None]  # of the annotators
    boxes: list[tuple[float, ...]]
    wrong_boxes: int

    def majority(self, least: int = 2) -> str | None:
        """The emotion that at least `least` annotators saw."""
        return next((vote for vote in self.votes if self.votes.count(vote) >= least), None)

    def label(self, choice: str) -> str | None:
        """The class name by `choice`: see read."""
        return self.uploader if choice == "uploader" else self.majority({"majority": 2, "unanimous": 3}[choice])

    def box(self) -> tuple[float, ...] | None:
        """The median of the annotators' boxes, coordinate by coordinate: one careless box of three does not move it."""
        return tuple(_median(values) for values in zip(*self.boxes)) or None


def fits(names: list[str]) -> bool:
    """Whether there are JSON files, and files or folders called by a Korean emotion."""
    return any(name.lower().endswith(".json") for name in names) and any(_KOREAN.search(name) for name in names)


def read(tree: Tree, options: SimpleNamespace) -> Listing:
    """One record an image that has an entry and a label.

    options.label: "uploader" (faceExp_uploader), "majority" (what at least two of the three annotators saw) or "unanimous"
    (what all three saw; the uploader is not asked). Images without such a label are left out and counted.
    Names are compared in NFC. Of images with one name in folders of several emotions an entry means the one in the folder
    of its list's emotion. The subject is the file name's first field; boxes are in pixels of the image as stored, before it
    is turned upright by its EXIF tag. The data set gives no split by subject, so none is given.
    Raises DataError naming file and line or entry where a list is broken, or where there is no list or no image.
    """
    lists = [name for name in tree.names() if name.lower().endswith(".json")]
    places = defaultdict(list)
    for name in image_names(tree.names()):
        places[base_name(name)].append(name)
    if not lists or not places:
        raise wrong_layout(tree, "AI Hub's images and the JSON lists that label them")
    tally = _Tally(options.label)
    for name in lists:
        emotion = _emotion_in(name)
        for entry in _entries(tree, name):
            tally.add(entry, _image(places.get(entry.file, []), emotion or entry.uploader))
    if not tally.records:
        raise wrong_layout(tree, f"images that the JSON lists name and label (--label {options.label})")
    records = tuple(tally.records.values())
    return Listing(tree, records, (f"entries: {tally.entries} in {len(lists)} lists", *tally.notes(places)))


class _Tally:
    """The records, and the counts for the notes, while the lists are read."""

    def __init__(self, choice: str):
        self.choice = choice
        self.records: dict[str, Record] = {}
        self.listed: set[str] = set()  # images with an entry
        self.missing, self.repeated, self.unlabelled = [], [], []
        self.entries = self.compared = self.disagreeing = self.no_majority = self.wrong_boxes = 0

    def add(self, entry: _Entry, image: str | None) -> None:
        self.entries += 1
        if image is None:
            self.missing.append(entry.file)
            return
        if image in self.listed:
            self.repeated.append(image)
            return
        self.listed.add(image)
        majority, label = entry.majority(), entry.label(self.choice)
        self.no_majority += majority is None
        self.compared += bool(majority and entry.uploader)
        self.disagreeing += bool(majority and entry.uploader) and majority != entry.uploader
        self.wrong_boxes += entry.wrong_boxes
        if label is None:
            self.unlabelled.append(image)
        else:
            subject, parted, _ = entry.file.partition("_")
            self.records[image] = Record(image, label, (parted and subject) or None, box=entry.box())

    def notes(self, places: dict[str, list[str]]) -> Iterator[str]:
        """places: file name -> the images called so."""
        used = {(base_name(name), _emotion_in(name)) for name in self.listed}
        unused = sorted(name for names in places.values() for name in names if name not in self.listed)
        is_copy = [(base_name(name), _emotion_in(name)) in used for name in unused]
        copies = [name for name, copy in zip(unused, is_copy) if copy]
        others = [name for name, copy in zip(unused, is_copy) if not copy]
        without = [name for name, record in self.records.items() if record.subject is None]
        yield from counted("images that a list names and that are not there", self.missing)
        yield from counted("images that are listed again, the first entry counts", self.repeated)
        yield from counted("images that are there more than once, left out", copies)
        yield from counted("images that no list names, left out", others)
        yield from counted(f"images {_UNLABELLED[self.choice]}, left out", self.unlabelled)
        yield from counted("images without a subject in the name", without)
        share = f"{self.disagreeing} of {self.compared}" + (
            f" ({self.disagreeing / self.compared:.1%})" if self.compared else ""
        )
        yield f"images on which the uploader and the annotators' majority disagree: {share}"
        if self.no_majority:
            yield f"images on which the annotators have no majority: {self.no_majority}"
        if self.wrong_boxes:
            yield f"face boxes left out, empty or no numbers: {self.wrong_boxes}"


def _image(names: list[str], emotion: str | None) -> str | None:
    """Of the images of one name the one in a folder of `emotion`, or in a folder of none; None where there is none."""
    if emotion is None:
        return names[0] if len({_emotion_in(name) for name in names}) == 1 else None
    same = [name for name in names if _emotion_in(name) == emotion]
    return next(iter(same or [name for name in names if _emotion_in(name) is None]), None)


def _emotion_in(name: str) -> str | None:
    """The emotion that an image's folders or archives, or a list's whole path, are called by: the innermost."""
    return _last_emotion(name if name.lower().endswith(".json") else name.rpartition("/")[0])


@lru_cache(4096)
def _last_emotion(path: str) -> str | None:
    found = _KOREAN.findall(path)
    return EMOTIONS[found[-1]] if found else None


def _entries(tree: Tree, name: str) -> Iterator[_Entry]:
    """The entries of the JSON list `name`. Raises DataError naming the list and the place where it is broken."""
    where = str(tree.root / name)
    try:
        entries = json.loads(_decoded(tree.read(name, MOST_TABLE), where))
    except json.JSONDecodeError as error:
        raise DataError(f"{where}, line {error.lineno}, column {error.colno}: no JSON ({error.msg}); unpack it anew") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{where}: no JSON that can be read ({reason(error)}); unpack it anew") from None
    if not isinstance(entries, list):
        raise DataError(f"{where}: no list of entries; if it belongs to something else, move it out of the folder")
    for number, entry in enumerate(entries, 1):
        try:
            yield _entry(entry)
        except TypeError as error:
            raise DataError(f"{where}, entry {number}: {error}; if it is no list of AI Hub's, move it out") from None


def _decoded(data: bytes, where: str) -> str:
    """CP949 bytes are next to never UTF-8, so UTF-8 is tried first."""
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            problem = f"byte {error.start}"
    raise DataError(f"{where}: neither UTF-8 nor CP949 ({problem}); unpack it anew")


def _entry(entry: object) -> _Entry:
    """Raises TypeError telling which part is of a wrong type."""
    if not isinstance(entry, dict):
        raise TypeError("it is no object")
    file = entry.get("filename")
    if not isinstance(file, str) or not file.strip():
        raise TypeError("it has no filename")
    votes, boxes, wrong = [], [], 0
    for annotator in ANNOTATORS:
        annotation = entry.get(annotator) or {}
        if not isinstance(annotation, dict):
            raise TypeError(f"its {annotator} is no object")
        votes.append(_emotion(annotation.get("faceExp")))
        if annotation.get("boxes"):
            box = _box(annotation["boxes"])
            boxes += [box] if box else []
            wrong += box is None
    file = base_name(composed(file.strip()).replace("\\", "/"))
    return _Entry(file, _emotion(entry.get("faceExp_uploader")), votes, boxes, wrong)


def _emotion(text: object) -> str | None:
    return EMOTIONS.get(composed(text.strip())) if isinstance(text, str) else None


def _box(corners: object) -> tuple[float, ...] | None:
    """(left, top, right, bottom), or None where a corner is no finite number or the box is empty."""
    values = [corners.get(corner) for corner in _CORNERS] if isinstance(corners, dict) else [None]
    if any(type(value) not in (int, float) or not -1e9 < value < 1e9 for value in values):  # false for NaN
        return None
    left, top, right, bottom = map(float, values)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _median(values: tuple[float, ...]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
