"""The small vision transformer on POSTER V2's fused tokens, its gate and its head.

Source: ViT (Dosovitskiy et al., 2021, arXiv:2010.11929); POSTER V2 (Mao et al., 2023, arXiv:2301.12149, section 3.3).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.cpu.attention_tap import recorded
from models.cpu.kernels import attention, linear
from models.parts.layers import Linear, Mlp, SEGate


class Attention(nn.Module):
    """Multi-head self-attention, (B, N, dim) -> (B, N, dim), or with `first_only` (B, 1, dim): the first token alone asks."""

    records_attention = True

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = Linear(dim, 3 * dim)
        self.proj = Linear(dim, dim)

    def forward(self, x: Tensor, first_only: bool = False) -> Tensor:
        if first_only:
            return self.proj(self.ask_first(x))
        q, k, v = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(attention(q, k, v).transpose(1, 2).flatten(2))

    def ask_first(self, x: Tensor) -> Tensor:
        """What the first token finds, (B, 1, dim), without computing keys and values.

        qᵀ(Wk x + bk) = (Wkᵀ q)ᵀx + a constant that softmax ignores, and the weights sum to one, hence Σ p (Wv x + bv) =
        Wv Σ p x + bv: the matrices meet one vector a head instead of every token.
        """
        B, _, C = x.shape
        weight = self.qkv.weight.view(3, self.num_heads, -1, C)  # (3, heads, d, dim)
        q = linear(x[:, 0], self.qkv.weight[:C], self.qkv.bias[:C]).view(B, self.num_heads, -1).transpose(0, 1)
        asked = (q * q.shape[-1] ** -0.5 @ weight[1]).transpose(0, 1)  # (B, heads, dim)
        weights = (asked @ x.transpose(1, 2)).softmax(-1)
        recorded(weights[:, :, None])
        found = weights @ x  # (B, heads, dim)
        return (found.transpose(0, 1) @ weight[2].transpose(1, 2)).transpose(0, 1).reshape(B, 1, C) + self.qkv.bias[2 * C :]


class Block(nn.Module):
    """Pre-norm transformer block. With `first_only` the first token alone comes out; the others are what it looks at."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, ratio=4)

    def forward(self, x: Tensor, first_only: bool = False) -> Tensor:
        x = (x[:, :1] if first_only else x) + self.attn(self.norm1(x), first_only)
        return x + self.mlp(self.norm2(x))


_NUM_HEADS = 8


class VisionTransformer(nn.Module):
    """Two blocks over class token and fused tokens, SE gate, head: (B, num_tokens, dim) -> logits (B, num_classes).

    make_head: width of the embedding -> the head, see `models.parts.heads`.
    """

    def __init__(self, num_tokens: int, make_head: Callable[[int], nn.Module], dim: int = 768):
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.empty(1, num_tokens + 1, dim))
        self.blocks = nn.Sequential(*(Block(dim, _NUM_HEADS) for _ in range(2)))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.se_block = SEGate(dim)
        self.head = make_head(dim)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def encode(self, tokens: Tensor, first_only: bool = False) -> Tensor:
        """(B, num_tokens, dim) -> the last block's normalised tokens, with `first_only` the class token alone."""
        x = torch.cat((self.cls_token.expand(tokens.shape[0], -1, -1), tokens), dim=1) + self.pos_embed
        for block in self.blocks[:-1]:
            x = block(x)
        return self.norm(self.blocks[-1](x, first_only))

    def forward(self, tokens: Tensor, labels: Tensor | None = None) -> Tensor:
        class_token = self.encode(tokens, first_only=True)[:, 0]  # nothing else leaves the last block
        return self.head(self.se_block(class_token), labels)
