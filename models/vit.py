"""The small vision transformer on POSTER V2's fused tokens, its gate and its head.

Source: ViT (Dosovitskiy et al., 2021, arXiv:2010.11929); POSTER V2 (Mao et al., 2023, arXiv:2301.12149, section 3.3).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Mlp, SEGate


class Attention(nn.Module):
    """Multi-head self-attention, (B, N, dim) -> (B, num_queries, dim), queries from the first tokens only."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, num_queries: int | None = None) -> Tensor:
        B, _, C = x.shape
        q = F.linear(x[:, :num_queries], self.qkv.weight[:C], self.qkv.bias[:C])
        k, v = F.linear(x, self.qkv.weight[C:], self.qkv.bias[C:]).chunk(2, dim=-1)
        q, k, v = (t.reshape(B, -1, self.num_heads, C // self.num_heads).transpose(1, 2) for t in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v)
        return self.proj(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Pre-norm transformer block. `num_queries` keeps only the first tokens: the others serve as keys and values."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, ratio=4)

    def forward(self, x: Tensor, num_queries: int | None = None) -> Tensor:
        x = x[:, :num_queries] + self.attn(self.norm1(x), num_queries)
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """Two blocks over class token and fused tokens, SE gate, head: (B, num_tokens, dim) -> logits (B, num_classes).

    make_head: width of the embedding -> the head, see `models.heads`.
    """

    def __init__(
        self, num_tokens: int, make_head: Callable[[int], nn.Module], dim: int = 768, depth: int = 2, num_heads: int = 8
    ):
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.empty(1, num_tokens + 1, dim))
        self.blocks = nn.Sequential(*(Block(dim, num_heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.se_block = SEGate(dim)
        self.head = make_head(dim)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def encode(self, tokens: Tensor, num_queries: int | None = None) -> Tensor:
        """(B, num_tokens, dim) -> the last block's first `num_queries` normalised tokens (all of them for None)."""
        x = torch.cat((self.cls_token.expand(tokens.shape[0], -1, -1), tokens), dim=1) + self.pos_embed
        for block in self.blocks[:-1]:
            x = block(x)
        return self.norm(self.blocks[-1](x, num_queries))

    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        # only the class token leaves the last block, hence one query there
        class_token = self.encode(tokens, num_queries=1)[:, 0]
        return self.head(self.se_block(class_token), labels)
