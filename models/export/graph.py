"""The network as it is exported: BatchNorms folded, with the preparation before it and the softmax after it where wanted."""

import torch
from torch import Tensor, nn

from models import optimize_for_inference
from models.export.errors import ExportError
from models.export.pixels import Pixels
from models.export.source import Source


class Exported(nn.Module):
    """images -> logits (B, C) float32, or probabilities. images: (B, C, H, W) float32 as prepared, or uint8 (B, H, W, 3)."""

    def __init__(self, network: nn.Module, pixels: Pixels | None, softmax: bool):
        super().__init__()
        self.network, self.pixels, self.softmax = network, pixels, softmax

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images if self.pixels is None else self.pixels(images)).float()
        return logits.softmax(dim=1) if self.softmax else logits


def build(source: Source, takes_pixels: bool, softmax: bool, half: bool) -> Exported:
    """half: weights and products in float16. Raises ExportError where the network has no such form."""
    network = optimize_for_inference(source.model, torch.float16 if half else torch.float32)
    if half and not any(value.dtype == torch.float16 for value in network.state_dict().values()):
        raise ExportError(f"--half: {source.network.model} is computed in float32, its warp needs all bits; leave --half out")
    return Exported(network, Pixels(source.preparation) if takes_pixels else None, softmax).eval()


def open_sizes(takes_pixels: bool) -> dict[int, str]:
    """The dimensions of the input that may vary from call to call, with their names."""
    return {0: "batch", 1: "height", 2: "width"} if takes_pixels else {0: "batch"}
