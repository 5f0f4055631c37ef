"""The errors that a user can cause. `main.py` turns each into one line and an exit status."""

from data_preprocessing.common.errors import DataError
from models.errors import WeightsError


class UsageError(ValueError):
    """A wrong flag, or a checkpoint that cannot be used; the message names it and the remedy in one line."""


class TrainingStopped(RuntimeError):
    """Training cannot go on; the last good checkpoint is on disk."""


class LoaderDied(TrainingStopped):
    """A loading process has ended; the network stands between two steps."""


class GroupBroken(TrainingStopped):
    """Another process of the run has ended."""


WRONG_INPUT = (UsageError, DataError, WeightsError)  # exit status 2
