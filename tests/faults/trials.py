"""A small training run in a folder of its own, started again and again by one command, and compared at its end."""

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from data_preprocessing.synthetic.command import write_synthetic
from tests.faults.processes import Forked, Fresh, Process

RUN = "run"
_STEP, _EPOCH = re.compile(r"^  epoch (\d+) step (\d+)/", re.M), re.compile(r"^epoch (\d+)/\d+: train loss", re.M)
_RESUMED = re.compile(r"^resuming \S+ after epoch (\d+)(?: and (\d+) steps of the next)?$", re.M)
# of a checkpoint, what training depends on; the rest tells which command wrote it
_COMPARED = ("epoch", "state_dict", "optimizer", "rng", "history", "best", "progress", "classes", "fingerprints", "pictures")
# not timing.csv and report.html, which hold times
_FILES = ("metrics.csv", "predictions.csv", "curves.png", "confusion_matrix.png", "f1.png", "train_batch.png")


@dataclass(frozen=True)
class Shape:
    """How long the small run is. train: persons, three images each; the other splits have half as many. patience: 0 or what
    may end it before its last epoch."""

    train: int = 16
    batch: int = 3
    epochs: int = 3
    save_every: int = 3
    patience: int = 0

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return 3 * self.train // self.batch

    @property
    def total(self) -> int:
        """Steps of the run."""
        return self.steps * self.epochs

    def draw(self, folder: Path) -> Path:
        """The images of such a run."""
        people = {"train": self.train, "valid": self.train // 2, "test": self.train // 2}
        return write_synthetic(folder, people=people, views=1, size=64)

    def argv(self, data: Path, workers: int = 0, save_every: int | None = None, cache: object = "off") -> list[str]:
        """The command: SAM, Adam, dropout and random transforms, so that nothing of a run's state goes unused."""
        text = (
            f"--model deep_emotion --data {data} --run {RUN} --resume auto --epochs {self.epochs} -b {self.batch} -j {workers} "
            f"--save-every {save_every or self.save_every} --cache {cache} --rho 0.05 --lr 1e-3 --lr-decay 0.9 -p 1 "
            f"--transform flip-erase --occlude none --device cpu --patience {self.patience}"
        )
        return text.split()


@dataclass
class Attempt:
    """One start of the command."""

    process: Process
    folder: Path
    output: Path
    errors: Path
    shape: Shape
    began: float = field(default_factory=time.monotonic)
    began_ns: int = field(default_factory=lambda: time.time_ns() - 10**7)  # file systems keep coarser times

    @property
    def log(self) -> Path:
        """The run's folder of records."""
        return self.folder / "log" / RUN

    @property
    def last(self) -> Path:
        """Its last checkpoint."""
        return self.folder / "checkpoint" / RUN / "last.pth"

    @property
    def best(self) -> Path:
        """Its best one."""
        return self.last.with_name("best.pth")

    def text(self) -> str:
        """What it has said so far."""
        return self.output.read_text(encoding="utf-8")

    def error_lines(self) -> list[str]:
        """Its lines on stderr."""
        return self.errors.read_text(encoding="utf-8").splitlines()

    def position(self) -> int:
        """Steps of the whole run that it has told to be done, -1 before it has told any."""
        text = self.text()
        steps = [(int(epoch) - 1) * self.shape.steps + int(step) for epoch, step in _STEP.findall(text)]
        epochs = [int(epoch) * self.shape.steps for epoch in _EPOCH.findall(text)]
        return max(steps + epochs, default=-1)

    def resumed(self) -> int | None:
        """Steps of the whole run that it went on from; None where it did not come so far as to tell."""
        text = self.text()
        found = _RESUMED.search(text)
        if found:
            return int(found[1]) * self.shape.steps + int(found[2] or 0)
        return 0 if "starting anew" in text or self.position() >= 0 else None


@dataclass
class Trial:
    """The folder of one run and who starts it. cache: for --cache."""

    folder: Path
    data: Path
    shape: Shape
    launcher: Fresh | Forked
    cache: object = "off"
    attempts: list[Attempt] = field(default_factory=list)

    def start(self, workers: int = 0, save_every: int | None = None, limits: dict | None = None, more: str = "") -> Attempt:
        """The command once more. more: further flags."""
        self.folder.mkdir(parents=True, exist_ok=True)
        output, errors = (self.folder / f"{len(self.attempts)}.{kind}" for kind in ("out", "err"))
        output.touch(), errors.touch()
        argv = [*self.shape.argv(self.data, workers, save_every, self.cache), *more.split()]
        process = self.launcher.start(argv, self.folder, output, errors, limits)
        self.attempts.append(Attempt(process, self.folder, output, errors, self.shape))
        return self.attempts[-1]

    def finish(self, workers: int = 0, more: str = "") -> Attempt:
        """The command once more, to its end. Raises AssertionError where that is no good one."""
        attempt = self.start(workers, more=more)
        status = attempt.process.wait()
        assert status == 0, (status, attempt.error_lines())
        return attempt


def checkpoint_differences(one: Path, other: Path) -> list[str]:
    """Names of what training depends on and two checkpoints do not agree in, bit for bit."""
    first, second = (torch.load(path, weights_only=True) for path in (one, other))
    return [f"{one.name}: {name}" for name in _COMPARED if not equal(first[name], second[name])]


def equal(one: object, other: object) -> bool:
    """Whether two nested contents are the same bits."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and one == other


def differences(folder: Path, reference: Path, run: str = RUN) -> list[str]:
    """What the finished run in `folder` has otherwise than the one in `reference`, or has left lying about."""
    found = []
    for name in ("last.pth", "best.pth"):
        found += checkpoint_differences(folder / "checkpoint" / run / name, reference / "checkpoint" / run / name)
    ours, theirs = folder / "log" / run, reference / "log" / run
    found += [name for name in _FILES if (ours / name).read_bytes() != (theirs / name).read_bytes()]
    results = [json.loads((path / "result.json").read_text(encoding="utf-8")) for path in (ours, theirs)]
    for result in results:
        del result["sha256"]  # of the file, which tells the command as well
    found += ["result.json"] * (results[0] != results[1])
    return found + leftovers(folder)


def leftovers(folder: Path) -> list[str]:
    """Files that were begun and not finished."""
    return [f"left: {path.relative_to(folder)}" for path in folder.rglob("*") if ".partial" in path.name]
