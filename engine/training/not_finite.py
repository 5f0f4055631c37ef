"""Noticing that training has gone wrong: losses and gradients that are not finite, reported with their images."""

import json
import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import TrainingStopped

REPORT = "not_finite.jsonl"
_KEPT, _MOST_IN_A_ROW = 5, 20  # finite steps that a report shows; skipped steps after which going on is no use


class FiniteGuard:
    """Watches each step's loss and gradient norm.

    folder: of the run, for the report; None writes none. skip: steps that are not finite were left out, go on; otherwise
    stop. images: batch number of the epoch -> names of its images.
    """

    def __init__(self, folder: Path | None = None, skip: bool = False, images: Callable[[int], list[str]] = lambda number: []):
        self.folder, self.skip, self.images = folder, skip, images
        self._unseen: list[tuple[int, int, Tensor, Tensor]] = []
        self._finite: deque[dict] = deque(maxlen=_KEPT)
        self._in_a_row = 0

    def note(self, epoch: int, step: int, loss: Tensor, norm: Tensor) -> None:
        """Keep a step's values, both counted from 1, without looking at them: to look waits for the device."""
        self._unseen.append((epoch, step, loss, norm))

    def check(self, say: Callable[[str], None]) -> None:
        """Look at the steps since the last check.

        Raises TrainingStopped at the first one that is not finite, or where too many were skipped in a row.
        """
        unseen, self._unseen = self._unseen, []
        if not unseen:
            return
        seen = torch.stack([torch.stack([loss, norm]) for _, _, loss, norm in unseen]).tolist()  # one wait for all
        for (epoch, step, _, _), (loss, norm) in zip(unseen, seen):
            values = {"epoch": epoch, "step": step, "loss": loss, "gradient_norm": norm}
            if math.isfinite(loss) and math.isfinite(norm):
                self._finite.append(values)
                self._in_a_row = 0
                continue
            self._in_a_row += 1
            what = "gradient" if math.isfinite(loss) else "loss"
            text = f"the {what} is not finite at epoch {epoch}, step {step}{self._report(values)}"
            if not self.skip:
                raise TrainingStopped(f"{text}; lower --lr, or --on-nan skip")
            if self._in_a_row >= _MOST_IN_A_ROW:
                raise TrainingStopped(f"{text}; {_MOST_IN_A_ROW} steps in a row were; lower --lr")
            say(f"{text}; the step was skipped (--on-nan skip)")

    def _report(self, values: dict) -> str:
        """A line of the report: the step, the images of its batch, the last finite steps. Returns where, for messages."""
        if self.folder is None:
            return ""
        path = self.folder / REPORT
        numbers = {name: value if isinstance(value, int) else str(value) for name, value in values.items()}
        entry = {
            "time": time.strftime("%Y-%m-%d %H:%M:%S"),
            **numbers,
            "pictures": self.images(values["step"] - 1),
            "last_finite_steps": list(self._finite),
        }
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return f" (see {path})"
