"""What the fuzz tests share: how many cases, a time limit for each, mutated files, and what counts as a clean refusal.

FUZZ_CASES: cases of each test function; without it about 120 over all of them. The cases are the same in every run.
"""

import io
import os
import random
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, currently_in_test_context, event, settings

from data_preprocessing.common.errors import DataError, one_line

SECONDS = 20  # for a case


def cases(usually: int) -> settings:
    """The settings of a test with `usually` cases."""
    return settings(
        max_examples=int(os.environ.get("FUZZ_CASES", usually)),
        derandomize=True,
        deadline=None,
        database=None,
        print_blob=False,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


class TookTooLong(BaseException):
    """A case ran into its time limit. No Exception, which the code under test may catch."""


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Ends what hangs."""

    def ring(number, frame):
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, outer)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def silent() -> Iterator[None]:
    """Nothing may be printed: not by Python's warnings and logging, nor by a library past Python."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        assert file.read() == b""


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """What the call returns, or None where it raises DataError with a message for one line. Anything else fails the test."""
    with limited():
        try:
            result = call(*args)
        except DataError as error:
            assert_one_line(one_line(error))
            noted("refused")
            return None
    noted("accepted")
    return result


def noted(what: str) -> None:
    """Count an outcome, for --hypothesis-show-statistics."""
    if currently_in_test_context():
        event(what)


def assert_one_line(message: str) -> None:
    """A message that a terminal shows in one line of bounded length, without addresses or a traceback."""
    assert message and len(message.splitlines()) == 1 and len(message) < 7000
    assert message.isprintable() or "\u3000" in message or "\xa0" in message
    assert "Traceback" not in message and " object at 0x" not in message


def run(main: Callable[[list[str]], int], arguments: list[str]) -> tuple[int, str]:
    """Exit status of a command line, and what it said on stderr: nothing where the status is 0, else one line.

    The terminal knows ASCII alone; what the program prints on stdout it has to escape itself.
    """
    output = io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True)
    error = io.TextIOWrapper(io.BytesIO(), "ascii", "backslashreplace", write_through=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", output)
        patch.setattr("sys.stderr", error)
        try:
            status = main(arguments)
        except SystemExit as stop:
            status = stop.code
    said = error.buffer.getvalue().decode()
    if status == 0:
        assert said == ""
    else:
        assert said.startswith("error: ") and said.endswith("\n"), said
        assert_one_line(said[:-1])
    return status, said


def mutated(data: bytes, seed: int) -> bytes:
    """`data` with a few of the damages that disks, downloads and malice do."""
    draw = random.Random(seed)
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        if not changed:
            break
        place, length = draw.randrange(len(changed)), draw.choice((1, 2, 4, 9, 100))
        kind = draw.randrange(7)
        if kind == 0:
            changed[place] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[place : place + length] = draw.randbytes(len(changed[place : place + length]))
        elif kind == 2:
            changed[place : place + length] = bytes([draw.choice((0, 0x7F, 0x80, 0xFF))]) * len(changed[place : place + length])
        elif kind == 3:
            del changed[place : place + length]
        elif kind == 4:
            changed[place:place] = draw.randbytes(length)
        elif kind == 5:
            changed[place:place] = changed[place : place + 10 * length]
        else:
            del changed[place:]
    return bytes(changed)


def retold(data: bytes, seed: int) -> bytes:
    """A text file as spreadsheets, other systems, broken programs and malice leave it."""
    draw = random.Random(seed)
    lines = data.splitlines(keepends=True) or [b""]
    place = draw.randrange(len(lines))
    line = lines[place]
    number = draw.choice((b"1" * 5000, b"1e999", b"-0", b"nan", b"\xd9\xa3", b"0x1", b"1_0", b"9" * 30, b" ", b""))
    fields = line.split(b",") if b"," in line else line.split(b" ")
    field = draw.randrange(len(fields))
    separator = b"," if b"," in line else b" "
    ways = (
        lambda: mutated(data, seed),
        lambda: data.decode("latin-1").encode(draw.choice(("utf-16", "utf-16-be", "utf-32", "utf-8", "cp500"))),
        lambda: b"\xef\xbb\xbf" * draw.choice((1, 2)) + data,
        lambda: data.replace(b"\n", draw.choice((b"\r", b"\r\n", b"", b"\0", b"\n\n", "\u2028".encode()))),
        lambda: data.replace(draw.choice((b",", b" ", b'"', b":", b"\n")), draw.choice((b"", b";", b"\t", b'"', b"\0"))),
        lambda: b"".join(
            [*lines[:place], separator.join([*fields[:field], number, *fields[field + 1 :]]), *lines[place + 1 :]]
        ),
        lambda: b"".join([*lines[:place], line * draw.choice((0, 2, 40)), *lines[place + 1 :]]),
        lambda: b"".join(
            [*lines[:place], line.rstrip(b"\n") + b"x" * draw.choice((300, 200_000, 3_000_000)), *lines[place + 1 :]]
        ),
        lambda: b"".join(draw.sample(lines, len(lines))),
        lambda: data[: draw.randrange(len(data) + 1)] + b'"' + data[draw.randrange(len(data) + 1) :],
    )
    return draw.choice(ways)()
