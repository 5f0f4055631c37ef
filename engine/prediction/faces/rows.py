"""What is predicted of one face, and its average over time in a track."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class FaceRow:
    """A face with its prediction: a row of predictions.csv.

    file: path as named. frame, time, track: of a video: number from 0, seconds, number from 1; None of a photograph.
    face: its number in photograph or frame, from 1. box: x, y, width, height in pixels of the upright image. score: the
    finder's. probabilities: (C,), averaged in a track. crop: the network's image where it is to be drawn, otherwise None.
    """

    file: str
    frame: int | None
    time: float | None
    face: int
    track: int | None
    box: tuple[float, float, float, float]
    score: float
    probabilities: np.ndarray
    crop: Image.Image | None = None

    @property
    def best(self) -> int:
        """Index of the predicted class."""
        return int(self.probabilities.argmax())


class Smoother:
    """Averages probabilities over `seconds` around each frame of a video, within each track.

    Half of them lie before the frame and half after it, so that nothing moves in time; what is held is bounded by them.
    """

    def __init__(self, seconds: float):
        self._half = seconds / 2 + 1e-6  # of times that are sums of rounded fractions
        self._frames: deque[tuple[float, list[FaceRow]]] = deque()
        self._ready = 0  # frames from the left that were given out and are held for those after them

    def add(self, time: float, rows: Sequence[FaceRow]) -> Iterator[list[FaceRow]]:
        """Take the rows of the next frame; gives the averaged rows of each frame whose seconds are over."""
        self._frames.append((time, list(rows)))
        yield from self._given(time - self._half)

    def flush(self) -> Iterator[list[FaceRow]]:
        """The averaged rows of the frames that are left."""
        yield from self._given(np.inf)

    def _given(self, until: float) -> Iterator[list[FaceRow]]:
        while self._ready < len(self._frames) and self._frames[self._ready][0] <= until:
            time, rows = self._frames[self._ready]
            while self._frames[0][0] < time - self._half:
                self._frames.popleft()
                self._ready -= 1
            yield [replace(row, probabilities=self._mean(row.track, time)) for row in rows]
            self._ready += 1

    def _mean(self, track: int | None, time: float) -> np.ndarray:
        near = (rows for moment, rows in self._frames if abs(moment - time) <= self._half)
        return np.mean([row.probabilities for rows in near for row in rows if row.track == track], axis=0)
