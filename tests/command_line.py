"""main.py as a user types it, in this very process."""

from collections.abc import Callable
from pathlib import Path

import main


def run(*arguments: object) -> int:
    """The exit status of main.py with these arguments."""
    return main.main([str(a) for a in arguments])


def refused(capsys, *arguments: object, run: Callable[..., int] = run) -> str:
    """The one line that the command ends with, status 2. run: of another command than main.py."""
    capsys.readouterr()
    try:
        status = run(*arguments)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    return error


def refused_untouched(capsys, *arguments: object, run: Callable[..., int] = run) -> str:
    """The same, with no file more or less in the current folder."""
    before = set(Path().rglob("*"))
    error = refused(capsys, *arguments, run=run)
    assert set(Path().rglob("*")) == before
    return error
