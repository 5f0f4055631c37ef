"""What a call is refused with."""

import pytest

from data_preprocessing.common.errors import DataError


def failure(function, *args, **options) -> str:
    """The message of the DataError that the call raises: one line, short enough to read."""
    with pytest.raises(DataError) as caught:
        function(*args, **options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and len(message) < 500
    return message
