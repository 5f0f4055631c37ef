"""Classification heads on an embedding: linear, and the margin heads of face recognition.

Every head takes z (B, dim) and gives logits (B, num_classes). Labels (B,) are for training: a margin head then makes the
true class harder. Without labels there is no margin and no clamp: scale times the cosine to each class's column.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import HEADS
from models.parts.layers import Linear


class LinearHead(nn.Module):
    """The plain classification head, (B, dim) -> logits (B, num_classes); labels change nothing."""

    def __init__(self, dim: int, num_classes: int):
        super().__init__()
        self.linear = Linear(dim, num_classes)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.linear(z)


class MarginHead(nn.Module):
    """Base of the margin heads: scaled cosines between the unit embedding and the unit columns of `kernel`.

    margin: in radians (ArcFace, AdaFace) or as a cosine (CosFace). scale: s, the logits' factor.
    z: (B, dim), labels: (B,) int64 or None -> logits (B, num_classes).
    `plain_logits` keeps the last call's logits without the margin, by which training accuracy is counted.
    """

    eps = 1e-4  # cosines are clamped to ±(1 - eps), angles to [eps, π - eps]

    def __init__(self, dim: int, num_classes: int, margin: float, scale: float = 64.0):
        super().__init__()
        self.margin, self.scale = margin, scale
        self.kernel = nn.Parameter(F.normalize(torch.empty(dim, num_classes).uniform_(-1, 1), dim=0))
        self.plain_logits: Tensor | None = None

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        with torch.autocast(z.device.type, enabled=False):  # angles near 0 and π need more than eight bits
            z = z.to(self.kernel.dtype)
            return self.score(F.normalize(z, dim=1), z.norm(dim=1, keepdim=True), labels)  # zero stays zero: no NaN

    def score(self, unit: Tensor, norm: Tensor, labels: Tensor | None) -> Tensor:
        """Logits from embeddings of length one, (B, dim), and the lengths that they had, (B, 1)."""
        cosine = unit @ F.normalize(self.kernel, dim=0)
        if labels is None:
            return self.scale * cosine
        self.plain_logits = self.scale * cosine.detach()
        clamped = cosine.clamp(self.eps - 1, 1 - self.eps)
        true = labels[:, None]
        return self.scale * clamped.scatter(1, true, self.harder(clamped.gather(1, true), norm.detach()))

    def harder(self, cosine: Tensor, norm: Tensor) -> Tensor:
        """The true class's cosine (B, 1) after the margin; norm: (B, 1), length of each embedding."""
        raise NotImplementedError

    def _turn(self, cosine: Tensor, angle: Tensor | float) -> Tensor:
        """The cosine after its angle grew by `angle`."""
        return (cosine.acos() + angle).clamp(self.eps, torch.pi - self.eps).cos()


class ArcFace(MarginHead):
    """Additive angular margin: cos(θ + m). Source: Deng et al., 2019, arXiv:1801.07698, eq. 3."""

    def harder(self, cosine: Tensor, norm: Tensor) -> Tensor:
        return self._turn(cosine, self.margin)


class CosFace(MarginHead):
    """Additive cosine margin: cos θ - m. Source: Wang et al., 2018, arXiv:1801.09414, eq. 4."""

    def harder(self, cosine: Tensor, norm: Tensor) -> Tensor:
        return cosine - self.margin


class AdaFace(MarginHead):
    """Margin that adapts to the embedding's length, a measure of image quality.

    k = clip(h · (‖z‖ - mean) / (std + ε), -1, 1); the true class's θ grows by -m·k and its cosine falls by m + m·k.
    mean and std follow the batches with weight t_alpha (1: the batch alone). A batch of one has no spread and leaves them
    as they are, where the published code makes them NaN.
    Source: Kim et al., 2022, arXiv:2204.00964, eq. 11-14.
    """

    eps = 1e-3

    def __init__(self, dim: int, num_classes: int, margin: float, scale: float = 64.0, h: float = 0.333, t_alpha: float = 1.0):
        super().__init__(dim, num_classes, margin, scale)
        self.h, self.t_alpha = h, t_alpha
        self.register_buffer("batch_mean", torch.full((1,), 20.0))
        self.register_buffer("batch_std", torch.full((1,), 100.0))

    def harder(self, cosine: Tensor, norm: Tensor) -> Tensor:
        norm = norm.clamp(1e-3, 100)
        if len(norm) > 1:
            self.batch_mean.lerp_(norm.mean().to(self.batch_mean), self.t_alpha)
            self.batch_std.lerp_(norm.std().to(self.batch_std), self.t_alpha)
        k = (self.h * (norm - self.batch_mean) / (self.batch_std + self.eps)).clamp(-1, 1)
        return self._turn(cosine, -self.margin * k) - (self.margin + self.margin * k)


_MARGIN_HEADS = {"adaface": AdaFace, "arcface": ArcFace, "cosface": CosFace}


def create_head(
    name: str, dim: int, num_classes: int, margin: float | None = None, scale: float = 64.0, h: float = 0.333
) -> nn.Module:
    """The head `name`: linear, adaface, arcface or cosface. margin: None for the published one; h: AdaFace's alone.

    Raises ValueError for an unknown name.
    """
    if name == "linear":
        return LinearHead(dim, num_classes)
    if name not in _MARGIN_HEADS:
        raise ValueError(f"unknown head {name!r}; known: linear, {', '.join(_MARGIN_HEADS)}")
    margin = HEADS[name] if margin is None else margin
    extra = {"h": h} if name == "adaface" else {}
    return _MARGIN_HEADS[name](dim, num_classes, margin, scale, **extra)
