"""What the command lines of this project share: one line for whatever is wrong, in letters that any terminal takes."""

import argparse
import os
import re
import sys
from pathlib import Path

from data_preprocessing.common.console import lasting_output
from data_preprocessing.common.errors import printable

_LONGEST_PATH = 4096  # bytes


class OneLineParser(argparse.ArgumentParser):
    """argparse, with wrong usage reported in one line, exit status 2."""

    def parse_known_args(self, args=None, namespace=None):
        """As argparse, but with output that lasts, for all of the command.

        Refused is --flag=--, whose value argparse takes for none at all, passing on a list without elements.
        """
        lasting_output()
        for argument in sys.argv[1:] if args is None else args:
            if re.fullmatch(r"(--[^=]+=|-[^-]=?)--", argument):
                self.error(f"{argument}: -- is no value")
        return super().parse_known_args(args, namespace)

    def error(self, message: str):
        """End the program with `message`."""
        self.exit(2, f"error: {printable(message)}; see --help\n")


def path_text(text: str) -> str:
    """The type of an argument that names a file or folder: refuses what none can be called."""
    problem = "is empty" if not text else "has a NUL byte" if "\0" in text else ""
    try:
        problem = problem or ("is too long" if len(os.fsencode(text)) >= _LONGEST_PATH else "")
    except UnicodeEncodeError:
        problem = "is no text"
    if problem:
        raise argparse.ArgumentTypeError(f"{text[:60]!r}: the path {problem}")
    return text


def path(text: str) -> Path:
    """As path_text, for a Path."""
    return Path(path_text(text))
