"""Text out of a file, made fit for a message."""


def readable(text: str, most: int = 60) -> str:
    """`text` in one line without control characters, cut to `most` characters."""
    shown = "".join(character if character.isprintable() else "?" for character in text[:most])
    return shown + "…" * (len(text) > most)


def some(names: list[str], most: int = 3) -> str:
    """The first `most` of `names`, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(readable(name) for name in names[:most]) + more
