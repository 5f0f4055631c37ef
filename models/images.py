"""A checkpoint as a network that takes images of any size. `models.load_model` and `models.predict` are its doors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import reason
from data_preprocessing.loading.input_image import InputImage
from data_preprocessing.loading.transforms import CHANNEL_ORDERS, TRANSFORMS, create_transform
from data_preprocessing.sources.images import load_image, to_rgb
from models import MODELS, create_model
from models.errors import WeightsError
from models.faces import CROPS, FaceCropper, PredictedFace
from models.files.checkpoint_network import DAMAGE, NetworkFile, read_network
from models.files.weights import load_exact
from models.files.wording import readable

Given = str | Path | Image.Image | np.ndarray


@dataclass(frozen=True)
class Preparation:
    """What happens to an image before the network. fit: a name of TRANSFORMS; channel_order: rgb or bgr."""

    fit: str
    image: InputImage
    channel_order: str


def load(path: Path | str, device: torch.device | str, precision: torch.dtype | None) -> nn.Module:
    """See `models.load_model`."""
    network, model = open_checkpoint(Path(path))
    model.classes, model.num_outputs, model.precision = network.classes, network.num_outputs, precision
    model.alignment, model.crop_size = network.args.get("alignment"), MODELS[network.model].image.size
    return model.to(device, memory_format=torch.channels_last).eval()


def open_checkpoint(path: Path) -> tuple[NetworkFile, nn.Module]:
    """What a checkpoint says of its network, and the network with its weights and .prepare. Raises WeightsError."""
    try:
        network = read_network(path)
        model = create_model(network.model, network.num_outputs, **network.model_options)
        load_exact(model, network.state_dict, network.dead_keys)
        prepared = preparation(network)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except DAMAGE as error:
        raise WeightsError(f"{path}: damaged checkpoint ({readable(f'{type(error).__name__}: {error}', 120)})") from None
    # its function alone: the module itself would become a part of the network
    model.prepare = create_transform(prepared.fit, prepared.image, prepared.channel_order).forward
    return network, model


def preparation(network: NetworkFile) -> Preparation:
    """How the checkpoint's run evaluated; of a published one as its authors' code does. Raises WeightsError."""
    order = network.args.get("channel_order", network.channel_order)
    fit = network.args.get("eval_transform", "plain")
    if order not in CHANNEL_ORDERS or fit not in TRANSFORMS:
        raise WeightsError("damaged checkpoint: its args name no channel order or transform")
    return Preparation(fit, MODELS[network.model].image, order)


def predict(
    model: nn.Module, images: Given | Iterable[Given], batch_size: int, faces: bool
) -> np.ndarray | list[list[PredictedFace]]:
    """See `models.predict`."""
    if not hasattr(model, "prepare"):
        raise TypeError("predict takes a network that load_model gave; another does not know how its images are prepared")
    is_one = isinstance(images, str | Path | Image.Image) or (isinstance(images, np.ndarray) and images.ndim < 4)
    images = map(_rgb, [images] if is_one else images)
    return _faces(model, images, batch_size) if faces else _probabilities(model, images, batch_size)


def _probabilities(model: nn.Module, images: Iterable[Image.Image], batch_size: int) -> np.ndarray:
    """(N, C) float32 of RGB images."""
    images, found = iter(images), []
    model.eval()
    device, precision = next(model.parameters()).device, model.precision
    with torch.inference_mode(), torch.autocast(device.type, dtype=precision, enabled=precision not in (None, torch.float32)):
        while batch := [model.prepare(image) for image in islice(images, batch_size)]:
            batch = torch.stack(batch).to(device, memory_format=torch.channels_last)
            found.append(model(batch).float().softmax(dim=1).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, model.num_outputs), np.float32)


def _faces(model: nn.Module, images: Iterable[Image.Image], batch_size: int) -> list[list[PredictedFace]]:
    """Of each RGB image its faces, from left to right."""
    cropper, counts, faces = FaceCropper(), [], []
    cropper.align = model.alignment if model.alignment in CROPS else CROPS[0]
    cropper.size = model.crop_size

    def crops() -> Iterator[Image.Image]:
        for image in images:
            found = cropper(image)
            counts.append(len(found))
            faces.extend(crop.face for crop in found)
            yield from (crop.image for crop in found)

    rows = _probabilities(model, crops(), batch_size)
    predicted = iter([PredictedFace(face.box, face.score, face.points, row) for face, row in zip(faces, rows)])
    return [list(islice(predicted, count)) for count in counts]


def _rgb(image: Given) -> Image.Image:
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
            shown = f"{image.dtype} of shape {image.shape}"
            raise TypeError(f"an array must be uint8, (H, W, 3) in RGB or (H, W), not {shown}")
        return Image.fromarray(image).convert("RGB")
    if isinstance(image, Image.Image):
        return to_rgb(image)
    if not isinstance(image, str | Path):
        raise TypeError(f"an image is a path, a PIL image or a uint8 array, not a {type(image).__name__}")
    return read_image(image)


def read_image(path: str | Path) -> Image.Image:
    """An image in RGB. Raises DataError naming the file where it cannot be read."""
    try:
        return load_image(path)
    except MemoryError:
        raise
    except Exception as error:  # PIL's decoders raise many kinds
        raise DataError(f"{path}: unreadable image ({reason(error)})") from None
