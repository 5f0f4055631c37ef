"""3 × 3 convolutions of stride 1 with half the multiplications of the direct form, or a quarter of them: Winograd's F(4, 3).

Along the columns alone, four rows of the output take the sum of six convolutions with kernels of one row, 1 × 3, where the
direct form takes twelve; oneDNN computes these six as fast as any. Along the rows too, each of the six becomes six matrix
products for every four places of a row. Additions stand before and after (models.cpu.winograd, which names the source).
Rounding differs from the direct form's.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from models.cpu.operators import PackedConvolution
from models.cpu.winograd import (
    PARTS,
    ROWS,
    Tiles,
    chunks,
    input_from_parts,
    input_parts,
    output_from_parts,
    output_parts,
    tiles,
    weight_from_parts,
    weight_parts,
)

# where both directions were measured to be the faster form: of fewer channels or rows of a matrix, products are too small
BOTH_CHANNELS, BOTH_TILES = 128, 100


def takes_both(maps: Tensor, others: int) -> bool:
    """Whether a training step's convolution from `maps` (B, C, H, W) to `others` channels, or back, is computed along rows
    too."""
    channels = maps.shape[1]
    return min(channels, others) >= BOTH_CHANNELS and maps.numel() >= BOTH_TILES * ROWS**2 * channels


def convolution(x: Tensor, weight: Tensor, alone: bool = False) -> Tensor:
    """F.conv2d(x, weight, padding=1): x (B, I, H, W), weight (O, I, 3, 3) -> (B, O, H, W) in channels-last memory.

    alone: whether an infinity or a NaN in one map must not reach another.
    """
    both = not alone and takes_both(x, len(weight))
    kernels, of_part = (_matrices(weight), _by_matrices) if both else (_kernels(weight), _by_rows(F.conv2d))
    out = x.new_empty(len(x), *x.shape[2:], len(weight))
    for some in chunks(x):
        cut = tiles(len(x[some]), x.shape[2], alone)
        m = [of_part(part, kernel) for part, kernel in zip(input_parts(x[some], cut), kernels)]
        out[some] = output_from_parts(m, cut).flatten(0, 1)
    return out.permute(0, 3, 1, 2)


def input_gradient(grad: Tensor, weight: Tensor) -> Tensor:
    """Of `convolution`: grad (B, O, H, W), weight (O, I, 3, 3) -> (B, I, H, W) in channels-last memory."""
    both = takes_both(grad, weight.shape[1])
    kernels, of_part = (_matrices(weight), _gradient_by_matrices) if both else (_kernels(weight), _by_rows(F.conv_transpose2d))
    out = grad.new_empty(len(grad), *grad.shape[2:], weight.shape[1])
    for some in chunks(grad):
        cut = tiles(len(grad[some]), grad.shape[2])
        e = [of_part(part, kernel) for part, kernel in zip(output_parts(grad[some], cut), kernels)]
        out[some] = input_from_parts(e, cut).flatten(0, 1)
    return out.permute(0, 3, 1, 2)


def weight_gradient(x: Tensor, grad: Tensor) -> Tensor:
    """Of `convolution`: x (B, I, H, W), grad (B, O, H, W) -> (O, I, 3, 3) in channels-last memory."""
    function = _weight_gradient_by_matrices if takes_both(x, grad.shape[1]) else _weight_gradient_by_columns
    return function(x, grad)


def _weight_gradient_by_columns(x: Tensor, grad: Tensor) -> Tensor:
    """Matrix products over all places of the maps. Column k of a kernel sees the place k - 1 to the right, which is k - 1
    further on in memory: the zero at the end of a row stands for the one before the next row too."""
    parts = x.new_zeros(3, PARTS, grad.shape[1], x.shape[1])
    for some in chunks(x):
        cut = tiles(len(x[some]), x.shape[2])
        g, v = (make(maps[some], cut, margin=1).flatten(1, 3) for make, maps in ((output_parts, grad), (input_parts, x)))
        for out, left, right in ((parts[0], g[:, 1:], v[:, :-1]), (parts[1], g, v), (parts[2], g[:, :-1], v[:, 1:])):
            out.baddbmm_(left.transpose(1, 2), right)
    return weight_from_parts(parts)


def _weight_gradient_by_matrices(x: Tensor, grad: Tensor) -> Tensor:
    """Matrix products over all tiles of four by four places."""
    parts = x.new_zeros(PARTS, PARTS, grad.shape[1], x.shape[1])
    for some in chunks(x):
        cut = tiles(len(x[some]), x.shape[2])
        for out, g, v in zip(parts, output_parts(grad[some], cut), input_parts(x[some], cut)):
            along = _along(g)
            left, right = output_parts(_maps_of_rows(g), along), input_parts(_maps_of_rows(v), along)
            out.baddbmm_(left.flatten(1, 3).transpose(1, 2), right.flatten(1, 3))
    return weight_from_parts(weight_from_parts(parts).permute(2, 3, 0, 1))


def _kernels(weight: Tensor) -> list[Tensor]:
    """The six kernels (O, I, 1, 3) in channels-last memory."""
    return [part.permute(0, 3, 1, 2) for part in weight_parts(weight)]


def _by_rows(function: Callable) -> Callable[[Tensor, Tensor], Tensor]:
    """The convolution of one part along its rows, or its transposed one: (groups, tiles, W, channels) before and after."""
    return lambda part, kernel: function(part.permute(0, 3, 1, 2), kernel, padding=(0, 1)).permute(0, 2, 3, 1)


def _matrices(weight: Tensor) -> Tensor:
    """G w Gᵀ: weight (O, I, 3, 3) -> (6, 6, O, I), by part of the columns and by part of the rows."""
    rows = weight_parts(weight).flatten(0, 2)
    return weight_parts(rows.transpose(1, 2)[..., None]).view(PARTS, PARTS, *weight.shape[:2]).transpose(0, 1)


def _maps_of_rows(part: Tensor) -> Tensor:
    """(groups, tiles, W, C) -> each row as a map of one column, (groups * tiles, C, W, 1)."""
    return part.flatten(0, 1).transpose(1, 2)[..., None]


def _along(part: Tensor) -> Tiles:
    """How the rows of a part (groups, tiles, W, C) are cut."""
    return tiles(part.shape[0] * part.shape[1], part.shape[2])


def _by_matrices(part: Tensor, matrices: Tensor) -> Tensor:
    """The convolution of one part along its rows: (groups, tiles, W, I), matrices (6, O, I) -> (groups, tiles, W, O)."""
    along = _along(part)
    v = input_parts(_maps_of_rows(part), along)
    m = torch.bmm(v.flatten(1, 3), matrices.transpose(1, 2)).view(*v.shape[:-1], -1)
    return output_from_parts(list(m), along).reshape(*part.shape[:-1], -1)


def _gradient_by_matrices(part: Tensor, matrices: Tensor) -> Tensor:
    """The transposed one: (groups, tiles, W, O) -> (groups, tiles, W, I)."""
    along = _along(part)
    g = output_parts(_maps_of_rows(part), along)
    e = torch.bmm(g.flatten(1, 3), matrices).view(*g.shape[:-1], -1)
    return input_from_parts(list(e), along).reshape(*part.shape[:-1], -1)


class PackedWinograd:
    """`models.cpu.operators.PackedConvolution` for weight (O, I, 3, 3), stride 1 and padding 1, computed as above."""

    def __init__(self, weight: Tensor, bias: Tensor, shape: torch.Size):
        cut = tiles(shape[0], shape[2], alone=True)
        of_part = torch.Size((cut.groups, shape[1], cut.per_group, shape[3]))
        biases = [bias if k == 1 else torch.zeros_like(bias) for k in range(PARTS)]  # the second counts once in every row
        options = [0, 1], [1, 1], [1, 1], 1
        self.kernels = [PackedConvolution(k, b, options, of_part) for k, b in zip(_kernels(weight), biases)]

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """residual: added; its memory is taken for the result."""
        cut = tiles(len(x), x.shape[2], alone=True)
        m = [kernel(part.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) for part, kernel in zip(input_parts(x, cut), self.kernels)]
        out = output_from_parts(m, cut).flatten(0, 1).permute(0, 3, 1, 2)
        return out.contiguous(memory_format=torch.channels_last) if residual is None else residual.add_(out)
