"""Standard output and error that last: a pipe that is closed or a terminal that goes away ends no work.

What is printed then goes nowhere: the files that a command writes, and a run's log, hold the results.
"""

import atexit
import contextlib
import errno
import io
import os
import stat
import sys
from collections.abc import Iterable

_GONE = (errno.EPIPE, errno.ECONNRESET)


class OutputError(OSError):
    """A standard stream that cannot be written, as where it goes to a file on a full disk."""

    def __str__(self) -> str:
        return f"the output cannot be written ({self.strerror}); make room, or send it elsewhere"


class _Lasting(io.FileIO):
    """The descriptor of a standard stream. gone: why nothing can be printed any more, "" as long as it can."""

    def __init__(self, descriptor: int):
        super().__init__(descriptor, "w", closefd=False)
        self.gone = ""

    def write(self, data) -> int:
        """As FileIO.write, but that nobody is there to read is no error."""
        try:
            return super().write(data)
        except OSError as error:
            if not self._nobody_reads(error):
                self._silence()  # what is buffered would be written again, and fail again, when the program ends
                raise OutputError(error.errno, error.strerror) from None
            self.gone = error.strerror
            self._silence()
            return memoryview(data).nbytes

    def _nobody_reads(self, error: OSError) -> bool:
        if error.errno == errno.EIO:  # of a terminal that is gone; a disk says so as well
            return not stat.S_ISREG(os.fstat(self.fileno()).st_mode)
        return error.errno in _GONE

    def _silence(self) -> None:
        """For whatever else writes to the descriptor, such as the processes that are started from here."""
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def lasting_output() -> None:
    """From now on printing raises nothing where nobody reads; what an encoding lacks is escaped (\\xNN, \\uNNNN).

    A program whose last output cannot be written ends with status 3.
    """
    atexit.unregister(_flush)
    atexit.register(_flush)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed when the program was started
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115, for good
        elif _is_plain(stream) and stream is getattr(sys, f"__{name}__"):  # not what a test or a notebook put there
            setattr(sys, name, _lasting(stream))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OutputError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(3)  # an exception here would change no status


def progress(items: Iterable, total: int | None, text: str) -> Iterable:
    """A progress bar over `items`, silent where standard error is no terminal."""
    from tqdm import tqdm  # only here: --help and wrong flags need no package

    return tqdm(items, total=total, desc=text, leave=False, disable=not sys.stderr.isatty())


def output_gone() -> str:
    """Why nobody reads standard output any more; "" as long as it can be printed to, or where that is unknown."""
    return getattr(_raw(sys.stdout), "gone", "")


def _raw(stream: object) -> object:
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)  # under python -u there is nothing between


def _is_plain(stream: object) -> bool:
    return type(stream) is io.TextIOWrapper and type(_raw(stream)) is io.FileIO


def _lasting(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    buffer = io.BufferedWriter(_Lasting(stream.fileno()))
    how = dict(line_buffering=stream.line_buffering, write_through=stream.write_through)
    return io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", newline="\n", **how)
