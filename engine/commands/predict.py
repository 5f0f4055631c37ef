"""`--evaluate FILE --predict PATH...`: what a checkpoint says of pictures without labels."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from data_preprocessing.common.errors import DataError
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.loading.occlusion import HeadsetOcclusion
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import Split
from engine import memory
from engine.arithmetic import choose_arithmetic
from engine.checkpoints.class_names import output_names
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.commands.results import checkpoint_facts
from engine.config.flags import Settings
from engine.config.settings import resolve
from engine.config.wishes import without_effect
from engine.evaluation.fast import fastest
from engine.network import choose_device, tested_network
from engine.precision import choose_precision
from engine.prediction.drawings import VIEW, PredictionPictures
from engine.prediction.images import GivenPictures, find_pictures
from engine.prediction.table import Report
from engine.run_folder import layout
from engine.run_folder.provenance import provenance
from engine.seed import seed_everything
from engine.training.stalls import batches
from models import MODELS


def predict(flags: dict) -> int:
    """Predict the pictures that flags["predict"] names with the checkpoint flags["evaluate"].

    A line a picture is said, predictions.csv and with flags["draw"] drawings go to flags["out"] or a new folder in log/.
    flags: the command line's, only those given. Returns the exit status: 1 where unreadable pictures were skipped,
    otherwise 0. Raises UsageError or DataError before anything is written.
    """
    log = layout.Log()
    layout.require_place(flags.get("out"))
    split, has_folder = find_pictures(flags["predict"], log.say)
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate", flags)
    classes, explanation = output_names(checkpoint, flags.get("data_type"))
    settings = _settings(flags, checkpoint, log.say)
    device = choose_device(settings, flags, log.say)
    precision = choose_precision(settings.precision, device, log.say)
    note = without_effect(flags)
    if note:
        log.say(note)
    run = _Run(settings, checkpoint, Report(split, classes), device, log, has_folder)
    model = tested_network(checkpoint, settings, device, explanation, log.say)
    with memory.explained(device, settings.batch_size, settings.workers):
        seed_everything(settings.seed)
        run.arithmetic = choose_arithmetic(settings, device, precision, model, log.say)
        run.through(model.eval(), _loader(split, settings, device), precision)
    run.finish()
    return 1 if run.report.unreadable else 0


def _settings(flags: dict, checkpoint: Checkpoint, say: Callable[[str], None]) -> Settings:
    """Those of --evaluate, but for covered faces: a picture is taken as it is unless a flag says otherwise."""
    settings = resolve(flags, {"data_type": "RAF-DB"} | checkpoint.settings)  # what --evaluate takes for a folder of pictures
    settings.data = None
    if "occlude_eval" not in flags and settings.occlude_eval != "none":
        settings.occlude_eval = "none"
        say("the checkpoint's run was evaluated on covered faces; these are taken as they are (--occlude-eval vr covers them)")
    return settings


def _loader(split: Split, settings: Settings, device: torch.device) -> DataLoader:
    transform = create_transform(settings.eval_transform, MODELS[settings.model].picture, settings.channel_order)
    cover = HeadsetOcclusion(fixed=True) if settings.occlude_eval == "vr" else None
    pictures = GivenPictures(split, transform, cover, VIEW if settings.draw else 0)
    workers = settings.workers if len(pictures) > settings.batch_size else 0  # of a single batch nothing can be had ahead
    return create_loader(pictures, settings.batch_size, workers, device.type == "cuda")


@dataclass
class _Run:
    """One call. Its folder is made when the first picture could be read."""

    settings: Settings
    checkpoint: Checkpoint
    report: Report
    device: torch.device
    log: layout.Log
    has_folder: bool
    folder: Path | None = None
    pictures: PredictionPictures | None = None
    seconds: float = 0.0
    arithmetic: dict = field(default_factory=dict)

    def through(self, model: nn.Module, loader: DataLoader, precision: torch.dtype) -> None:
        """Predict, say and draw all pictures, a batch at a time."""
        report, run, start = self.report, None, time.perf_counter()
        hidden = sys.stdout.isatty() or not sys.stderr.isatty()  # on a terminal the lines themselves show how far it is
        loaded = batches(loader, self.settings.stall_seconds, self.log.say)
        for images, given in tqdm(loaded, "predicting", len(loader), leave=False, disable=hidden):
            readable = [one for one in given if not one.problem]
            probabilities = np.zeros((0, len(report.classes)), np.float32)
            if readable:
                images = images.to(self.device, non_blocking=True, memory_format=torch.channels_last)
                if run is None:
                    run, reason = fastest(model, images, None, precision)
                    self._open(reason)
                probabilities = run(images, None).cpu().softmax(dim=1).numpy()
            self.log.say(report.add(given, probabilities))
            if self.pictures and readable:
                self.pictures.add(model, images, readable, [report.split.paths[one.index] for one in readable], probabilities)
        self.seconds = time.perf_counter() - start

    def _open(self, reason: str) -> None:
        """The call's folder, with its log and args.json. reason: why the network is in its plain form, "" where it is not."""
        settings, report = self.settings, self.report
        self.folder = layout.results_folder("predict", settings.run, settings.out)
        self.log.open(self.folder / "log.txt")
        facts = dict(classes=report.classes, device=str(self.device), tests=checkpoint_facts(self.checkpoint))
        facts |= dict(pictures=len(report.split.paths), trained_on=self.checkpoint.fingerprints)
        facts |= dict(arithmetic=self.arithmetic, **provenance(self.device))
        layout.write_arguments(self.folder, vars(settings), **facts)
        if reason:
            self.log.say(reason)
        if settings.draw:
            self.pictures = PredictionPictures(self.folder, report.classes, settings.eval_transform, self.has_folder)

    def finish(self) -> None:
        """Write what is left and say what was had of which pictures. Raises DataError where none could be read."""
        report, say, total = self.report, self.log.say, len(self.report.split.paths)
        if self.folder is None:
            raise DataError(f"--predict: none of the {total} pictures can be read, first {report.unreadable[0]}")
        if self.pictures:
            self.pictures.close()
        report.write(self.folder)
        for text in (report.about_crops(), report.about_unreadable()):
            if text:
                say(text)
        how = "reading, predicting and drawing" if self.pictures else "reading and predicting"
        say(f"{total} pictures in {self.seconds:.1f} s, {total / self.seconds:.1f} pictures/s ({how})")
        names = sorted(file.name + "/" * file.is_dir() for file in self.folder.iterdir() if not file.name.startswith("."))
        say(f"written: {self.folder}/ ({', '.join(names)})")
