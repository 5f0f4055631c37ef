"""The additions of Winograd's F(4, 3) along the columns of a map; models.cpu.winograd_convolution has the products.

Source: Lavin & Gray, 2016, arXiv:1509.09308 (sections 4.1 and 4.3), here in one dimension. With its matrices Bᵀ, G and Aᵀ the
rows y of a tile are Aᵀ[(G w) * (Bᵀ x)], where * is the convolution along a row; the gradients are the transposed products.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 4  # of the output in a tile
PARTS = 6  # products that a tile takes
CHUNK = 1_700_000  # elements of a map that are worked on at a time: what comes between stays in the caches


class Tiles(NamedTuple):
    """How `images` maps of `height` rows are cut into tiles of four rows: `groups` times `per_group`.

    Maps whose height four does not divide may stand one on the other, with a row of zeros between, and be cut as one: fewer
    rows are computed for nothing, but a tile has rows of two maps, so that one's infinity or NaN reaches the other.
    """

    groups: int
    stacked: int  # maps in a group
    pitch: int  # from the first row of a map to that of the next
    height: int
    per_group: int

    def of_maps(self, rows: Tensor, first: int) -> Tensor:
        """rows (groups, R, W, C) -> the maps in them, (groups, stacked, height, W, C), a view; first: row of the first map."""
        spread = rows[:, first : first + self.stacked * self.pitch]
        return spread.unflatten(1, (self.stacked, self.pitch))[:, :, : self.height]


def tiles(images: int, height: int, alone: bool = False) -> Tiles:
    """The cut of so many maps; alone: none shares a tile with another."""
    if alone or height % ROWS == 0:
        return Tiles(images, 1, height, height, -(-height // ROWS))
    return Tiles(1, images, height + 1, height, -(-(images * (height + 1) - 1) // ROWS))


def chunks(x: Tensor) -> Iterator[slice]:
    """Of which images (B, C, H, W) to take at a time."""
    size = max(1, CHUNK // x[0].numel())
    return (slice(start, start + size) for start in range(0, len(x), size))


def weight_parts(weight: Tensor) -> Tensor:
    """G w: weight (O, I, 3, n) -> (6, O, 1, n, I)."""
    first, second, third = weight.permute(2, 0, 3, 1)
    parts = first.new_empty(PARTS, *first.shape)
    even, odd = first + third, second
    torch.add(even, odd, out=parts[1]).mul_(-1 / 6)
    torch.sub(odd, even, out=parts[2]).mul_(1 / 6)
    even = torch.add(first, third, alpha=4)
    torch.add(even, odd, alpha=2, out=parts[3]).mul_(1 / 24)
    torch.sub(even, odd, alpha=2, out=parts[4]).mul_(1 / 24)
    torch.mul(first, 1 / 4, out=parts[0])
    parts[5] = third
    return parts[:, :, None]


def weight_from_parts(parts: Tensor) -> Tensor:
    """Gᵀ p, the gradient of `weight_parts`: (n, 6, O, I), a kernel's columns first -> (O, I, 3, n) in channels-last memory."""
    p = parts.unbind(1)
    weight = parts.new_empty(parts.shape[2], 3, len(parts), parts.shape[3])
    first, second, third = weight.permute(1, 2, 0, 3)
    even, odd, far_even, far_odd = p[1] + p[2], p[1] - p[2], p[3] + p[4], p[3] - p[4]
    torch.add(far_even.mul_(1 / 24), p[0], alpha=1 / 4, out=first).sub_(even.mul_(1 / 6))
    torch.sub(p[5], even, out=third).add_(far_even, alpha=4)
    torch.sub(far_odd, odd, alpha=2, out=second).mul_(1 / 12)
    return weight.permute(0, 3, 1, 2)


