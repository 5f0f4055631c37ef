"""What `models` raises when a weight file cannot be used."""


class WeightsError(ValueError):
    """A weight file that does not fit the network; the message names file or keys in one line."""
