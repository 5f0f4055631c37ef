"""Text out of a file: whether it is any, and made fit for a message."""

from data_preprocessing.common.words import first_of

LONGEST_TEXT = 4096  # characters and bytes of what a file may hold as a name or path
_LONGEST_NAME = 1024  # of a class, a split, a setting


def is_text(value: object, most: int = LONGEST_TEXT) -> bool:
    """Text as the name of a file or folder may be: any but NUL, bytes that are no UTF-8 as Python keeps them."""
    if type(value) is not str or len(value) > most or "\0" in value:
        return False
    try:
        return len(value.encode("utf-8", "surrogateescape")) <= most
    except UnicodeEncodeError:
        return False


def is_name(value: object) -> bool:
    """Text as a class, a split or a setting may be called."""
    return is_text(value, _LONGEST_NAME) and value != ""


def readable(text: str, most: int = 60) -> str:
    """`text` in one line without control characters, cut to `most` characters."""
    shown = "".join(character if character.isprintable() else "?" for character in text[:most])
    return shown if len(text) <= most else f"{shown}…"


def some(names: list[str]) -> str:
    """The first three of `names`, and how many more there are."""
    return first_of([readable(name) for name in names])