def input_parts(x: Tensor, cut: Tiles, margin: int = 0) -> Tensor:
    """Bᵀ x: maps (B, C, H, W) -> (6, groups, tiles, W + margin, C); margin: columns of zeros on the right."""
    _, C, _, W = x.shape
    rows = x.new_zeros(cut.groups, ROWS * cut.per_group + 2, W, C)
    cut.of_maps(rows, 1).copy_(x.permute(0, 2, 3, 1).unflatten(0, (cut.groups, cut.stacked)))
    d = [rows[:, k::ROWS][:, : cut.per_group] for k in range(PARTS)]
    out = x.new_empty(PARTS, cut.groups, cut.per_group, W + margin, C)
    out[..., W:, :] = 0
    v = out[..., :W, :]
    even, odd = torch.add(d[4], d[2], alpha=-4), torch.add(d[3], d[1], alpha=-4)
    torch.add(even, odd, out=v[1])
    torch.sub(even, odd, out=v[2])
    torch.sub(d[4], d[2], out=even)
    torch.sub(d[3], d[1], out=odd)
    torch.add(even, odd, alpha=2, out=v[3])
    torch.sub(even, odd, alpha=2, out=v[4])
    torch.add(d[4], d[2], alpha=-5, out=v[0]).add_(d[0], alpha=4)
    torch.add(d[5], d[3], alpha=-5, out=v[5]).add_(d[1], alpha=4)
    return out


def output_from_parts(m: list[Tensor], cut: Tiles) -> Tensor:
    """Aᵀ m: six times (groups, tiles, W, O) -> maps (groups, stacked, H, W, O). The parts' memory is used."""
    rows = m[0].new_empty(cut.groups, max(ROWS * cut.per_group, cut.stacked * cut.pitch), *m[0].shape[2:])
    y = rows[:, : ROWS * cut.per_group].unflatten(1, (cut.per_group, ROWS)).unbind(2)
    even, odd = m[1] + m[2], m[1].sub_(m[2])
    far_even, far_odd = m[3] + m[4], m[3].sub_(m[4])
    torch.add(m[0], even, out=y[0]).add_(far_even)
    torch.add(odd, far_odd, alpha=2, out=y[1])
    torch.add(even, far_even, alpha=4, out=y[2])
    torch.add(m[5], odd, out=y[3]).add_(far_odd, alpha=8)
    return cut.of_maps(rows, 0)


def output_parts(grad: Tensor, cut: Tiles, margin: int = 0) -> Tensor:
    """A dy, the gradient of `output_from_parts`: maps (B, O, H, W) -> (6, groups, tiles, W + margin, O)."""
    W, channels = grad.shape[3], grad.shape[1]
    maps = grad.permute(0, 2, 3, 1).unflatten(0, (cut.groups, cut.stacked))
    if cut.height == ROWS * cut.per_group:
        rows = maps.squeeze(1)
    else:
        rows = grad.new_zeros(cut.groups, max(ROWS * cut.per_group, cut.stacked * cut.pitch), W, channels)
        cut.of_maps(rows, 0).copy_(maps)
    g = rows[:, : ROWS * cut.per_group].unflatten(1, (cut.per_group, ROWS)).unbind(2)
    out = grad.new_empty(PARTS, cut.groups, cut.per_group, W + margin, channels)
    out[..., W:, :] = 0
    v = out[..., :W, :]
    even, odd = g[0] + g[2], g[1] + g[3]
    torch.add(even, odd, out=v[1])
    torch.sub(even, odd, out=v[2])
    torch.add(g[0], g[2], alpha=4, out=even)
    torch.add(g[1], g[3], alpha=4, out=odd)
    torch.add(even, odd, alpha=2, out=v[3])
    torch.sub(even, odd, alpha=2, out=v[4])
    v[0], v[5] = g[0], g[3]
    return out


def input_from_parts(e: list[Tensor], cut: Tiles) -> Tensor:
    """B e, the gradient of `input_parts`: six times (groups, tiles, W, C) -> maps (groups, stacked, H, W, C)."""
    rows = e[0].new_empty(cut.groups, max(ROWS * cut.per_group, cut.stacked * cut.pitch), *e[0].shape[2:])
    y = rows[:, : ROWS * cut.per_group].unflatten(1, (cut.per_group, ROWS)).unbind(2)
    even, odd, far_even, far_odd = e[1] + e[2], e[1] - e[2], e[3] + e[4], e[3] - e[4]
    torch.sub(e[5], odd, out=y[0]).mul_(4).sub_(far_odd, alpha=2)
    torch.add(far_even, even, alpha=4, out=y[1]).add_(e[0], alpha=5).neg_()
    torch.add(odd, far_odd, alpha=2, out=y[2]).sub_(e[5], alpha=5)
    torch.add(e[0], even, out=y[3]).add_(far_even)
    y[0][:, 1:] += e[5][:, :-1]  # a tile reads the row before its four, and the row after
    y[3][:, :-1].add_(e[0][:, 1:], alpha=4)
    return cut.of_maps(rows, 0)
