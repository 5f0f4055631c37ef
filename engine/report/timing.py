"""What an epoch costs in time and memory, kept in log/<run>/timing.csv."""

import contextlib
import csv
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from data_preprocessing.common.files import replacing

NAME = "timing.csv"
COLUMNS = ("epoch", "seconds", "train_pictures_per_s", "peak_memory_mib", "peak_gpu_memory_mib")


@dataclass
class Clock:
    """Times the epochs of one process, and in seconds its last evaluation, None before one."""

    device: torch.device
    began: float = field(default_factory=time.monotonic)
    evaluated: float | None = None

    def timed(self, progress: Callable) -> Callable:
        """`progress` of engine.evaluation.predictions.predict, which goes through all batches, and the time this takes."""

        def watched(items: Iterable, total: int, text: str) -> Iterator:
            begin = time.monotonic()
            yield from progress(items, total, text)
            self.evaluated = time.monotonic() - begin

        return watched

    def lap(self, epoch: int, images_per_s: float) -> dict:
        """The row of an epoch that ends now: seconds since the last one ended, or since this process began to train."""
        now = time.monotonic()
        row = dict(zip(COLUMNS, (epoch, round(now - self.began, 3), round(images_per_s, 1), *self.memory())))
        self.began = now
        return row

    def memory(self) -> tuple[float | None, float | None]:
        """The most memory that this process has held so far, and on the GPU, in MiB; None where it cannot be measured."""
        gpu = self.device.type == "cuda" and round(torch.cuda.max_memory_allocated(self.device) / 2**20, 1)
        return _peak_memory(), gpu or None


def _peak_memory() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(size / (2**20 if sys.platform == "darwin" else 2**10), 1)


def read_timing(path: Path) -> list[dict]:
    """The rows of timing.csv, values None where they are not known; [] without one or where it is damaged."""
    with contextlib.suppress(OSError, ValueError, csv.Error):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if all(set(row) == set(COLUMNS) for row in rows):
            return [{"epoch": int(row.pop("epoch")), **{k: float(v) if v else None for k, v in row.items()}} for row in rows]
    return []


def write_timing(path: Path, row: dict) -> None:
    """Add the row of an epoch, in place of those of that epoch and later ones. Raises OSError."""
    rows = [former for former in read_timing(path) if former["epoch"] < row["epoch"]]
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows([*rows, row])
