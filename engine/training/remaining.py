"""How long a training still takes, by the time its steps and epochs have taken so far."""

import time
from collections.abc import Callable

_STEPS = 10  # after so many the first estimate is printed; the first step is slower than the others and does not count


class Remaining:
    """The estimates of one process's training: `steps` per epoch, epochs up to number `epochs`, printed through `say`."""

    def __init__(self, steps: int, epochs: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self._steps, self._epochs, self._say, self._clock = steps, epochs, say, clock
        self._begin = clock()
        self._first_step, self._count, self._done = 0.0, 0, 0

    def step(self, epoch: int, step: int) -> None:
        """Step number `step` of epoch `epoch`, both counted from 1, is done."""
        self._count += 1
        if self._count == 1:
            self._first_step = self._clock()
        if self._count == _STEPS:
            seconds = (self._clock() - self._first_step) / (_STEPS - 1)
            left = (self._epochs - epoch + 1) * self._steps - step
            if left > 0:
                self._say(
                    f"  {seconds:.3g} s per step: about {duration(seconds * left)} for {left} more steps, validation aside"
                )

    def epoch(self, epoch: int) -> str:
        """What is left after epoch number `epoch` with its validation, "" after the last one."""
        self._done += 1
        if epoch >= self._epochs:
            return ""
        seconds = (self._clock() - self._begin) / self._done
        return f"about {duration(seconds * (self._epochs - epoch))} left"


def duration(seconds: float) -> str:
    """A length of time to two places: "4 s", "3 min 20 s", "2 h 5 min", "3 days 4 h"."""
    units = (("days", 86400), ("h", 3600), ("min", 60), ("s", 1))
    left, parts = max(round(seconds), 1), []
    for name, length in units:
        number, left = divmod(left, length)
        if number or parts:
            parts.append(f"{number} {'day' if name == 'days' and number == 1 else name}" if number else "")
    return " ".join(part for part in parts[:2] if part)
