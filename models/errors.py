"""What `models` raises when a weight file cannot be used."""


class WeightsError(ValueError):
    """A weight file that does not fit the network; the message names file or keys in one line."""


def damaged(reason: str) -> WeightsError:
    """The error to raise where a file is not as it was written."""
    return WeightsError(f"truncated or damaged ({reason}); use another copy")
