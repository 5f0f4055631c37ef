"""3 × 3 convolutions in forms faster than oneDNN's, exact up to rounding.

What was measured (AMD EPYC with AVX-512, and held to AVX2; one thread) is in docs/performance.md: Winograd's form halves or
quarters the multiplications where the stride is 1; elsewhere oneDNN's weight gradients are the weak ones with AVX2 alone, at a
third to two thirds of the matrix product's rate.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.cpu import winograd_convolution as winograd
from models.cpu.winograd import chunks

# by instruction set, how many channels it takes: with 64 the additions are the larger part, which AVX-512 hardly speeds up
LEAST_CHANNELS = {"AVX2": 64, "AVX512": 128}


def prefers_own(weight: Tensor, stride: int) -> bool:
    """Whether a convolution on a CPU with this weight (out, in / groups, k, k) is faster in the forms below than by oneDNN. A
    question of the instruction set in force, not of a measurement: the same bits in every run."""
    level = torch.backends.cpu.get_cpu_capability()
    if weight.dtype != torch.float32 or weight.shape[2:] != (3, 3) or level not in LEAST_CHANNELS:
        return False
    return min(weight.shape[:2]) >= LEAST_CHANNELS[level] and (stride == 1 or level == "AVX2")


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """F.conv2d(x, weight, bias, stride, padding=1): x (B, in, H, W), weight (out, in, 3, 3) -> (B, out, H', W')."""
    exact = x.dtype == torch.float32 and not torch.is_autocast_enabled(x.device.type)
    if exact and x.device.type == "cpu" and x.numel() and not torch.compiler.is_compiling() and prefers_own(weight, stride):
        if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
            return _Convolution.apply(x, weight, bias, stride)
        return _forward(x, weight, bias, stride, alone=True)
    return F.conv2d(x, weight, bias, stride, padding=1)


def _forward(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, alone: bool) -> Tensor:
    if stride > 1:
        return F.conv2d(x, weight, bias, stride, padding=1)
    out = winograd.convolution(x, weight, alone)
    return out if bias is None else out.add_(bias[:, None, None])


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _forward(x, weight, bias, stride, alone=False)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), stride = ctx.saved_tensors, ctx.stride
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        dx = dweight = None
        if for_x:
            dx = winograd.input_gradient(grad, weight) if stride == 1 else _input_gradient(grad, weight, stride, x.shape)
        if for_weight:
            dweight = winograd.weight_gradient(x, grad) if stride == 1 else _weight_gradient(x, grad, stride)
        return dx, dweight, grad.sum((0, 2, 3)) if for_bias else None, None


def _input_gradient(grad: Tensor, weight: Tensor, stride: int, shape: torch.Size) -> Tensor:
    left_over = [(side - 1) % stride for side in shape[2:]]  # rows and columns at the end that the last window does not end at
    return F.conv_transpose2d(grad, weight, stride=stride, padding=1, output_padding=left_over)


def _weight_gradient(x: Tensor, grad: Tensor, stride: int) -> Tensor:
    """One matrix product over all windows of the maps; the rows of a window, of three pixels each, are copied side by side."""
    out, channels = grad.shape[1], x.shape[1]
    weight = x.new_zeros(out, 9 * channels)
    for some in chunks(x):
        padded = F.pad(x[some].permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        windows = padded.unfold(1, 3, stride).unfold(2, 3, stride).permute(0, 1, 2, 4, 5, 3)
        weight.addmm_(grad[some].permute(0, 2, 3, 1).reshape(-1, out).t(), windows.reshape(-1, 9 * channels))
    return weight.view(out, 3, 3, channels).permute(0, 3, 1, 2)
