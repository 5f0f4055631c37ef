"""What happens to a picture between file and network, by name, as the published protocols do it.

Every pipeline is a torchvision one: PIL picture -> float32 tensor (3, 224, 224), ImageNet-normalised.
"""

import torch
from PIL import Image, ImageOps
from torchvision.transforms import v2

IMAGE_SIZE = 224
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class FitAndPad:
    """Scale the long side to `size` and pad the short one with black to a square; square pictures are only scaled."""

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        return ImageOps.pad(image, (self.size, self.size), Image.Resampling.BILINEAR)


def _resize() -> v2.Transform:
    return v2.Resize((IMAGE_SIZE, IMAGE_SIZE))


def _finish() -> list:
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]


def _flip_erase(probability: float, scale: tuple[float, float]) -> list:
    return [_resize(), v2.RandomHorizontalFlip(), *_finish(), v2.RandomErasing(probability, scale)]


def _jitter_affine_erase() -> list:
    return [
        FitAndPad(IMAGE_SIZE),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(0.2, 0.2, 0.2, 0.1),
        v2.RandomRotation(15),
        v2.RandomAffine(0, translate=(0.1, 0.1)),
        *_finish(),
        v2.RandomErasing(0.5, (0.02, 0.1)),
    ]


TRANSFORMS = {
    "plain": lambda: [_resize(), *_finish()],
    "pad": lambda: [FitAndPad(IMAGE_SIZE), *_finish()],
    "flip": lambda: [_resize(), v2.RandomHorizontalFlip(), *_finish()],
    "flip-erase": lambda: _flip_erase(0.5, (0.02, 0.1)),
    "flip-erase-always": lambda: _flip_erase(1.0, (0.05, 0.05)),
    "jitter-affine-erase": _jitter_affine_erase,
}


def create_transform(name: str) -> v2.Compose:
    """The pipeline `name` of TRANSFORMS: PIL RGB picture -> (3, 224, 224). Raises KeyError for an unknown name."""
    return v2.Compose(TRANSFORMS[name]())
