"""`prepare --align`: which face of each image is written, and by which transform."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.words import quantity
from data_preprocessing.common.workers import run_tasks
from data_preprocessing.faces.alignment import placed, warped
from data_preprocessing.faces.boxes import overlap
from data_preprocessing.faces.face import Face, main_face
from data_preprocessing.faces.finders import DEFAULT_FINDER, Finder, make_finder
from data_preprocessing.prepare.crops import Box, Form, encode
from data_preprocessing.sources.images import draft, open_image, to_rgb
from data_preprocessing.sources.labels import few
from data_preprocessing.sources.records import Record
from data_preprocessing.sources.trees import Tree

ONE, ALL = FACES_PER_IMAGE = ("one", "all")
_SAME_FACE = 0.2  # intersection over union of the data set's box and a found one: boxes are drawn by many rules
NO_FACE = "no face found"
_REMEDY = "--finder retinaface finds more, --box x,y,w,h crops all alike, --align none writes whole images"


@dataclass(frozen=True)
class AlignedRecord(Record):
    """A record whose face is known. box: left, top, right, bottom of the face, in pixels of the upright image.

    transform: the six numbers a b c d e f of x' = a x + b y + c, y' = d x + e y + f, from a position in the upright image to
    one in the written crop, both counted from the corner of the first pixel. align: "points" or "box", what was really done.
    faces: how many were found in the image.
    """

    transform: tuple[float, ...] = ()
    align: str = ""
    faces: int = 0


@dataclass(frozen=True)
class Wish:
    """What is asked for. align: "points" or "box". finder, model_file: see make_finder. per_image: one of FACES_PER_IMAGE.

    finds: False takes the records' own boxes alone.
    """

    align: str
    finder: str = DEFAULT_FINDER
    model_file: Path | None = None
    per_image: str = ONE
    finds: bool = True


class Found(NamedTuple):
    """What became of an image: its size as decoded and upright, its faces, and the given boxes (x, y, width, height) in it;
    size is None where it cannot be read, which is told when it is to be written."""

    source: str
    size: tuple[int, int] | None
    faces: list[Face]
    given: list[tuple[float, float, float, float] | None]


@dataclass(frozen=True)
class FindJob:
    """Finds the faces of one image; pickled once for each worker process."""

    tree: Tree
    wish: Wish

    def __call__(self, task: tuple[str, tuple[Box | None, ...]]) -> Found:
        """task: an image's name and the boxes that the data set gives in it."""
        source, boxes = task
        try:
            with open_image(io.BytesIO(self.tree.read(source))) as image:
                stored, turn = image.size, _orientation(image)
                scale = draft(image)
                upright = to_rgb(image)
        except Exception:  # PIL's decoders raise many kinds
            return Found(source, None, [], [])
        given = [None if box is None else _upright_box(box, stored, turn, scale) for box in boxes]
        faces = _finder(self.wish.finder, self.wish.model_file).find(upright) if self.wish.finds else []
        return Found(source, upright.size, faces, given)


class Aligned(NamedTuple):
    """records: AlignedRecords, and those whose image cannot be read as they were. without: in whose image no face was found.
    notes: what to tell the user, with counts."""

    records: tuple[Record, ...]
    without: tuple[Record, ...]
    notes: tuple[str, ...]


def align_records(
    tree: Tree,
    records: Sequence[Record],
    wish: Wish,
    form: Form,
    workers: int,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
) -> Aligned:
    """The faces of all records. Raises DataError where the finder is not installed, and where no image shows any face."""
    if any(record.pixels is not None for record in records):
        raise DataError(f"--align {wish.align}: these are face crops of 48 × 48 pixels, not image files; leave it out")
    if wish.finds:
        _finder(wish.finder, wish.model_file)  # what is missing is told before any work
    by_source: dict[str, list[Record]] = {}
    for record in records:
        by_source.setdefault(record.source, []).append(record)
    tasks = [(source, tuple(record.box for record in group)) for source, group in by_source.items()]
    results = run_tasks(FindJob(tree, wish), tasks, workers)
    found = {each.source: each for each in progress(results, len(tasks), f"finding faces in {tree.root}")}
    kept, without = [], []
    for source, group in by_source.items():
        faces = _of_image(group, found[source], wish, form)
        kept += faces
        without += [] if faces else group
    if not kept:
        raise DataError(f"--align {wish.align}: no face found in any of {quantity(len(by_source), 'image')}; {_REMEDY}")
    return Aligned(tuple(kept), tuple(without), tuple(_notes(wish, found.values(), kept, without)))


