"""Grad-CAM: which places of a network's last feature map speak for a class."""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.errors import UsageError
from models import contract


@torch.no_grad()
def last_maps(model: nn.Module, images: Tensor) -> tuple[str, ...]:
    """The layers whose maps are the last that have places: those that the network names, else the last one that gives any.

    model: in evaluation mode; images: as it takes them. () for a network without such a layer.
    """
    if contract.declared(model, "last_maps"):
        return model.last_maps
    found: list[str] = []
    leaves = [(name, layer) for name, layer in model.named_modules() if name and not any(layer.children())]
    handles = [layer.register_forward_hook(partial(_note_maps, found, name)) for name, layer in leaves]
    try:
        model(images[:1])
    finally:
        for handle in handles:
            handle.remove()
    return tuple(found[-1:])


def require_maps(model: nn.Module, images: Tensor, name: str, flag: str) -> None:
    """Raises UsageError where Grad-CAM finds no maps in the network `name` and `flag` wants them; images: as it takes them."""
    if not last_maps(model.eval(), images):
        raise UsageError(f"{flag}: no layer of {name} gives maps (B, C, side, side) for Grad-CAM; leave {flag} out")


def _note_maps(found: list[str], name: str, _layer: nn.Module, _inputs: tuple, output: object) -> None:
    if isinstance(output, Tensor) and output.dim() == 4 and output.shape[2] == output.shape[3] > 1:
        found.append(name)


@torch.inference_mode(False)
@torch.enable_grad()
def grad_cam(model: nn.Module, images: Tensor, layers: Sequence[nn.Module], classes: Tensor | None = None) -> Tensor:
    """relu(Σ_k α_k A_k), α_k the mean over places of ∂(logit of the class)/∂A_k (Selvaraju et al., 2017, arXiv:1610.02391,
    eq. 1 and 2): (B, side, side), not scaled.

    model: in evaluation mode; images: (B, C, H, W) as it takes them. layers: of `model`, each of which gives a map (B,
    channels, side, side), of which the last of a forward counts; of several layers, with the same side, A is all their
    channels. classes: (B,), None for the predicted.
    No parameter gets a gradient, and nothing before the layers is kept for the backward pass.
    """
    kept: dict[nn.Module, Tensor] = {}

    def cut(layer: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        kept[layer] = output.detach().requires_grad_()
        return kept[layer].clone()  # which what follows may change in place

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
    maps = list(kept.values())
    chosen = logits.argmax(dim=1) if classes is None else classes
    gradients = torch.autograd.grad(logits.gather(1, chosen[:, None]).sum(), maps)  # of an image, its own logit alone
    with torch.no_grad():
        features, gradient = torch.cat(maps, dim=1), torch.cat(gradients, dim=1)
        return F.relu((gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1))
