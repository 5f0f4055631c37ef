"""Activations that are computed again in the backward pass instead of being kept for it: the same bits in less memory.

Source: Chen et al., 2016, arXiv:1604.06174 (section 3.1, dropping the results of cheap operations), here of BatchNorms and
activation functions alone, whose inputs are kept anyway.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks


def chain(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """second(first(x)); what `second` would keep of first's result comes from x again when the backward pass asks for it.

    first: a BatchNorm2d, or an activation without state. There is no second derivative through it.
    """
    y = first(x)
    if torch.compiler.is_compiling() or not (torch.is_grad_enabled() and y.requires_grad and _is_repeatable(first)):
        return second(y)
    memory = y.untyped_storage().data_ptr()  # known by its address: to hold y itself would keep it

    def pack(kept: Tensor) -> Tensor | tuple:
        is_result = kept.untyped_storage().data_ptr() == memory
        return (kept.shape, kept.stride(), kept.storage_offset()) if is_result else kept  # any view of it

    def unpack(kept: Tensor | tuple) -> Tensor:
        return kept if isinstance(kept, Tensor) else _again(first, x).as_strided(*kept)

    with saved_tensors_hooks(pack, unpack):
        return second(y)


def _is_repeatable(first: Callable) -> bool:
    """Not a BatchNorm that reads running statistics, or one over several processes."""
    return not isinstance(first, nn.modules.batchnorm._BatchNorm) or (type(first) is nn.BatchNorm2d and first.training)


@torch.no_grad()
def _again(first: Callable, x: Tensor) -> Tensor:
    if isinstance(first, nn.BatchNorm2d):  # without its running statistics, which have moved already
        return F.batch_norm(x, None, None, first.weight, first.bias, training=True, eps=first.eps)
    return first(x)
