"""main.py as a user types it, in this very process."""

import main


def run(*arguments: object) -> int:
    """The exit status of main.py with these arguments."""
    return main.main([str(a) for a in arguments])


def refused(capsys, *arguments: object) -> str:
    """The one line that the command ends with, status 2."""
    capsys.readouterr()
    try:
        status = run(*arguments)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    return error
