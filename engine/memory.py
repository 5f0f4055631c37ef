"""Telling a lack of memory from other failures."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from data_preprocessing.common.words import only_if
from engine.errors import TrainingStopped

# the two of a primitive: what oneDNN's convolutions make of a failed allocation
_SIGNS = (
    "can't allocate memory", "out of memory", "alloc_cpu", "unable to mmap", "could not create a primitive",
    "could not create a memory", "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory ran out, on a GPU or on the host."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def remedy(device: torch.device, batch_size: int, workers: int, accumulate: int = 0, precision: str = "", fits: int = 0) -> str:
    """What to lower, in a sentence. device: where the network runs.

    accumulate, precision: as the flags say, of a training. fits: images that would go through at once, 0 where not known.
    """
    where = "GPU" if device.type == "cuda" else "host"
    others = []
    if accumulate:
        others.append(f"raise --accumulate (now {accumulate})")
        others += only_if(precision == "fp32" and device.type == "cuda", "--precision bf16")
    if device.type != "cuda" and workers:
        others.append(f"--workers (now {workers})")
    text = ", or ".join([f"out of memory ({where}): lower --batch-size (now {batch_size})", *others])
    if not fits:
        return text
    parts = max(2, -(-batch_size // fits))
    return f"{text}; by the memory measured per image {fits} fit at once: --accumulate {parts} computes the same batch in parts"


def images_that_fit(peak: Callable[[int], int], room: int, fixed: int = 0) -> int:
    """How many images a training step can hold at once, 0 for none.

    peak: number of images -> bytes at the peak of their forward and backward pass, measured here for 2 and for 4. room: bytes
    that there are. fixed: bytes to be needed beside the passes. A twentieth of the room is kept for fragments.
    """
    two, four = peak(2), peak(4)
    each = max(1, (four - two) // 2)
    return max(0, int((0.95 * room - fixed - (two - 2 * each)) // each))


def measured_fit(
    model: nn.Module, shape: tuple[int, ...], device: torch.device, precision: torch.dtype, error: Exception
) -> int:
    """How many images of `shape` (C, H, W) a training step of `model` can hold on a CUDA device; 0 where that is not known.

    error: of the step that was too large; what its frames hold is given up first.
    """
    if device.type != "cuda":
        return 0

    def peak(number: int) -> int:
        torch.cuda.reset_peak_memory_stats(device)
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            logits = model(torch.zeros(number, *shape, device=device))
        logits.float().sum().backward()
        model.zero_grad()
        return torch.cuda.max_memory_allocated(device)

    try:
        traceback.clear_frames(error.__traceback__)
        model.zero_grad()
        torch.cuda.empty_cache()
        room = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
        return images_that_fit(peak, room, fixed=2 * sum(p.nbytes for p in model.parameters()))  # two moments of Adam's
    except RuntimeError:
        return 0


@contextmanager
def explained(device: torch.device, batch_size: int, workers: int) -> Iterator[None]:
    """Raises TrainingStopped with the remedy where memory runs out inside."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingStopped(remedy(device, batch_size, workers)) from None
