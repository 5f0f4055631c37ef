"""POSTERs with a short image backbone: for what is no matter of its length, at a third of the cost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def short_poster() -> Iterator[None]:
    """Inside, a POSTER is built on an IR-50 of one unit a stage in place of 3, 4 and 14, and read from a file so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.parts.ir50.STAGES", ((64, 64, 1), (64, 128, 1), (128, 256, 1)))
        yield
