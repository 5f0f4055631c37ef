"""Evaluation's layers with everything constant folded into their weights: BatchNorms, and layers that nothing stands between.

In evaluation a BatchNorm is x · scale + shift with constants. After a convolution both go into its weights and bias. Before a
padded convolution the shift does not reach the border's padding, which stays zero: there the bias is another one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.cpu.convolution import prefers_own
from models.cpu.operators import PackedConvolution, PackedProduct
from models.cpu.winograd_convolution import PackedWinograd


def scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a BatchNorm does in evaluation, (C,) each."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


def _packs(x: Tensor) -> bool:
    """Whether weights are packed for `x`: float64 is for exactness, and a compiler makes its own."""
    return x.device.type == "cpu" and x.dtype != torch.float64 and not torch.compiler.is_compiling()


class Convolution(nn.Module):
    """A convolution with constant weights, (B, in, H, W) -> (B, out, H', W').

    weight: (out, in / groups, k, k). bias: (out,), or (out, H', W') where it differs along the border. On a CPU the weights
    are kept in the order that oneDNN wants for the size that comes first, so that they are not sorted again in every call.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, stride: int, padding: int, groups: int = 1):
        super().__init__()
        self.options = ([padding, padding], [stride, stride], [1, 1], groups)
        if bias is None:
            bias = weight.new_zeros(len(weight))
        inner = bias if bias.dim() == 1 else bias[:, bias.shape[1] // 2, bias.shape[2] // 2].clone()
        self.register_buffer("weight", weight.detach().contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", inner.detach())
        self.edges = []
        for name, place in EDGES.items() if bias.dim() == 3 else ():
            extra = bias[(slice(None), *place)].detach() - inner[:, None, None]
            if extra.numel() and extra.abs().max() > 1e-12 * bias.abs().max():
                self.edges.append(name)
                self.register_buffer(name, extra)
        self.packed: PackedConvolution | PackedWinograd | None = None

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """residual: added; its memory is taken for the result."""
        if _packs(x):
            if self.packed is None:
                self.packed = self._pack(x.shape)
                self.weight = None
            out = self.packed(x, residual)
        else:
            padding, stride, dilation, groups = self.options
            out = F.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups)
            out = out if residual is None else residual.add_(out)
        for name in self.edges:
            out[(slice(None), slice(None), *EDGES[name])] += getattr(self, name)
        return out

    def _pack(self, shape: torch.Size) -> PackedConvolution | PackedWinograd:
        if self.options == ([1, 1], [1, 1], [1, 1], 1) and prefers_own(self.weight, stride=1):
            return PackedWinograd(self.weight, self.bias, shape)
        return PackedConvolution(self.weight, self.bias, self.options, shape)


# where the bias of a padded convolution may differ; no pixel is in two of them
EDGES = {
    "top": (slice(0, 1), slice(None)),
    "bottom": (slice(-1, None), slice(None)),
    "left": (slice(1, -1), slice(0, 1)),
    "right": (slice(1, -1), slice(-1, None)),
}


class Product(nn.Module):
    """A linear layer with constant weights, (..., in) -> (..., out), followed by the exact GELU where `gelu` is set."""

    def __init__(self, linear: nn.Linear, gelu: bool = False):
        super().__init__()
        self.gelu = gelu
        self.register_buffer("weight", linear.weight.detach())
        self.register_buffer("bias", linear.bias.detach())
        self.packed: PackedProduct | None = None

    def forward(self, x: Tensor) -> Tensor:
        if _packs(x):
            if self.packed is None:
                self.packed = PackedProduct(self.weight, self.bias, self.gelu, x.numel() // x.shape[-1])
                self.weight = None
            return self.packed(x)
        out = F.linear(x, self.weight, self.bias)
        return F.gelu(out) if self.gelu else out


def plain(conv: nn.Conv2d) -> Convolution:
    """The same convolution with constant weights."""
    return Convolution(conv.weight, conv.bias, conv.stride[0], conv.padding[0], conv.groups)


def followed(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> Convolution:
    """Convolution, then BatchNorm."""
    scale, shift = scale_and_shift(norm)
    bias = shift if conv.bias is None else shift + conv.bias * scale
    return Convolution(conv.weight * scale[:, None, None, None], bias, conv.stride[0], conv.padding[0], conv.groups)


def preceded(norm: nn.BatchNorm2d, conv: nn.Conv2d, height: int, width: int) -> Convolution:
    """BatchNorm, then a padded convolution over maps of this size (at least 2 × 2)."""
    scale, shift = scale_and_shift(norm)
    constant = shift[:, None, None].expand(1, -1, height, width)
    bias = F.conv2d(constant, conv.weight, conv.bias, conv.stride, conv.padding)[0]
    return Convolution(conv.weight * scale[:, None, None], bias, conv.stride[0], conv.padding[0])


def in_a_row(first: nn.Conv2d, second: nn.Conv2d, side: int) -> Convolution:
    """Two 3 × 3 convolutions of stride 2 with nothing between, over maps of a side that 4 divides: one 7 × 7 of stride 4.

    Row i of the result reads the rows 2i - 1 to 2i + 1 between, and those 4i - 3 to 4i + 3 of the input. Where 2i - 1 is the
    padding's, the rows that it stands for are padding too; only the first bias must not count there.
    """
    weight = second.weight.new_zeros(second.out_channels, first.in_channels, 7, 7)
    for row in range(3):
        for column in range(3):
            step = torch.einsum("om,mikl->oikl", second.weight[:, :, row, column], first.weight)
            weight[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += step
    between = first.bias[:, None, None].expand(1, -1, side // 2, side // 2)
    bias = F.conv2d(between, second.weight, second.bias, second.stride, second.padding)[0]
    return Convolution(weight, bias, stride=4, padding=3)
