"""Being asked to stop or to save: what SIGINT, SIGTERM, SIGHUP and SIGUSR1 do to a training run."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_ONE_REQUEST = 0.5  # seconds in which the same signal again is no second request: schedulers and parents both send it


def stopping() -> tuple[signal.Signals, ...]:
    """The signals that ask to stop. SIGHUP, a terminal that goes away, is none where nohup has it ignored."""
    return _STOPPING if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*_STOPPING, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The process was asked to stop. number: the signal."""

    def __init__(self, number: int, text: str = ""):
        super().__init__(text or f"stopped by {signal.Signals(number).name}")
        self.number = number


class Requests:
    """What signals asked for since it was last looked at: `stop` (a signal's number, 0 for none) and `save`.

    Inside `deferred` a signal waits for the next look, so that no step and no file is torn; a second one, and one that
    comes outside, raises Interrupted at once; the same one again within half a second is no second one, and SIGHUP never is:
    where a terminal goes away the system sends it, the shell, and after SIGTERM the service manager. SIGUSR1, which job
    schedulers send before a time limit, only asks for a save.
    """

    def __init__(self):
        self.stop, self.save, self._deferring = 0, False, False
        self._asked = 0.0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals here, in the main thread, and put the former handlers back afterwards."""
        handlers = {number: self._stop for number in stopping()} | {signal.SIGUSR1: self._save}
        former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let signals wait until the program looks."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False
        if self.stop:
            raise Interrupted(self.stop)

    def agreed(self, save: bool, largest: Callable[..., list[int]]) -> tuple[int, bool]:
        """What was asked of any process until now: the signal that stops, 0 for none, and whether to save (so too with `save`).

        largest: gives the largest of every process's numbers, place by place, as Group.max. A signal that comes while it waits
        for the others stays for the next look.
        """
        asked, self.save = self.save, False
        stop, save = largest(self.stop, asked or save)
        if stop and not self.stop:  # another process had it first: this one's own is on its way, and no second request
            self.stop, self._asked = stop, time.monotonic()
        return stop, bool(save)

    def _stop(self, number: int, frame) -> None:
        if self._deferring and number == self.stop and time.monotonic() - self._asked < _ONE_REQUEST:
            return
        if self.stop and number == signal.SIGHUP:
            return
        if self.stop or not self._deferring:
            raise Interrupted(number)
        self.stop, self._asked = number, time.monotonic()

    def _save(self, number: int, frame) -> None:
        self.save = True
