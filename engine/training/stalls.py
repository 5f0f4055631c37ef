"""Drawing batches from a loader: a loader that stalls is reported, a worker process that dies ends the run cleanly."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from torch.utils.data import DataLoader

from engine.data import progress
from engine.errors import LoaderDied


def batches(loader: DataLoader | Iterable, stall_seconds: float, say: Callable[[str], None]) -> Iterator:
    """The loader's batches.

    Whenever a batch is waited for longer than `stall_seconds`, a line through `say` names the images that the loader has
    been at; the wait goes on, since a network disk may come back. Raises LoaderDied where a worker process has ended.
    """
    with _deaths_told():
        iterator = iter(loader)  # waits for the worker processes that an earlier epoch left
    if getattr(loader, "num_workers", 0):
        # torch's own handler would raise in the middle of a step; without it the next wait for a batch reports it
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with _Watchdog(loader, stall_seconds, say) as watchdog:
        while True:
            watchdog.waiting_since = time.monotonic()
            try:
                with _deaths_told():
                    batch = next(iterator)
            except StopIteration:
                return
            finally:
                watchdog.waiting_since = None
            yield batch


def watched(stall_seconds: float, say: Callable[[str], None]) -> Callable[[DataLoader, int, str], Iterable]:
    """A progress bar over a loader, as `data.progress`, that draws its batches as `batches` does."""
    return lambda loader, total, text: progress(batches(loader, stall_seconds, say), total, text)


@contextlib.contextmanager
def _deaths_told() -> Iterator[None]:
    """Raises LoaderDied where the loader notices inside that a worker process has ended."""
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:  # the last two: it was sending a batch
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        text = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise LoaderDied(f"a loading process ended ({text}), for lack of memory? lower --workers or --batch-size") from None


class _Watchdog:
    """A thread that looks every second or so whether a batch is overdue."""

    def __init__(self, loader: DataLoader | Iterable, stall_seconds: float, say: Callable[[str], None]):
        self.loader, self.stall_seconds, self.say = loader, stall_seconds, say
        self.waiting_since: float | None = None
        self._told: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Watchdog":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self.stall_seconds / 4)):
            since = self.waiting_since
            if since is None or since == self._told or time.monotonic() - since < self.stall_seconds:
                continue
            self._told = since  # once for each wait
            with contextlib.suppress(OSError):  # of a log on a full disk, which the run itself will meet
                self.say(f"no batch for {time.monotonic() - since:.0f} s (--stall-seconds): {self._where()}; waiting on")

    def _where(self) -> str:
        dataset = self.loader.dataset
        now, indices = time.monotonic(), dataset.reading.now()
        at = [f"{dataset.split.where(index)} for {now - since:.0f} s" for index, since in indices]
        return f"the loader is at {', '.join(at)}" if at else "the loader is at no image"
