"""Which faces of a video's frames are one face: boxes that overlap from frame to frame."""

from collections.abc import Sequence

import numpy as np

from data_preprocessing.faces.boxes import overlaps

_LEAST = 0.3  # of intersection over union: as the IoU tracker of Bochinski et al. (2017, doi:10.1109/AVSS.2017.8078516) needs
_GAP = 0.5  # seconds that a face may be lost for, behind a hand or by a missed detection
_STEPS = 2.5  # frames that are looked at, where these are further apart than _GAP


class Tracker:
    """Numbers the faces of one video. step: seconds between two frames that are looked at.

    A face continues the track whose last box overlaps its own most, the best pairs first; one that fits no track begins
    another. A track ends where nothing continues it for half a second (2.5 steps where that is longer).
    """

    def __init__(self, step: float):
        self._gap = max(_GAP, _STEPS * step)
        self._count = 0
        self._boxes: dict[int, tuple[np.ndarray, float]] = {}  # number -> last box, when

    def update(self, boxes: Sequence[Sequence[float]], time: float) -> list[int]:
        """The track of each box (x, y, width, height) of the frame at `time` seconds, from 1; times must not fall."""
        self._boxes = {number: last for number, last in self._boxes.items() if time - last[1] <= self._gap}
        found = np.asarray(boxes, float).reshape(-1, 4)
        numbers = list(self._boxes)
        shared = overlaps(found, np.array([self._boxes[number][0] for number in numbers]).reshape(-1, 4))
        tracks = [0] * len(found)
        for place in np.argsort(-shared, axis=None, kind="stable"):
            face, track = np.unravel_index(place, shared.shape)
            if shared[face, track] < _LEAST:
                break
            if not tracks[face] and numbers[track] not in tracks:
                tracks[face] = numbers[track]
        for face in range(len(found)):
            if not tracks[face]:
                self._count += 1
                tracks[face] = self._count
            self._boxes[tracks[face]] = found[face], time
        return tracks
