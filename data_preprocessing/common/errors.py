"""What `data_preprocessing` raises when the user's data cannot be used, and how an error is reported in one line."""

import unicodedata

_MOST_CHARACTERS = 1000  # of a message; of longer ones the beginning and the end are shown


class DataError(ValueError):
    """Wrong or broken data; the message names the file or folder and the remedy in one line."""


def one_line(error: BaseException) -> str:
    """The message of `error` for a terminal.

    A loader's worker process sends its whole traceback, which ends in the message.
    """
    text = str(error).strip() or type(error).__name__
    if "Original Traceback (most recent call last)" in text:
        kind = (
            type(error).__name__ if type(error).__module__ == "builtins" else f"{type(error).__module__}.{type(error).__name__}"
        )
        text = text.rpartition(f"\n{kind}: ")[2] if f"\n{kind}: " in text else text.splitlines()[-1]
    return printable(text)


def printable(text: str) -> str:
    """`text` in one line, not endless: line breaks, bytes that are no UTF-8 and other controls are escaped."""
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[: _MOST_CHARACTERS // 2]} ... {text[-_MOST_CHARACTERS // 2 :]}"
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else ascii(c)[1:-1] for c in text)
