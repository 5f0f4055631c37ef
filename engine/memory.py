"""Telling a lack of memory from other failures."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.errors import TrainingStopped

# the last two: what oneDNN's convolutions make of a failed allocation
_SIGNS = (
    "can't allocate memory", "out of memory", "alloc_cpu", "unable to mmap", "could not create a primitive",
    "could not create a memory",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on a GPU or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def remedy(device: torch.device, batch_size: int, workers: int) -> str:
    """What to lower, in a sentence. device: where the network runs."""
    where = "GPU" if device.type == "cuda" else "host"
    other = "" if device.type == "cuda" or not workers else f", or --workers (now {workers})"
    return f"out of memory ({where}): lower --batch-size (now {batch_size}){other}"


@contextmanager
def explained(device: torch.device, batch_size: int, workers: int) -> Iterator[None]:
    """Raises TrainingStopped with the remedy where memory runs out inside."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingStopped(remedy(device, batch_size, workers)) from None