def prepare_aligned(data: bytes, record: AlignedRecord, form: Form) -> bytes:
    """The written file's content for an image file's content. Raises as open_image where it cannot be decoded."""
    with open_image(io.BytesIO(data)) as image:
        draft(image)
        return encode(warped(to_rgb(image), np.reshape(record.transform, (2, 3)), form.size), form.format)


@lru_cache(maxsize=1)
def _finder(name: str, model_file: Path | None) -> Finder:
    """The finder of this process, on one thread: there are as many processes as the user wants."""
    return make_finder(name, model_file, threads=1)


def _of_image(group: Sequence[Record], found: Found, wish: Wish, form: Form) -> list[Record]:
    """What is written of the records of one image; none where no face was found."""
    if found.size is None:
        return list(group)
    chosen: list[tuple[Record, Face]] = []
    free = list(found.faces)  # no two boxes get the same face
    for record, box in zip(group, found.given):
        if box is not None:
            face = _at(box, free)
            free = [other for other in free if other is not face]
            chosen.append((record, face))
        elif found.faces:
            faces = found.faces if wish.per_image == ALL else [main_face(found.faces, found.size)]
            chosen += [(record, face) for face in faces]
    return [_aligned(record, face, found, wish, form) for record, face in chosen]


def _at(box: tuple[float, float, float, float], faces: Sequence[Face]) -> Face:
    """The found face where the data set's box is, otherwise one that has this box and no points."""
    best = max(faces, key=lambda face: overlap(face.box, box), default=None)
    return best if best is not None and overlap(best.box, box) >= _SAME_FACE else Face(box, 0.0)


def _aligned(record: Record, face: Face, found: Found, wish: Wish, form: Form) -> AlignedRecord:
    matrix, how = placed(face, wish.align, form.size, found.size, form.margin)
    x, y, width, height = face.box
    what = {name: getattr(record, name) for name in ("source", "label", "subject", "split")}
    transform = tuple(float(f"{value:.10g}") for value in matrix.ravel())  # as the manifest tells it
    return AlignedRecord(**what, box=(x, y, x + width, y + height), transform=transform, align=how, faces=len(found.faces))


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # as to_rgb has it: EXIF that cannot be read turns nothing
        return 1


def _upright_box(box: Box, stored: tuple[int, int], orientation: int, scale: float) -> tuple[float, float, float, float]:
    """x, y, width, height in the upright image at `scale` of a box left, top, right, bottom in the image as stored."""
    width, height = stored
    corners = np.array([box[:2], box[2:]], float)
    if orientation in (2, 3, 7, 8):
        corners[:, 0] = width - corners[:, 0]
    if orientation in (3, 4, 6, 7):
        corners[:, 1] = height - corners[:, 1]
    if orientation in (5, 6, 7, 8):
        corners = corners[:, ::-1]
    low, high = corners.min(axis=0) * scale, corners.max(axis=0) * scale
    return (*low.tolist(), *(high - low).tolist())


def _notes(wish: Wish, found: Iterable[Found], kept: Sequence[Record], without: Sequence[Record]) -> Iterator[str]:
    """One line for each thing that is not as the user may think."""
    if several := [each.source for each in found if len(each.faces) > 1]:
        taken = "each is written" if wish.per_image == ALL else "the largest, most central one is taken (--faces-per-image all)"
        yield f"{quantity(len(several), 'image')} with several faces: {few(several)}; {taken}, unless the data set gives boxes"
    if without:
        names = few(dict.fromkeys(record.source for record in without))
        yield f"{quantity(len(without), 'image')} without a face left out: {names}; {_REMEDY}"
    aligned = [record for record in kept if isinstance(record, AlignedRecord)]
    by_box = [record.source for record in aligned if record.align != wish.align]
    if by_box:
        yield f"{quantity(len(by_box), 'face')} cropped by the box, eyes covered or no five points that fit: {few(by_box)}"
    yield f"--align {wish.align}: {quantity(len(aligned), 'face')} of {quantity(len({r.source for r in aligned}), 'image')}"
