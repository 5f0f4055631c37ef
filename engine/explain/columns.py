"""Every map that there is of a network, as the columns of the image of examples, and the maps that are put to the test."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.explain.maps import class_token_map, grad_cam_map, in_chunks, scaled, to_image
from models import contract
from models.attention_maps import class_token, class_token_layer, cross_attention, cross_attention_layers, recording

CLASS_TOKEN, CROSS_ATTENTION, GRAD_CAM = "class token", "cross-attention", "Grad-CAM"


@dataclass(frozen=True)
class Column:
    """heading: lines of what it is, of where, of what to think of it.

    maps: (B, H, W) from 0 to 1. notes: what scaling hides, a line per image.
    """

    heading: tuple[str, ...]
    maps: Tensor
    notes: list[str]


def named_maps(model: nn.Module) -> dict[str, Callable[[nn.Module, Tensor], Tensor]]:
    """By name what gives (B, H, W) maps of a network's images: of attention where the network says so, and Grad-CAM."""
    attention = {CLASS_TOKEN: class_token_map} if class_token_layer(model) else {}
    if not attention and cross_attention_layers(model):
        attention = {CROSS_ATTENTION: _all_widths}
    return {**attention, GRAD_CAM: grad_cam_map}


@torch.no_grad()
def _all_widths(model: nn.Module, images: Tensor) -> Tensor:
    with recording(model) as recorded:
        model(images)
    return to_image(model, torch.stack(cross_attention(model, recorded)).mean(dim=0), images)


def columns(model: nn.Module, images: Tensor) -> list[Column]:
    """The maps of images (B, C, H, W) as `model` takes them; the attention of one forward pass, and Grad-CAM."""
    model.eval()
    cam = Column((GRAD_CAM,), scaled(in_chunks(grad_cam_map, model, images)), [""] * len(images))
    if not cross_attention_layers(model):
        return [cam]
    with torch.no_grad(), recording(model) as recorded, _Added(model) as added:
        model(images)
    levels = cross_attention(model, recorded)
    found = []
    for k, (cells, name) in enumerate(zip(levels, contract.attention(model).headings)):
        peaks = cells.amax(dim=(1, 2)) / cells.mean(dim=(1, 2))
        notes = [f"peak {float(peak):.2f} × even" for peak in peaks]
        heading = CROSS_ATTENTION, name, f"adds {100 * added.shares[k]:.2g} %" if added.shares else "to landmark tokens"
        found.append(Column(heading, scaled(to_image(model, cells, images)), notes))
    return [*found, *_class_token_columns(model, recorded, images), cam]


def _class_token_columns(model: nn.Module, recorded: dict[str, Tensor], images: Tensor) -> list[Column]:
    """One a level, on a common scale, and of the three together."""
    layer = class_token_layer(model)
    if layer is None:
        return []
    levels = class_token(model, recorded[layer])  # (B, levels, side, side)
    maps = [to_image(model, cells, images) for cells in levels.unbind(dim=1)]
    shares = levels.sum(dim=(2, 3))
    common = scaled(torch.cat(maps, dim=1)).split(images.shape[2], dim=1)
    found = [
        Column(
            (CLASS_TOKEN, f"to level {k + 1}"),
            common[k],
            [f"{100 * float(share):.0f} % of its attention" for share in shares[:, k]],
        )
        for k in range(len(maps))
    ]
    return [*found, Column((CLASS_TOKEN, "to all levels"), scaled(sum(maps)), [""] * len(images))]


class _Added:
    """Inside, what cross-attention adds to the tokens that it is added to, as the ratio of their norms a level.

    POSTER V2's starts at 1e-5 times the attention's output (the layer scale γ1): where that has not grown, the cross-attention
    is nothing to the answer, whatever its maps look like.
    """

    def __init__(self, model: nn.Module):
        self.model, self.shares, self._handles = model, [], []

    def __enter__(self) -> "_Added":
        for name in contract.attention(self.model).added:
            self._handles.append(self.model.get_submodule(name).register_forward_hook(self._measure))
        return self

    def _measure(self, level: nn.Module, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        attention, shortcut = inputs
        self.shares.append(float((level.gamma1 * attention).norm() / shortcut.norm()))

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
