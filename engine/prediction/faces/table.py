"""predictions.csv of faces, written as they are predicted, so that no more is held than one row."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from engine.prediction.faces.rows import FaceRow

COLUMNS = ("file", "frame", "time_s", "face", "track", "x", "y", "width", "height", "score", "class")
_TEXT = dict(encoding="utf-8", errors="surrogateescape", newline="")


class FaceTable:
    """The CSV file at `path`, open from the start: a row per face, with a probability per class after COLUMNS."""

    def __init__(self, path: Path, classes: tuple[str, ...]):
        self._path, self._classes = path, classes
        self._file = open(path, "w", **_TEXT)  # noqa: SIM115, closed by close
        self._writer = csv.writer(self._file)
        self._writer.writerow([*COLUMNS, *(f"p_{name}" for name in classes)])

    def add(self, rows: Iterable[FaceRow]) -> None:
        """Write the faces of a photograph or frame."""
        for row in rows:
            place = [f"{value:.1f}" for value in row.box]
            moment = ["" if row.time is None else f"{row.time:.3f}", row.face, "" if row.track is None else row.track]
            begin = [row.file, "" if row.frame is None else row.frame, *moment, *place, f"{row.score:.4f}"]
            self._writer.writerow([*begin, self._classes[row.best], *(f"{p:.9g}" for p in row.probabilities)])

    def mark(self) -> int:
        """Where the next row will begin, for `rows`."""
        self._file.flush()
        return self._path.stat().st_size

    def rows(self, mark: int) -> Iterator[FaceRow]:
        """The faces that were added since `mark` was had, one after the other."""
        self._file.flush()
        with open(self._path, "rb") as file:
            file.seek(mark)
            for row in csv.reader(line.decode(_TEXT["encoding"], _TEXT["errors"]) for line in file):
                name, frame, time, face, track, *values = row
                box, score = tuple(map(float, values[:4])), float(values[4])
                probabilities = np.array(values[6:], np.float32)
                is_of_video = frame != ""
                moment = (int(frame), float(time)) if is_of_video else (None, None)
                yield FaceRow(name, *moment, int(face), int(track) if is_of_video else None, box, score, probabilities)

    def close(self) -> None:
        """End the file."""
        self._file.close()
