"""Grad-CAM: which places of a network's last feature map speak for a class."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@torch.inference_mode(False)
@torch.enable_grad()
def grad_cam(model: nn.Module, images: Tensor, layers: Sequence[nn.Module], classes: Tensor | None = None) -> Tensor:
    """relu(Σ_k α_k A_k), α_k the mean over places of ∂(logit of the class)/∂A_k (Selvaraju et al., 2017, arXiv:1610.02391,
    eq. 1 and 2): (B, side, side), not scaled.

    model: in evaluation mode; images: (B, C, H, W) as it takes them. layers: of `model`, each of which gives a map (B,
    channels, side, side) once a forward; of several, with the same side, A is all their channels. classes: (B,), None for
    the predicted.
    No parameter gets a gradient, and nothing before the layers is kept for the backward pass.
    """
    maps: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        maps.append(output.detach().requires_grad_())
        return maps[-1]

    trained = [p for p in model.parameters() if p.requires_grad]
    handles = [layer.register_forward_hook(cut) for layer in layers]
    try:
        for parameter in trained:
            parameter.requires_grad_(False)
        logits = model(images)
    finally:
        for handle in handles:
            handle.remove()
        for parameter in trained:
            parameter.requires_grad_()
    chosen = logits.argmax(dim=1) if classes is None else classes
    gradients = torch.autograd.grad(logits.gather(1, chosen[:, None]).sum(), maps)  # of a picture, its own logit alone
    with torch.no_grad():
        features, gradient = torch.cat(maps, dim=1), torch.cat(gradients, dim=1)
        return F.relu((gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1))
