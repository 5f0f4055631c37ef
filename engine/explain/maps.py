"""Maps of cells, brought to the image's places and to values from 0 to 1."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.explain.grad_cam import grad_cam, last_maps
from models import contract
from models.attention_maps import class_token, class_token_layer, recording

CHUNK = 8  # images at a time: their attention weights and maps are kept meanwhile


def face_maps(model: nn.Module, images: Tensor) -> Tensor:
    """Where `model`, one of ours and not its form for inference, looks in each image: (B, H, W) float32 from 0 to 1.

    images: (B, C, H, W) as the network takes them, on its device. Of a network with a class token, such as POSTER V2, its
    attention over all tokens, the levels together. Others: Grad-CAM of the predicted class; POSTER V1's class token looks
    at nothing that has a place (see `models.attention_maps`). The network is put into evaluation mode.
    """
    layer = class_token_layer(model)
    method = grad_cam_map if layer is None else class_token_map
    return scaled(in_chunks(method, model, images))


def in_chunks(method: Callable[[nn.Module, Tensor], Tensor], model: nn.Module, images: Tensor) -> Tensor:
    """method(model, some of the images) of all of them, one part after the other, in evaluation mode."""
    model.eval()
    return torch.cat([method(model, some) for some in images.split(CHUNK)])


@torch.no_grad()
def class_token_map(model: nn.Module, images: Tensor) -> Tensor:
    """The class token's attention over all levels together: (B, H, W)."""
    layer = class_token_layer(model)
    with recording(model, [layer]) as recorded:
        model(images)
    return to_image(model, class_token(model, recorded[layer]).sum(dim=1), images)


def grad_cam_map(model: nn.Module, images: Tensor) -> Tensor:
    """Grad-CAM of the predicted class on the last map that has places: (B, H, W)."""
    cells = grad_cam(model, images, [model.get_submodule(name) for name in last_maps(model, images)])
    return to_image(model, cells, images)


@torch.no_grad()
def to_image(model: nn.Module, cells: Tensor, images: Tensor) -> Tensor:
    """cells: (B, side, side) of `model`'s maps of `images` (B, C, H, W) -> (B, H, W), in float32 at least.

    Each cell's value is put at the place that it is about (`cell_centres` of models.contract), and between them interpolated
    linearly; where the network has warped the image, the map is warped back.
    """
    side, size = cells.shape[-1], images.shape[-1]
    weights = interpolation(contract.cell_centres(model, side, size).double(), size)
    weights = weights.to(torch.promote_types(cells.dtype, torch.float32)).to(cells.device)
    maps = weights @ cells.to(weights.dtype) @ weights.T
    return contract.unwarped(model, maps, images)


def interpolation(centres: Tensor, size: int) -> Tensor:
    """(size, side): the share of each cell in each pixel, linear between evenly spaced `centres`; beyond the first and the
    last one, theirs alone."""
    places = torch.arange(size, dtype=centres.dtype).clamp(centres[0], centres[-1])
    return (1 - (places[:, None] - centres).abs() / (centres[1] - centres[0])).clamp(min=0)


def scaled(maps: Tensor) -> Tensor:
    """(B, H, W) -> float32 with each map's least value at 0 and its largest at 1; 0 where all are equal."""
    maps = maps.float()
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    spread = high - low
    return torch.where(spread > 1e-6 * high.abs(), (maps - low) / spread.clamp(min=1e-30), 0)
