"""The preparation of images as a part of the network: uint8 pixels of any size -> what the network takes.

PIL resizes along one direction after the other with triangle weights in multiples of 2 ** -22, and rounds to whole values
each time. Both are products with a matrix that depends on the sizes alone. In float64 they are exact: any runtime finds the
very values that PIL finds.
"""

import torch
from torch import Tensor, nn

from models.images import Preparation

_GREY = (19595.0, 38470.0, 7471.0)  # of R, G, B, in 1/65536: PIL's integers
_UNIT = 2.0**22


class Pixels(nn.Module):
    """What `preparation` does to a PIL image, done to uint8 pixels (B, H, W, 3) in RGB -> float32 (B, C, size, size)."""

    def __init__(self, preparation: Preparation):
        super().__init__()
        kind = preparation.image
        self.size, self.is_grey = kind.size, kind.mode == "L"
        self.is_bgr = preparation.channel_order == "bgr" and not self.is_grey
        self.is_padded = preparation.fit == "pad"
        self.register_buffer("grey", torch.tensor(_GREY).view(3, 1, 1))
        self.register_buffer("mean", torch.tensor(kind.mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(kind.std).view(-1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        height, width = (torch.full((), n, dtype=torch.float64) for n in pixels.shape[1:3])
        x = pixels.permute(0, 3, 1, 2).float()
        if self.is_grey:  # below 2 ** 24, so that float32 is exact
            x = torch.floor(((x * self.grey).sum(dim=1, keepdim=True) + 32768) / 65536)
        if self.is_bgr:
            x = x.flip(1)
        longest = torch.maximum(height, width) if self.is_padded else None
        across = self._weights(width, pixels.shape[2], longest)
        down = self._weights(height, pixels.shape[1], longest)
        x = _rounded(x.double() @ across.transpose(0, 1))
        x = _rounded(down @ x).float()
        return (x / 255 - self.mean) / self.std

    def _weights(self, length: Tensor, number: int, longest: Tensor | None) -> Tensor:
        """(size, number), in 1/_UNIT: how much each place of the result takes from each pixel along one direction.

        longest: the longer side, where the image keeps its shape and is padded with black; None where it is stretched.
        """
        size = torch.full((), self.size, dtype=torch.float64)
        filled = size if longest is None else torch.round(length / longest * size).clamp(min=1)
        first = torch.round((size - filled) * 0.5)
        place = torch.arange(self.size, dtype=torch.float64)[:, None] - first
        scale = length / filled
        centre = (place + 0.5) * scale
        pixel = torch.arange(number, dtype=torch.float64)[None] + 0.5
        weights = (1 - (pixel - centre).abs() / scale.clamp(min=1)).clamp(min=0)
        weights = torch.floor(weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12) * _UNIT + 0.5)
        return weights * ((place >= 0) & (place < filled))


def _rounded(x: Tensor) -> Tensor:
    """Sums of pixels times weights as pixels; half-way values go up."""
    return torch.floor(x / _UNIT + 0.5).clamp(0, 255)
