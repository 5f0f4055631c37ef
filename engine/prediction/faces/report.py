"""What is told of photographs and videos with faces: a line each, and what was found, missed or lost of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data_preprocessing.common.errors import printable
from data_preprocessing.common.words import first_of, only_if
from engine.prediction.faces.rows import FaceRow
from models.faces import Crop

_SHOWN = 6  # faces or tracks that a line tells of
_MOST_TRACKS = 200  # kept of a video; of more, those that were seen longest


@dataclass
class _Track:
    first: float
    last: float
    frames: int
    total: np.ndarray  # (C,): sum of its probabilities


class VideoSummary:
    """What a video's frames have shown so far; bounded, however long it is."""

    def __init__(self, path: str):
        self.path = path
        self.frames = self.with_faces = self.faces = 0
        self.seconds = 0.0
        self.tracks = 0
        self._kept: dict[int, _Track] = {}

    def frame(self, time: float) -> None:
        """A frame was looked at."""
        self.frames += 1
        self.seconds = time

    def add(self, rows: Sequence[FaceRow]) -> None:
        """The faces of one frame, tracked and predicted."""
        self.faces += len(rows)
        self.with_faces += bool(rows)
        for row in rows:
            self.tracks = max(self.tracks, row.track)
            track = self._kept.setdefault(row.track, _Track(row.time, row.time, 0, np.zeros(len(row.probabilities))))
            track.last, track.frames, track.total = row.time, track.frames + 1, track.total + row.probabilities
        if len(self._kept) > _MOST_TRACKS:
            self._kept = dict(self._longest(_MOST_TRACKS // 2))

    def _longest(self, most: int) -> list[tuple[int, _Track]]:
        return sorted(self._kept.items(), key=lambda item: -item[1].frames)[:most]

    def line(self, classes: Sequence[str]) -> str:
        """Path, frames, and the tracks with their most probable class over their whole time."""
        begin = f"{printable(self.path)}: {self.frames} frames to {self.seconds:.1f} s"
        if not self.faces:
            return f"{begin}, no face found"
        shown = sorted(self._longest(_SHOWN))
        told = []
        for number, track in shown:
            mean = track.total / track.frames
            best = int(mean.argmax())
            told.append(f"{number} ({track.first:.1f}–{track.last:.1f} s) {printable(classes[best])} {mean[best]:.3f}")
        tracks = f"{self.tracks} track{'s' if self.tracks != 1 else ''}: {', '.join(told)}"
        more = f" and {self.tracks - len(shown)} more" if self.tracks > len(shown) else ""
        return f"{begin}, faces in {self.with_faces}; {tracks}{more}"


@dataclass
class FaceReport:
    """Counts of one call. files: how many are given."""

    classes: tuple[str, ...]
    files: int
    photographs: int = 0
    videos: int = 0
    frames: int = 0
    faces: int = 0
    frames_with_faces: int = 0
    by_box: int = 0
    guessed: int = 0
    without_face: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every file was read to its end."""
        return not (self.unreadable or self.incomplete)

    def note_crop(self, crop: Crop, wanted: str) -> None:
        """Count a face that was cropped by its box in place of its points."""
        self.by_box += crop.how != wanted
        self.guessed += crop.how != wanted and crop.face.is_guessed

    def photograph(self, path: str, rows: Sequence[FaceRow]) -> str:
        """Count a photograph; returns its line."""
        path = printable(path)
        self.photographs += 1
        self.faces += len(rows)
        if not rows:
            self.without_face.append(path)
            return f"{path}: no face found"
        told = [f"{row.face} {printable(self.classes[row.best])} {row.probabilities[row.best]:.3f}" for row in rows]
        return f"{path}: {len(rows)} face{'s' if len(rows) != 1 else ''}: {first_of(told, _SHOWN)}"

    def video(self, summary: VideoSummary, problem: str) -> str:
        """Count a video that has ended; returns its line. problem: why not all of it was had."""
        self.videos += 1
        self.frames += summary.frames
        self.faces += summary.faces
        self.frames_with_faces += summary.with_faces
        if not problem:
            return summary.line(self.classes)
        self.incomplete.append(f"{printable(summary.path)} ({printable(problem)})")
        return f"{summary.line(self.classes)}; warning: {printable(problem)}"

    def skipped(self, path: str, problem: str) -> str:
        """Count a file of which nothing could be read; returns its line."""
        self.unreadable.append(printable(path))
        return f"{printable(path)}: skipped, unreadable ({printable(problem)})"

    def about_all(self, seconds: float, is_drawn: bool) -> list[str]:
        """The last lines: what was found where, where nothing was, and what could not be read."""
        seen = self.photographs - len(self.without_face)
        places = only_if(self.photographs, f"{seen} of {self.photographs} photographs")
        films = f"{self.videos} video{'s' if self.videos != 1 else ''}"
        places += only_if(self.videos, f"{self.frames_with_faces} of {self.frames} frames of {films}")
        rates = f"{self.faces / seconds:.1f} faces/s, {(self.photographs + self.frames) / seconds:.1f} images/s"
        how = "finding, predicting and drawing" if is_drawn else "finding and predicting"
        lines = [f"{self.faces} faces in {' and '.join(places)}; {seconds:.1f} s, {rates} ({how})"]
        if self.by_box:
            why = f"{self.guessed} with eyes that seem covered, {self.by_box - self.guessed} with points of no face"
            lines.append(f"{self.by_box} of {self.faces} faces were cropped by their boxes: {why}")
        if self.without_face:
            count = f"no face found in {len(self.without_face)} of {self.photographs} photographs"
            shown = first_of(self.without_face, 10)
            lines.append(f"{count}: {shown}; what is a face crop already is predicted without --faces")
        if self.unreadable:
            count = f"{len(self.unreadable)} of {self.files} files could not be read and were skipped"
            lines.append(f"{count}: {first_of(self.unreadable, 10)}")
        if self.incomplete:
            count = f"{len(self.incomplete)} of {self.videos} videos could not be read to the end; what was read is kept"
            lines.append(f"{count}: {first_of(self.incomplete, 10)}")
        return lines
