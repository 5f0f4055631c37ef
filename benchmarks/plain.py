"""The networks and SAM as the published code computes them, with every saving of ours off: what `benchmarks.speed` measures by.

Built from the same layers and weights, so that both can be held to the same reference numbers. Off are: channels-last memory,
fused or cached attention, oneDNN's products, our PReLU and convolution, one token in the last block, subsampling by slices, one
reduction to 112², activations computed again, landmark features shared by SAM's passes and computed without autograd, SAM's
steps over lists.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import poster_v1, poster_v2
from models.parts import ir50, layers, vit, window_attention

BACKBONE_SIZE = 112


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """(B, heads, N, d) each -> (B, N, heads · d), step by step."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if bias is not None:
        scores = scores + bias.unsqueeze(0)
    return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)


class Bottleneck(ir50.Bottleneck):
    """The shortcut is a max-pooling of kernel 1 where the width stays."""

    def forward(self, x: Tensor) -> Tensor:
        shortcut = F.max_pool2d(x, 1, self.stride) if self.shortcut_layer is None else self.shortcut_layer(x)
        return self.res_layer(x) + shortcut


class Attention(vit.Attention):
    """Keys and values of every token, and every token asks."""

    def forward(self, x: Tensor, first_only: bool = False) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(attend(q, k, v))


class VisionTransformer(vit.VisionTransformer):
    """Every token goes through every block."""

    def encode(self, tokens: Tensor, first_only: bool = False) -> Tensor:
        return super().encode(tokens)


class WindowCrossAttention(window_attention.WindowCrossAttention):
    """The scores of every head are kept for the backward pass, the bias looked up beside them."""

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        q = queries.flatten(2).transpose(1, 2).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
        k, v = self.qkv(tokens).unflatten(2, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(attend(q, k, v, self.relative_position_bias()))


class CrossAttention(poster_v1.CrossAttention):
    """POSTER V1's, likewise."""

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        q, k, v = (t.unflatten(2, (poster_v1.NUM_HEADS, -1)).transpose(1, 2) for t in (queries, *self.kv(tokens).chunk(2, -1)))
        return self.proj(attend(q, k, v))


class _Backbones:
    """Each backbone sees the whole image, makes it smaller for itself, and is followed by autograd as far as it goes."""

    landmark_features = None  # nothing to share between passes

    def backbones(self, x: Tensor, landmarks: None = None) -> tuple[tuple[Tensor, Tensor, Tensor], object]:
        return self.face_landback(F.interpolate(x, BACKBONE_SIZE)), self.ir_back(F.interpolate(x, BACKBONE_SIZE))


class PosterV1(_Backbones, poster_v1.PosterV1):
    """POSTER V1, plain."""


class PosterV2(_Backbones, poster_v2.PosterV2):
    """POSTER V2, plain."""


class Mlp(layers.Mlp):
    """Every activation is kept."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


PLAIN = {
    ir50.Bottleneck: Bottleneck,
    ir50.Stem: nn.Sequential,
    layers.Mlp: Mlp,
    layers.Conv3x3: nn.Conv2d,
    layers.Linear: nn.Linear,
    layers.PReLU: nn.PReLU,
    vit.Attention: Attention,
    vit.VisionTransformer: VisionTransformer,
    window_attention.WindowCrossAttention: WindowCrossAttention,
    poster_v1.CrossAttention: CrossAttention,
    poster_v1.PosterV1: PosterV1,
    poster_v2.PosterV2: PosterV2,
}


def make_plain(model: nn.Module) -> nn.Module:
    """Turn a network of ours into the plain one of the same weights, in place."""
    for module in model.modules():
        module.__class__ = PLAIN.get(type(module), type(module))
    return model.to(memory_format=torch.contiguous_format)


class SAM:
    """Sharpness-aware minimisation a parameter at a time; arguments as `engine.training.sam.SAM`, not adaptive."""

    def __init__(self, params: list[Tensor], base_optimizer: type[torch.optim.Optimizer], rho: float = 0.05, **base_options):
        self.params, self.rho = list(params), rho
        self.base_optimizer = base_optimizer(self.params, **base_options)
        self.old: dict[Tensor, Tensor] = {}

    @torch.no_grad()
    def first_step(self) -> None:
        """Climb to w + ε."""
        moving = [p for p in self.params if p.grad is not None]
        norm = torch.norm(torch.stack([p.grad.norm(p=2) for p in moving]), p=2)
        for p in moving:
            self.old[p] = p.data.clone()
            p.add_(p.grad * (self.rho / (norm + 1e-12)).to(p))
        self.base_optimizer.zero_grad()

    @torch.no_grad()
    def second_step(self) -> None:
        """Back to w and a step of the base optimiser."""
        for p, weights in self.old.items():
            p.data = weights
        self.old = {}
        self.base_optimizer.step()
        self.base_optimizer.zero_grad()


def plain_step(model: nn.Module, optimizer: SAM, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """One SAM step under cross-entropy; images (B, 3, 224, 224). Returns the losses of both passes."""
    losses = []
    for step in (optimizer.first_step, optimizer.second_step):
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        step()
        losses.append(loss.item())
    return losses[0], losses[1]
