"""What happens to an image between file and network, by name, as the published protocols do it.

A pipeline is put together from what the network takes (`InputImage`: size, colours, normalisation) and a named transform
(`TRANSFORMS`): torchvision steps before and after the conversion to a tensor.
"""

import torch
from PIL import Image, ImageOps
from torchvision.transforms import v2

from data_preprocessing.loading.input_image import RGB224, InputImage
from data_preprocessing.loading.occlusion import HeadsetOcclusion

CHANNEL_ORDERS = ("rgb", "bgr")


class FitAndPad:
    """Scale the long side to `size` and pad the short one with black to a square; square images are only scaled."""

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        scale = self.size / max(image.size)
        if min(image.size) * scale < 0.5:  # ImageOps.pad would round the short side to no pixels
            image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
        return ImageOps.pad(image, (self.size, self.size), Image.Resampling.BILINEAR)


class PixelNoise:
    """Gaussian noise of `variance` on 8-bit values, rounded and clipped, drawn from torch's generator."""

    def __init__(self, variance: float = 30.0):
        self.deviation = variance**0.5

    def __call__(self, image: Image.Image) -> Image.Image:
        values = v2.functional.pil_to_tensor(image)
        noisy = values + self.deviation * torch.randn(values.shape)
        return v2.functional.to_pil_image(noisy.round().clamp(0, 255).to(torch.uint8))


def swap_channels(image: Image.Image) -> Image.Image:
    """RGB -> BGR: the published V1 code reads RAF-DB with OpenCV, whose order is BGR, and never converts it."""
    return Image.merge("RGB", image.split()[::-1])


def _resize(size: int) -> v2.Transform:
    return v2.Resize((size, size))


def _flip_erase(probability: float, scale: tuple[float, float]):
    return lambda size: ([_resize(size), v2.RandomHorizontalFlip()], [v2.RandomErasing(probability, scale)])


def _flip_noise_erase(size: int) -> tuple[list, list]:
    """POSTER V1's: with p ½ one of flip and noise, then its flip and erasing."""
    first = v2.RandomApply([v2.RandomChoice([v2.RandomHorizontalFlip(1.0), PixelNoise()])], p=0.5)
    return [first, _resize(size), v2.RandomHorizontalFlip()], [v2.RandomErasing(0.5, (0.02, 0.1))]


def _jitter_affine_erase(size: int) -> tuple[list, list]:
    before = [
        FitAndPad(size),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(0.2, 0.2, 0.2, 0.1),
        v2.RandomRotation(15),
        v2.RandomAffine(0, translate=(0.1, 0.1)),
    ]
    return before, [v2.RandomErasing(0.5, (0.02, 0.1))]


# name -> side in pixels -> steps on the PIL image, steps on the normalised tensor
TRANSFORMS = {
    "plain": lambda size: ([_resize(size)], []),
    "pad": lambda size: ([FitAndPad(size)], []),
    "flip": lambda size: ([_resize(size), v2.RandomHorizontalFlip()], []),
    "flip-erase": _flip_erase(0.5, (0.02, 0.1)),
    "flip-erase-always": _flip_erase(1.0, (0.05, 0.05)),
    "flip-noise-erase": _flip_noise_erase,
    "jitter-affine-erase": _jitter_affine_erase,
}


def create_transform(
    name: str, image: InputImage = RGB224, channel_order: str = "rgb", occlusion: HeadsetOcclusion | None = None
) -> v2.Compose:
    """The pipeline `name` of TRANSFORMS for a network that takes `image`.

    occlusion: covers the image before anything else, so that it looks the same to every network. channel_order: "bgr"
    swaps red and blue then; without meaning for grey images.
    PIL RGB image -> float32 tensor of image.shape. Raises KeyError for an unknown name.
    """
    cover = [occlusion] if occlusion else []
    first = [v2.Grayscale()] if image.mode == "L" else [swap_channels] if channel_order == "bgr" else []
    before, after = TRANSFORMS[name](image.size)
    finish = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(image.mean, image.std)]
    return v2.Compose([*cover, *first, *before, *finish, *after])
