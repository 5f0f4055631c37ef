"""A GPU that is not there: tensors that say `cuda` and hold nothing, so that code for a GPU runs on any machine.

PyTorch's FakeTensorMode computes shapes, types and devices alone. What a GPU would refuse raises here too: an operation over
two devices, and on a tensor that was forgotten on the host. To look at a value (`.item()`, `float`, `if`) waits for a GPU;
`waits` counts it and goes on with a made-up value. The backward pass of such tensors needs a driver in PyTorch's CUDA wheels:
use the device `meta` for it, where to look at a value raises.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

try:  # both names are private to PyTorch
    from torch._subclasses import FakeTensorMode
    from torch.utils._python_dispatch import TorchDispatchMode
except ImportError:
    FakeTensorMode, TorchDispatchMode = object, object

CUDA = torch.device("cuda", 0)
# the one place: a PyTorch without these names skips the tests that are marked by it
emulated = pytest.mark.skipif(FakeTensorMode is object, reason="this PyTorch has no FakeTensorMode")


def _replace(module: nn.Module, convert: Callable[[Tensor], Tensor]) -> nn.Module:
    for part in module.modules():
        for held in (part._parameters, part._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    new = convert(tensor)
                    held[name] = nn.Parameter(new, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else new
    return module


def moved(module: nn.Module, device: torch.device = CUDA) -> nn.Module:
    """`module` itself with parameters and buffers that say `device`: inside `gpu`, or anywhere for `meta`."""
    return _replace(module, lambda t: torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=device))


class Waits(TorchDispatchMode):
    """Counts how often a value is looked at, each of which would wait for the GPU, and answers 0 or False."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        aten = torch.ops.aten
        if function not in (aten._local_scalar_dense.default, aten.item.default, aten.is_nonzero.default):
            return function(*args, **(kwargs or {}))
        self.count += 1
        return False if args[0].dtype == torch.bool else 0.0 if args[0].is_floating_point() else 0


class _Fake(FakeTensorMode):
    def __deepcopy__(self, memo: dict) -> "_Fake":  # a network's copy holds tensors of the same mode
        return self


@contextmanager
def gpu() -> Iterator[Waits]:
    """Inside, new tensors may say `cuda`; gives the count of waits."""
    with pytest.MonkeyPatch.context() as patch, _Fake(), Waits() as waits:
        patch.setattr(nn.Module, "_apply", _replace)  # PyTorch's swaps tensors in place, which fake ones do not take
        # PyTorch turns autocast off where it finds no driver
        patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
        yield waits


class Operators(TorchDispatchMode):
    """Collects the names of the operators that run inside, such as `aten.convolution_backward`."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(str(function.overloadpacket))
        return function(*args, **(kwargs or {}))
