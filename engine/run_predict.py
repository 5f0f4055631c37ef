"""`--evaluate FILE --predict PATH...`: what a checkpoint says of pictures without labels."""

import csv
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from data_preprocessing.errors import DataError, printable
from data_preprocessing.files import replacing
from data_preprocessing.folders import Split
from data_preprocessing.loaders import create_loader
from data_preprocessing.occlusion import HeadsetOcclusion
from data_preprocessing.transforms import create_transform
from engine import memory, record
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.classes import output_names
from engine.given_pictures import Given, GivenPictures, find_pictures
from engine.inference import fastest
from engine.loading import batches
from engine.outputs import checkpoint_facts
from engine.precision import choose_precision
from engine.prediction_pictures import VIEW, PredictionPictures
from engine.provenance import provenance
from engine.seed import seed_everything
from engine.settings import gpu_numbers, resolve
from engine.setup import BGR, build_model, choose_device, load_weights, model_options
from models import MODELS

_EXAMPLES = 3  # pictures named in the warning about those that are no face crops


@dataclass
class _Results:
    """What was found: readable pictures with their probabilities (N, C), in order, and the unreadable ones."""

    given: list[Given] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def predict(flags: dict) -> int:
    """Predict the pictures that flags["predict"] names with the checkpoint flags["evaluate"].

    A line a picture is said, predictions.csv and with flags["draw"] drawings go to a log folder of their own. flags: the
    command line's, only those given. Returns the exit status: 1 where unreadable pictures were skipped, otherwise 0. Raises
    UsageError or DataError before anything is written.
    """
    log = record.Log()
    split, has_folder = find_pictures(flags["predict"])
    checkpoint = load_checkpoint(flags["evaluate"], "--evaluate", flags)
    classes, explanation = output_names(checkpoint, flags.get("data_type"))
    settings = _settings(flags, checkpoint, log.say)
    device = choose_device(settings.device, gpu_numbers(settings.gpu), log.say)
    precision = choose_precision(settings.precision, device, log.say)
    run = _Run(settings, checkpoint, classes, device, log, has_folder)
    with memory.explained(device, settings.batch_size, settings.workers):
        model = build_model(checkpoint.model, checkpoint.num_outputs, model_options(settings), device)
        load_weights(model, checkpoint, "--evaluate", log.say)
        log.say(explanation)
        if settings.channel_order == "bgr":
            log.say(BGR)
        seed_everything(settings.seed)
        results = run.through(model.eval(), _loader(split, settings, device), precision)
    run.finish(results, split)
    return 1 if results.unreadable else 0


def _settings(flags: dict, checkpoint: Checkpoint, say: Callable[[str], None]) -> SimpleNamespace:
    """Those of --evaluate, but for covered faces: a picture is taken as it is unless a flag says otherwise."""
    settings = resolve(flags, {"data_type": "RAF-DB"} | checkpoint.settings)  # what --evaluate takes for a folder of pictures
    settings.data = None
    if "occlude_eval" not in flags and settings.occlude_eval != "none":
        settings.occlude_eval = "none"
        say("the checkpoint's run was evaluated on covered faces; these are taken as they are (--occlude-eval vr covers them)")
    return settings


def _loader(split: Split, settings: SimpleNamespace, device: torch.device) -> DataLoader:
    transform = create_transform(settings.eval_transform, MODELS[settings.model].picture, settings.channel_order)
    cover = HeadsetOcclusion(fixed=True) if settings.occlude_eval == "vr" else None
    pictures = GivenPictures(split, transform, cover, VIEW if settings.draw else 0)
    workers = settings.workers if len(pictures) > settings.batch_size else 0  # of a single batch nothing can be had ahead
    return create_loader(pictures, settings.batch_size, workers, device.type == "cuda")


