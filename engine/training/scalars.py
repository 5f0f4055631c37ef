"""A value per step, kept where the step ran."""

import torch
from torch import Tensor

_BLOCK = 1024


class Scalars:
    """Scalar tensors in the order they came.

    They are copied into blocks: a scalar that stays alive by itself lies between its step's large pieces of memory and pins
    the heap around it (glibc: 7 MB per step of Deep-Emotion, 1.5 GB per epoch of FER2013).
    values: (N,) to begin with, such as a checkpoint's; those that follow may lie on another device.
    """

    def __init__(self, values: Tensor | None = None):
        self._full = [] if values is None else [values]
        self._block: Tensor | None = None
        self._filled = 0

    def append(self, value: Tensor) -> None:
        """Keep a copy of a scalar, without waiting for its device."""
        block = self._block
        if block is None or self._filled == _BLOCK or (block.device, block.dtype) != (value.device, value.dtype):
            self._full += self._begun()
            self._block, self._filled = value.new_zeros(_BLOCK), 0
        self._block[self._filled] = value.detach()
        self._filled += 1

    def tensor(self) -> Tensor:
        """(N,) on the host, of the values' type: one copy per block, since each waits for its device."""
        parts = [part.cpu() for part in (*self._full, *self._begun())]
        return torch.cat(parts) if parts else torch.zeros(0)

    def _begun(self) -> list[Tensor]:
        """What the last block holds so far; nothing before the first value."""
        return [] if self._block is None else [self._block[: self._filled]]
