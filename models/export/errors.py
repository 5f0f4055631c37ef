"""What ends an export, in one line."""


class ExportError(ValueError):
    """A wrong flag, or a checkpoint that cannot be exported so; the message names it and the remedy."""


class Differs(RuntimeError):
    """The written file does not compute what the network computes; it was removed."""
