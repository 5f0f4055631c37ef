"""Layers that several networks of the POSTER family share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.cpu import kernels
from models.cpu.convolution import convolution
from models.cpu.recompute import chain


class Linear(nn.Linear):
    """torch.nn.Linear with the machine's faster float32 product, see `models.cpu.kernels`."""

    def forward(self, x: Tensor) -> Tensor:
        return kernels.linear(x, self.weight, self.bias)


class Conv3x3(nn.Conv2d):
    """torch.nn.Conv2d of kernel 3 and padding 1 with the machine's faster float32 kernels, see `models.cpu.convolution`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, bias: bool = False):
        super().__init__(in_channels, out_channels, 3, stride, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return convolution(x, self.weight, self.bias, self.stride[0])


class PReLU(nn.PReLU):
    """torch.nn.PReLU with a slope a channel and a faster backward, see `models.cpu.kernels`."""

    def forward(self, x: Tensor) -> Tensor:
        return kernels.prelu(x, self.weight)


class Mlp(nn.Module):
    """Linear, exact GELU, linear: (..., dim) -> (..., dim), hidden width dim · ratio."""

    def __init__(self, dim: int, ratio: int):
        super().__init__()
        self.fc1 = Linear(dim, dim * ratio)
        self.fc2 = Linear(dim * ratio, dim)

    def forward(self, x: Tensor) -> Tensor:
        return chain(F.gelu, self.fc2, self.fc1(x))


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., 2016, arXiv:1603.09382): drop the branch per sample, rescale the survivors.

    x: (B, ...) -> the same shape; identity in evaluation or at rate 0.
    """

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = torch.empty(x.shape[0], *[1] * (x.dim() - 1), dtype=x.dtype, device=x.device).bernoulli_(keep)
        return x * (mask / keep)


class SEGate(nn.Module):
    """Squeeze-and-excitation gate on a vector: x · σ(W2 ReLU(W1 x)), (B, dim) -> (B, dim).

    Source: Hu et al., 2018, arXiv:1709.01507, without the reduction of the width.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.linear1 = Linear(dim, dim)
        self.linear2 = Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.linear2(F.relu(self.linear1(x))))
