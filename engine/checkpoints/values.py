"""What single values of a checkpoint may be."""

import torch
from torch import Tensor

NUMBERS = (int, float)


def is_count(value: object, least: int = 0) -> bool:
    """An int from `least` on that 31 bits hold."""
    return type(value) is int and least <= value < 2**31


def is_plain(value: object) -> bool:
    """None, a truth value or a number."""
    return value is None or type(value) in (bool, *NUMBERS)


def is_vector(value: object, dtype: torch.dtype) -> bool:
    """A tensor (N,) of `dtype`."""
    return isinstance(value, Tensor) and value.dtype == dtype and value.dim() == 1


def items_of(value: object) -> list:
    """What a list or tuple holds; any other value alone."""
    return list(value) if type(value) in (list, tuple) else [value]
