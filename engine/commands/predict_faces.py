"""`--evaluate FILE --predict PATH... --faces`: what a checkpoint says of every face in photographs and videos."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import torch
from PIL import Image

from data_preprocessing.common.errors import DataError, printable
from data_preprocessing.common.files import replacing
from data_preprocessing.sources.videos import require_reader
from engine import memory
from engine.commands.prediction_setup import Session, open_session
from engine.prediction.faces.drawing import FaceDrawings, SpacedCrops
from engine.prediction.faces.finding import fit_to, open_cropper
from engine.prediction.faces.progress import Progress
from engine.prediction.faces.report import FaceReport, VideoSummary
from engine.prediction.faces.rows import FaceRow, Smoother
from engine.prediction.faces.sources import WHOLE, Begin, End, View, is_video, views
from engine.prediction.faces.table import FaceTable
from engine.prediction.faces.tracks import Tracker
from engine.prediction.images import find_images
from engine.run_folder import layout
from engine.seed import seed_everything
from models.faces import FaceCropper

_SMOOTH = 0.5  # seconds, about the shortest that an expression lasts
_MOST_WAITING = 64  # images without faces that wait for a batch of faces to be full
_LEAST_BATCH = 32  # faces, where the checkpoint was trained with fewer and --batch-size says nothing


def predict_faces(flags: dict) -> int:
    """Predict every face in the photographs and videos that flags["predict"] names with the checkpoint flags["evaluate"].

    A line a file is said, predictions.csv and with flags["draw"] drawings go to flags["out"] or a new folder in log/.
    flags: the command line's, only those given. Returns the exit status: 1 where a file could not be read to its end,
    otherwise 0. Raises UsageError or DataError before anything is written.
    """
    log = layout.Log()
    layout.require_place(flags.get("out"))
    split, _ = find_images(flags["predict"], log.say, videos=True)
    has_videos = any(map(is_video, split.paths))
    if has_videos:
        require_reader("--predict VIDEO --faces")
    cropper = open_cropper(flags)
    session = open_session(flags, log)
    fit_to(cropper, session.checkpoint, session.settings, log.say)
    if has_videos:
        log.say(
            f"videos: whole frames are searched for faces every {WHOLE} s and where a face is lost; between, faces are followed"
        )
    with memory.explained(session.device, session.settings.batch_size, session.settings.workers), ExitStack() as stack:
        seed_everything(session.settings.seed)
        if "batch_size" not in flags:
            session.settings.batch_size = max(session.settings.batch_size, _LEAST_BATCH)
        run = _Run(session, split.paths, cropper, stack)
        run.through()
        run.finish()
    return 0 if run.report.is_complete else 1


class _Film:
    """The video that is being read."""

    def __init__(self, path: str, begin: Begin, every: int, smooth: float):
        self.summary = VideoSummary(path)
        self.tracker = Tracker(every / begin.rate)
        self.smoother = Smoother(smooth)
        self.crops = SpacedCrops()
        self.mark: int | None = None  # where its rows begin in the table
        self.size: tuple[int, int] | None = None
        self.has_changed = False  # that size, which is told once
        self.lost = 0  # frames


class _Run:
    """One call. Its folder is made when the first image could be read; `stack` ends its table."""

    def __init__(self, session: Session, paths: Sequence[str], cropper: FaceCropper, stack: ExitStack):
        self.session, self.paths, self.cropper, self.stack = session, paths, cropper, stack
        self.every = session.settings.every or 1
        self.smooth = _SMOOTH if session.settings.smooth is None else session.settings.smooth
        self.report = FaceReport(session.classes, len(paths))
        self.progress = Progress(session.log.say)
        self.transform, self.cover = session.transform(), session.cover()
        self.table: FaceTable | None = None
        self.drawings: FaceDrawings | None = None
        self.film: _Film | None = None
        self.waiting: list[tuple[View, list[int]]] = []  # with the faces' tracks, until a batch of faces is full
        self.seconds = 0.0

    def through(self) -> None:
        """Find, predict, say and draw all faces, a batch at a time."""
        start = time.perf_counter()
        self.progress.start("predicting", len(self.paths))
        threads = min(self.session.settings.workers, os.cpu_count() or 1)
        for event in views(self.paths, self.cropper, self.every, threads):
            if isinstance(event, Begin):
                self._begin(event)
            elif isinstance(event, End):
                self._end(event)
            elif event.problem:
                self._lose(event)
            else:
                self._take(event)
        self._flush()
        self.progress.end()
        self.seconds = time.perf_counter() - start

    def _open(self) -> None:
        if self.table is not None:
            return
        facts = {"finder": self.cropper.finder, "align": self.cropper.align, "every": self.every, "smooth": self.smooth}
        folder = self.session.open_folder(len(self.paths), faces=facts)
        partial = self.stack.enter_context(replacing(folder / layout.PREDICTIONS))
        self.table = FaceTable(partial, self.session.classes)
        self.stack.callback(self.table.close)
        if self.session.settings.draw:
            self.drawings = FaceDrawings(folder, self.session.classes)

    def _begin(self, event: Begin) -> None:
        self._flush()
        path = self.paths[event.source]
        self.film = _Film(path, event, self.every, self.smooth)
        self.progress.start(f"{os.path.basename(path)} ({event.source + 1} of {len(self.paths)})", event.expected)

    def _take(self, view: View) -> None:
        """An image with its faces: predicted when the batch is full."""
        self._open()
        tracks = []
        if self.film is not None:
            if self.film.mark is None:
                self.film.mark = self.table.mark()
            self._note_size(view)
            tracks = self.film.tracker.update([crop.face.box for crop in view.found], view.time)
            self.film.summary.frame(view.time)
        self.waiting.append((view, tracks))
        self.progress.step(len(view.found))
        faces = sum(len(waiting.found) for waiting, _ in self.waiting)
        if faces >= self.session.settings.batch_size or len(self.waiting) >= _MOST_WAITING:
            self._flush()

    def _note_size(self, view: View) -> None:
        was, self.film.size = self.film.size or view.size, view.size
        if was != view.size and not self.film.has_changed:
            self.film.has_changed = True
            sizes = f"from {was[0]}×{was[1]} to {view.size[0]}×{view.size[1]}"
            where = f"{printable(self.film.summary.path)}: frame {view.frame} ({view.time:.1f} s)"
            self.progress.say(f"{where}: the frames' size changes {sizes}; boxes are in pixels of their frames")

    def _lose(self, view: View) -> None:
        """An image that cannot be decoded."""
        if self.film is not None:
            self.film.lost += 1
            return
        self._flush()
        self.progress.say(self.report.skipped(self.paths[view.source], view.problem))

    def _flush(self) -> None:
        """Predict the faces that wait, and give each image its rows."""
        waiting, self.waiting = self.waiting, []
        found = iter(self._probabilities([crop.image for view, _ in waiting for crop in view.found]))
        for view, tracks in waiting:
            rows = list(self._rows(view, tracks, found))
            if self.film is None:
                self._photograph(view, rows)
            else:
                for averaged in self.film.smoother.add(view.time, rows):
                    self._frame(averaged)

    def _probabilities(self, crops: Sequence[Image.Image]) -> Iterator:
        size = self.session.settings.batch_size
        for start in range(0, len(crops), size):
            images = [self.transform(self.cover(crop) if self.cover else crop) for crop in crops[start : start + size]]
            probabilities, reason = self.session.probabilities(torch.stack(images))
            if reason:
                self.progress.say(reason)
            yield from probabilities

    def _rows(self, view: View, tracks: list[int], probabilities: Iterator) -> Iterator[FaceRow]:
        path = self.paths[view.source]
        for number, (crop, row) in enumerate(zip(view.found, probabilities), 1):
            track = tracks[number - 1] if tracks else None
            is_drawn = self.drawings and (self.film is None or self.film.crops.wants(track, view.time))
            self.report.note_crop(crop, self.cropper.align)
            place = path, view.frame, view.time, number, track, crop.face.box, crop.face.score
            yield FaceRow(*place, row, crop.image if is_drawn else None)

    def _photograph(self, view: View, rows: list[FaceRow]) -> None:
        path = self.paths[view.source]
        self.table.add(rows)
        self.progress.say(self.report.photograph(path, rows))
        if self.drawings:
            self.drawings.photograph(view.source, path, rows)

    def _frame(self, rows: list[FaceRow]) -> None:
        self.table.add(rows)
        self.film.summary.add(rows)
        self.film.crops.add(rows)

    def _end(self, event: End) -> None:
        """A video is over: its last rows, its line and its drawings."""
        path, film = self.paths[event.source], self.film
        self._flush()
        for averaged in film.smoother.flush() if film else ():
            self._frame(averaged)
        self.film = None
        if film is None or not film.summary.frames:
            self.progress.say(self.report.skipped(path, event.problem or "no frames in it"))
            return
        problem = event.problem or (f"{film.lost} frames cannot be decoded" if film.lost else "")
        self.progress.say(self.report.video(film.summary, problem))
        if self.drawings:
            self.drawings.video(event.source, path, self.table, film.mark, film.crops, self.every, self.progress)
        self.progress.start("predicting", len(self.paths) - event.source - 1)

    def finish(self) -> None:
        """Write what is left and say what was had of which files. Raises DataError where none could be read."""
        if self.table is None:
            total, first = len(self.paths), self.report.unreadable[0]
            raise DataError(f"--predict: none of the {total} files can be read, first {first}")
        if self.drawings:
            self.drawings.close()
        self.stack.close()
        for text in (*self.report.about_all(self.seconds, bool(self.drawings)), self.session.written()):
            self.session.log.say(text)
