"""What `--draw` leaves of faces: photographs and videos with boxes, the crops on contact sheets, each video's probabilities."""

import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import replacing
from data_preprocessing.sources.images import load_image
from data_preprocessing.sources.videos import Video
from engine.prediction.drawings import ContactSheets, drawing_path
from engine.prediction.faces.boxes import draw_faces
from engine.prediction.faces.progress import Progress
from engine.prediction.faces.rows import FaceRow
from engine.prediction.faces.table import FaceTable
from engine.prediction.faces.timeline import plot_tracks
from engine.prediction.faces.video_writer import VideoWriter

_MOST_TILES = 200  # of a video: one sheet
_SPACING = 1.0  # seconds between two crops of a track, at first


class FaceDrawings:
    """The drawings of one call, in `folder`: pictures/<number>_<name>.jpg, .mp4 and .png, and contact_sheet.png.

    A photograph or video is read once more for them, so that none has to be held until its faces are predicted.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        self.folder, self.classes = folder, tuple(map(printable, classes))
        self._sheets = ContactSheets(folder)
        (folder / "pictures").mkdir()

    def photograph(self, index: int, path: str, rows: Sequence[FaceRow]) -> None:
        """Draw a photograph, number `index` from 0 of the files, and keep its crops for the sheet."""
        for row in rows:
            self._tile(row)
        drawn = draw_faces(load_image(path), rows, self.classes)
        with replacing(drawing_path(self.folder, index, path, ".jpg")) as partial:
            drawn.save(partial, "JPEG", quality=92)

    def video(
        self, index: int, path: str, table: FaceTable, mark: int, crops: "SpacedCrops", every: int, bar: Progress
    ) -> None:
        """Draw a video and its plot, of the faces that `table` has since `mark`, and put its crops on the sheet."""
        for row in crops.rows:
            self._tile(row)
        with replacing(drawing_path(self.folder, index, path, ".mp4")) as partial, Video(path) as video:
            bar.start(f"drawing {os.path.basename(path)}", video.expected and -(-video.expected // every))
            _draw_video(video, partial, table.rows(mark), self.classes, every, bar)
        target = drawing_path(self.folder, index, path, ".png")
        plot_tracks(lambda: table.rows(mark), self.classes, printable(os.path.basename(path)), target)

    def _tile(self, row: FaceRow) -> None:
        self._sheets.add(np.asarray(row.crop), f"{row.probabilities[row.best]:.2f} {self.classes[row.best]}")

    def close(self) -> None:
        """Write the sheet that was begun, if there is one."""
        self._sheets.close()


def _draw_video(video: Video, target: Path, rows: Iterator[FaceRow], classes: Sequence[str], every: int, bar: Progress) -> None:
    """Write the looked-at frames of `video` with their `rows`, which are in the frames' order."""
    writer, groups = VideoWriter(target, video.rate / every), groupby(rows, key=lambda row: row.frame)
    number, faces = next(groups, (None, ()))
    try:
        for frame in video.frames(every):
            found = list(faces) if frame.number == number else []
            if frame.number == number:
                number, faces = next(groups, (None, ()))
            drawn = draw_faces(frame.image(), found, classes)
            writer.add(np.asarray(drawn), frame.time)
            bar.step(len(found))
    finally:
        writer.close()


class SpacedCrops:
    """Rows of a video with a crop for the contact sheet: of each track one a second, and rarer where they become too many."""

    def __init__(self):
        self.rows: list[FaceRow] = []
        self._spacing = _SPACING
        self._last: dict[int, float] = {}

    def wants(self, track: int, time: float) -> bool:
        """Whether the crop of a face is to be kept."""
        self._last = {number: last for number, last in self._last.items() if time - last < self._spacing}
        return self._last.setdefault(track, time) == time

    def add(self, rows: Sequence[FaceRow]) -> None:
        """Keep those of `rows` that have a crop."""
        self.rows += [row for row in rows if row.crop is not None]
        if len(self.rows) > _MOST_TILES:
            self.rows, self._spacing = self.rows[::2], 2 * self._spacing
