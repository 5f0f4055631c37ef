"""The 3 × 3 convolution of large maps, whose weight gradient oneDNN's AVX2 kernels leave slow in channels-last memory.

Measured on an Intel Xeon held to AVX2, one thread, 64 to 64 channels on 112²: 48 GFLOP/s where matrix products reach 91.
On smaller maps, and with AVX-512, oneDNN's own kernel is the faster one and stays.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

MANY_POSITIONS = 100**2  # of a map: between the 56² where shifted products lose and the 112² where they win


def conv2d(x: Tensor, weight: Tensor) -> Tensor:
    """x (B, in, H, W), weight (out, in, 3, 3) -> (B, out, H, W), as torch.nn.functional.conv2d with padding 1, stride 1."""
    if _shifted_products_win(x, weight):
        return _Convolution.apply(x, weight)
    return F.conv2d(x, weight, padding=1)


def _shifted_products_win(x: Tensor, weight: Tensor) -> bool:
    """A question of the kernels in force and the shape, not of a measurement: the same bits in every run."""
    if x.device.type != "cpu" or torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"):
        return False
    large = x.shape[-2] * x.shape[-1] >= MANY_POSITIONS
    trains = torch.is_grad_enabled() and weight.requires_grad and x.dtype == weight.dtype == torch.float32
    return trains and large and torch.backends.cpu.get_cpu_capability() == "AVX2"


def weight_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """The gradient of (out, in, 3, 3) weights; x (B, in, H, W), grad (B, out, H, W).

    Rows of zero-padded maps lie one after the other, so that every place of the kernel is one product of x, shifted by a
    constant, with the gradient: nine matrix products over all positions, summed image by image while the cache holds them.
    """
    width = x.shape[-1] + 2
    total = x.new_zeros(3, 3, grad.shape[1], x.shape[1])
    for image, slope in zip(x.permute(0, 2, 3, 1), grad.permute(0, 2, 3, 1)):
        positions = F.pad(image, (0, 0, 1, 1, 1, 1)).flatten(0, 1)
        slopes = F.pad(slope, (0, 0, 0, 2, 0, 2)).flatten(0, 1).t()
        for row in range(3):
            for column in range(3):
                shift = row * width + column
                total[row, column].addmm_(slopes[:, : len(positions) - shift], positions[shift:])
    return total.permute(2, 3, 0, 1)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight = ctx.needs_input_grad
        turned = weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last) if for_x else None
        return (
            F.conv2d(grad, turned, padding=1) if for_x else None,
            weight_gradient(x, grad) if for_weight else None,
        )
