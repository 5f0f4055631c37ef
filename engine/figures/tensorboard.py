"""`--tensorboard`: a run's scalars and images for TensorBoard, beside the files that every run writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engine.errors import UsageError
from engine.training.loop import FitState, learning_rate

FOLDER = "tensorboard"


class Watch:
    """Writes to log/<run>/tensorboard/. The horizontal axis of everything is the number of steps done since the beginning.

    One axis, because a run that goes on makes TensorBoard know from which step on to forget what was written: steps that were
    done after the last checkpoint are done, and written, again. steps: of an epoch.
    """

    def __init__(self, folder: Path, state: FitState, steps: int, base: float, decay: float, print_freq: int):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:  # the package is there, and something that it needs is not
            raise UsageError(f"--tensorboard: the package cannot be used ({error}); install it anew") from None
        self._folder, self._steps, self._print_freq = folder, steps, print_freq
        self._rate = lambda epoch: learning_rate(base, decay, epoch)
        self._told = state.progress.step if state.progress else 0
        is_new = not (folder / FOLDER).exists()
        purge = None if is_new else self._now(state) + 1
        self._writer = SummaryWriter(str(folder / FOLDER), purge_step=purge)
        if is_new:
            self._image("first training batch", "train_batch.png", 0)

    def step(self, state: FitState) -> None:
        """After a step: means since the last point, every `print_freq` steps and at an epoch's end."""
        done = state.progress
        if done.step % self._print_freq and done.step != self._steps:
            return
        part = slice(self._told, done.step)
        sizes = torch.tensor(done.sizes[part], dtype=torch.float64)
        self._told = done.step % self._steps
        if sizes.sum() > 0:  # not every one was skipped
            losses, hits = (values.tensor()[part].double() for values in (done.losses, done.hits))
            self._add("step/loss", float((losses * sizes).sum() / sizes.sum()), self._now(state))
            self._add("step/accuracy", float(hits.sum() / sizes.sum()), self._now(state))
        self._add("step/learning_rate", self._rate(state.epoch), self._now(state))

    def epoch(self, state: FitState, is_best: bool) -> None:
        """After an epoch: its row of metrics.csv, and the confusion matrix where it is the best so far."""
        row = state.history[-1]
        for name, value in row.items():
            if name != "epoch":
                split, _, what = name.partition("_")
                self._add(f"{split}/{what}" if split in ("train", "valid") else name, value, self._now(state))
        if is_best:
            self._image("confusion matrix of the best epoch", "confusion_matrix.png", self._now(state))
        self.flush()

    def flush(self) -> None:
        """Have on the disk what was written, before the checkpoint that a run goes on from."""
        self._writer.flush()

    def close(self) -> None:
        """Write the rest."""
        self._writer.close()

    def _now(self, state: FitState) -> int:
        return state.epoch * self._steps + (state.progress.step if state.progress else 0)

    def _add(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)

    def _image(self, name: str, file: str, step: int) -> None:
        if (self._folder / file).is_file():
            with Image.open(self._folder / file) as image:
                self._writer.add_image(name, np.asarray(image.convert("RGB")), step, dataformats="HWC")


class NoWatch:
    """Takes what `Watch` takes and does nothing."""

    def step(self, state: FitState) -> None:
        """Nothing."""

    def epoch(self, state: FitState, is_best: bool) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


@contextmanager
def watching(wanted: bool | None, *arguments) -> Iterator[Watch | NoWatch]:
    """A Watch of `arguments`, closed at the end; without `wanted` one that does nothing. Raises UsageError, OSError."""
    if not wanted:
        yield NoWatch()
        return
    watch = Watch(*arguments)
    try:
        yield watch
    finally:
        watch.close()