@dataclass
class _Run:
    """One call: its folder is made when the first picture could be read."""

    settings: SimpleNamespace
    checkpoint: Checkpoint
    classes: tuple[str, ...]
    device: torch.device
    log: record.Log
    has_folder: bool
    folder: Path | None = None
    pictures: PredictionPictures | None = None
    seconds: float = 0.0

    def through(self, model: nn.Module, loader: DataLoader, precision: torch.dtype) -> _Results:
        """Predict, say and draw all pictures, a batch at a time."""
        results, run, start = _Results(), None, time.perf_counter()
        # lines on the terminal show themselves how far it is
        hidden = sys.stdout.isatty() or not sys.stderr.isatty()
        for images, given in tqdm(
            batches(loader, self.settings.stall_seconds, self.log.say), "predicting", len(loader), leave=False, disable=hidden
        ):
            readable = [one for one in given if not one.problem]
            probabilities = np.zeros((0, len(self.classes)), np.float32)
            if readable:
                images = images.to(self.device, non_blocking=True, memory_format=torch.channels_last)
                if run is None:
                    run, text = fastest(model, images, None, precision)
                    self._open(loader.dataset.split, text)
                probabilities = run(images, None).cpu().softmax(dim=1).numpy()
            self._say(loader.dataset.split, given, probabilities, results)
            if self.pictures and readable:
                paths = [loader.dataset.split.paths[one.index] for one in readable]
                self.pictures.add(model, images, readable, paths, probabilities)
            results.given += [Given(one.index, one.size) for one in readable]
            results.probabilities.append(probabilities)
        self.seconds = time.perf_counter() - start
        return results

    def _open(self, split: Split, text: str) -> None:
        """The call's folder, with its log and args.json. text: about the network's form, "" for none."""
        self.folder = record.LOG_ROOT / record.create_run("predict", self.settings.run)
        self.log.open(self.folder / "log.txt")
        facts = dict(classes=self.classes, device=str(self.device), tests=checkpoint_facts(self.checkpoint))
        facts |= dict(pictures=len(split.paths), trained_on=self.checkpoint.fingerprints, **provenance(self.device))
        record.write_arguments(self.folder, vars(self.settings), **facts)
        if text:
            self.log.say(text)
        if self.settings.draw:
            self.pictures = PredictionPictures(self.folder, self.classes, self.settings.eval_transform, self.has_folder)

    def _say(self, split: Split, given: list[Given], probabilities: np.ndarray, results: _Results) -> None:
        """A line a picture, in order: path, class, probability, second choice; or why it is skipped."""
        lines, rows = [], iter(probabilities)
        for one in given:
            path = printable(split.paths[one.index])
            if one.problem:
                results.unreadable.append(path)
                lines.append(f"{path}: skipped, unreadable ({printable(one.problem)})")
                continue
            row = next(rows)
            first, second = np.argsort(-row, kind="stable")[:2]
            lines.append(f"{path}: {self.classes[first]} {row[first]:.3f}, {self.classes[second]} {row[second]:.3f}")
        self.log.say("\n".join(lines))

    def finish(self, results: _Results, split: Split) -> None:
        """Write predictions.csv and say what was had of which pictures. Raises DataError where none could be read."""
        total, skipped = len(split.paths), len(results.unreadable)
        if self.folder is None:
            raise DataError(f"--predict: none of the {total} pictures can be read, the first is {results.unreadable[0]}")
        if self.pictures:
            self.pictures.close()
        probabilities = np.concatenate(results.probabilities)
        paths = [split.paths[one.index] for one in results.given]
        write_table(self.folder / "predictions.csv", paths, probabilities, self.classes)
        say = self.log.say
        no_crops = [one for one in results.given if one.is_no_crop]
        if no_crops:
            examples = [f"{split.paths[one.index]} ({one.size[0]}×{one.size[1]})" for one in no_crops[:_EXAMPLES]]
            more = f" and {len(no_crops) - _EXAMPLES} more" if len(no_crops) > _EXAMPLES else ""
            say(
                f"warning: {len(no_crops)} of {total} pictures can hardly be aligned face crops, by their size or proportions: "
                f"{', '.join(map(printable, examples))}{more}; the network knows nothing else, so crop the faces first"
            )
        if skipped:
            say(f"{skipped} of {total} pictures could not be read and were skipped: {_named(results.unreadable)}")
        drawn = ", with their drawings" if self.pictures else ""
        say(f"{total} pictures in {self.seconds:.1f} s: {total / self.seconds:.1f} pictures/s from the files on{drawn}")
        names = sorted(file.name + "/" * file.is_dir() for file in self.folder.iterdir() if not file.name.startswith("."))
        say(f"written: {self.folder}/ ({', '.join(names)})")


def _named(paths: list[str], most: int = 10) -> str:
    return ", ".join(paths[:most]) + (f" and {len(paths) - most} more" if len(paths) > most else "")


def write_table(path: Path, paths: list[str], probabilities: np.ndarray, classes: tuple[str, ...]) -> None:
    """A CSV with a row a picture: path, predicted class, a probability a class. probabilities: (N, C)."""
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "predicted", *(f"p_{name}" for name in classes)])
        for name, row in zip(paths, probabilities):
            writer.writerow([name, classes[row.argmax()], *(f"{p:.9g}" for p in row)])
