"""Keeping the attention weights that a forward computes anyway; `models.attention_maps.recording` is its door.

A layer that hands its weights to `recorded` says so by `records_attention = True` on its class.
"""

from torch import Tensor

_kept: list[Tensor] | None = None  # None: nobody asks, and nothing is kept


def start() -> None:
    """Keep from now on what `recorded` is given."""
    global _kept
    _kept = []


def stop() -> list[Tensor]:
    """Keep nothing any more; what was kept since `start`."""
    global _kept
    kept, _kept = _kept or [], None
    return kept


def is_recording() -> bool:
    """Whether weights have to be computed where they can be kept."""
    return _kept is not None


def recorded(weights: Tensor) -> Tensor:
    """`weights` themselves, kept where somebody asked for it."""
    if _kept is not None:
        _kept.append(weights.detach())
    return weights
