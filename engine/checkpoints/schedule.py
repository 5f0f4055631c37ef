"""When a run writes a checkpoint, and what the writing costs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

# at an epoch's end a checkpoint is written where writing one takes less than a hundredth of the time since the last one
_WORTH = 100


class SavingSchedule:
    """every: steps or seconds between two checkpoints within an epoch, the other None."""

    def __init__(self, every: tuple[int | None, float | None]):
        self.steps, self.seconds = every
        self.count, self.spent = 0, 0.0
        self._steps_since, self._last, self._cost, self._begin = 0, time.perf_counter(), 0.0, time.perf_counter()

    def step(self) -> None:
        """A training step was done."""
        self._steps_since += 1

    @property
    def is_due(self) -> bool:
        """Whether the interval is over."""
        if self.steps is not None:
            return self._steps_since >= self.steps
        return time.perf_counter() - self._last >= self.seconds

    @property
    def is_cheap(self) -> bool:
        """Whether a checkpoint costs little against the work that it would save."""
        return time.perf_counter() - self._last >= _WORTH * self._cost

    def restart(self) -> None:
        """Another process has written the checkpoint: the interval starts anew."""
        self._last, self._steps_since = time.perf_counter(), 0

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around the writing of one checkpoint: measures it and starts the interval anew."""
        begin = time.perf_counter()
        yield
        self.restart()
        self._cost = self._last - begin
        self.spent += self._cost
        self.count += 1

    def summary(self) -> str:
        """What saving has cost so far, for the log."""
        share = self.spent / max(time.perf_counter() - self._begin, 1e-9)
        return f"saving: {self.count} checkpoints in {self.spent:.1f} s, {100 * share:.2f} % of the time"
