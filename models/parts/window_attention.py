"""Window cross-attention and the feed-forward that follows it, POSTER V2's fusion of its two backbones.

Source: POSTER V2 (Mao et al., 2023, arXiv:2301.12149, section 3.2, eq. 2-5). At every level one window covers the
whole map, so that nothing has to be partitioned: a "window" here is the map as tokens. Legend: N = side² tokens.
"""

import torch
from torch import Tensor, nn

from models.cpu.kernels import attention
from models.parts.layers import DropPath, Linear, Mlp


def relative_position_index(side: int) -> Tensor:
    """(N, N) int64: the row of the bias table for each pair of positions (Swin, Liu et al., 2021, section 3.2)."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    rows, columns = rows.flatten(), columns.flatten()
    row_offset = rows[:, None] - rows[None, :] + side - 1
    column_offset = columns[:, None] - columns[None, :] + side - 1
    return row_offset * (2 * side - 1) + column_offset


class WindowNorm(nn.Module):
    """Turn a map into the normalised tokens of its one window: (B, dim, side, side) -> (B, N, dim)."""

    def __init__(self, dim: int):
        super().__init__()
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.flatten(2).transpose(1, 2))


class WindowCrossAttention(nn.Module):
    """Multi-head cross-attention: landmark queries (not projected) look at image keys and values.

    tokens: (B, N, dim) image tokens, queries: (B, dim, side, side) landmark map -> (B, N, dim)
    """

    records_attention = True

    def __init__(self, dim: int, side: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * side - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(side))
        self.qkv = Linear(dim, 2 * dim)  # keys, then values; the name is that of the published weights
        self.proj = Linear(dim, dim)

    def relative_position_bias(self) -> Tensor:
        """(heads, N, N), added to the attention scores."""
        index = self.relative_position_index
        return self.relative_position_bias_table[index.flatten()].view(*index.shape, -1).permute(2, 0, 1).contiguous()

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        B, N, C = tokens.shape
        q = queries.reshape(B, self.num_heads, C // self.num_heads, N).transpose(2, 3)  # (B, heads, N, 32)
        k, v = self.qkv(tokens).view(B, N, 2, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        out = attention(q, k, v, self.relative_position_bias())
        return self.proj(out.transpose(1, 2).reshape(B, N, C))


_LAYER_SCALE = 1e-5  # of γ1 and γ2 at the start


class FeedForward(nn.Module):
    """Layer-scaled residual and MLP after the cross-attention: (B, N, dim), (B, N, dim) -> (B, N, dim).

    x = shortcut + DropPath(γ1 · attention); x + DropPath(γ2 · MLP(LayerNorm(x))), as the published code computes it.
    """

    def __init__(self, dim: int, drop_path: float):
        super().__init__()
        self.gamma1 = nn.Parameter(_LAYER_SCALE * torch.ones(dim))
        self.gamma2 = nn.Parameter(_LAYER_SCALE * torch.ones(dim))
        self.drop_path = DropPath(drop_path)
        self.norm = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, ratio=4)

    def forward(self, attention: Tensor, shortcut: Tensor) -> Tensor:
        x = shortcut + self.drop_path(self.gamma1 * attention)
        return x + self.drop_path(self.gamma2 * self.mlp(self.norm(x)))
