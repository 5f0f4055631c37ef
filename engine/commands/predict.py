"""`--evaluate FILE --predict PATH...`: what a checkpoint says of images without labels."""

import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from data_preprocessing.common.errors import DataError
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.sources.folders import Split
from engine import memory
from engine.commands.prediction_setup import Session, open_session
from engine.prediction.drawings import VIEW, PredictionImages
from engine.prediction.images import GivenImages, find_images
from engine.prediction.table import Report
from engine.run_folder import layout
from engine.seed import seed_everything
from engine.training.stalls import batches


def predict(flags: dict) -> int:
    """Predict the images that flags["predict"] names with the checkpoint flags["evaluate"].

    A line per image is said, predictions.csv and with flags["draw"] drawings go to flags["out"] or a new folder in log/.
    flags: the command line's, only those given. Returns the exit status: 1 where unreadable images were skipped,
    otherwise 0. Raises UsageError or DataError before anything is written.
    """
    if flags.get("faces"):
        from engine.commands.predict_faces import predict_faces  # needs packages of its own

        return predict_faces(flags)
    log = layout.Log()
    layout.require_place(flags.get("out"))
    split, has_folder = find_images(flags["predict"], log.say)
    session = open_session(flags, log)
    run = _Run(session, Report(split, session.classes), has_folder)
    with memory.explained(session.device, session.settings.batch_size, session.settings.workers):
        seed_everything(session.settings.seed)
        run.through(_loader(split, session))
    run.finish()
    return 1 if run.report.unreadable else 0


def _loader(split: Split, session: Session) -> DataLoader:
    settings = session.settings
    images = GivenImages(split, session.transform(), session.cover(), VIEW if settings.draw else 0)
    workers = settings.workers if len(images) > settings.batch_size else 0  # of a single batch nothing can be had ahead
    return create_loader(images, settings.batch_size, workers, session.device.type == "cuda")


@dataclass
class _Run:
    """One call. Its folder is made when the first image could be read."""

    session: Session
    report: Report
    has_folder: bool
    images: PredictionImages | None = None
    seconds: float = 0.0

    def through(self, loader: DataLoader) -> None:
        """Predict, say and draw all images, a batch at a time."""
        session, report, start = self.session, self.report, time.perf_counter()
        hidden = sys.stdout.isatty() or not sys.stderr.isatty()  # on a terminal the lines themselves show how far it is
        loaded = batches(loader, session.settings.stall_seconds, session.log.say)
        for images, given in tqdm(loaded, "predicting", len(loader), leave=False, disable=hidden):
            readable = [one for one in given if not one.problem]
            probabilities = np.zeros((0, len(report.classes)), np.float32)
            if readable:
                probabilities, reason = session.probabilities(images)
                if session.folder is None:
                    self._open(reason)
            session.log.say(report.add(given, probabilities))
            if self.images and readable:
                images = images.to(session.device, memory_format=torch.channels_last)
                paths = [report.split.paths[one.index] for one in readable]
                self.images.add(session.model, images, readable, paths, probabilities)
        self.seconds = time.perf_counter() - start

    def _open(self, reason: str) -> None:
        """The call's folder. reason: why the network is in its plain form, "" where it is not."""
        session, report = self.session, self.report
        folder = session.open_folder(len(report.split.paths))
        if reason:
            session.log.say(reason)
        if session.settings.draw:
            self.images = PredictionImages(folder, report.classes, session.settings.eval_transform, self.has_folder)

    def finish(self) -> None:
        """Write what is left and say what was had of which images. Raises DataError where none could be read."""
        report, say, total = self.report, self.session.log.say, len(self.report.split.paths)
        if self.session.folder is None:
            raise DataError(f"--predict: none of the {total} images can be read, first {report.unreadable[0]}")
        if self.images:
            self.images.close()
        report.write(self.session.folder)
        for text in (report.about_crops(), report.about_names(), report.about_unreadable()):
            if text:
                say(text)
        how = "reading, predicting and drawing" if self.images else "reading and predicting"
        say(f"{total} images in {self.seconds:.1f} s, {total / self.seconds:.1f} images/s ({how})")
        say(self.session.written())
