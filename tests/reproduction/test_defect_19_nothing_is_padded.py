"""19. The AI Hub study's "keep the aspect ratio, then pad" fits the short side, so that nothing is ever padded and
images of unlike shape cannot be batched.
"""

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from data_preprocessing.loading.input_image import MEAN, STD
from data_preprocessing.loading.transforms import create_transform
from tests.reproduction.cli_runs import run, table

SHAPES = [(100, 200), (200, 100), (150, 150), (31, 400)]  # width, height


def published_resize(image: Image.Image, size: int = 224) -> tuple[torch.Tensor, int]:
    """The image as a tensor, and how many pixels were padded."""
    scale = max(size / image.width, size / image.height)
    width, height = round(image.width * scale), round(image.height * scale)
    padding = [max(0, size - width) // 2, max(0, size - height) // 2]
    return tv.pad(tv.pil_to_tensor(image.resize((width, height))), padding), sum(padding)


def test_the_published_resize_pads_nothing_and_cannot_be_batched():
    results = [published_resize(Image.new("RGB", shape, "white")) for shape in SHAPES]
    assert [padded for _, padded in results] == [0] * len(SHAPES)
    assert results[0][0].shape == (3, 448, 224)
    with pytest.raises(RuntimeError, match="equal size"):
        torch.stack([tensor for tensor, _ in results])


def content_box(tensor: torch.Tensor) -> tuple[int, int]:
    """Width and height of what is not black in a normalised image."""
    shown = tensor * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    white = shown.mean(dim=0) > 0.5
    return int(white.any(dim=0).sum()), int(white.any(dim=1).sum())


def test_ours_batches_every_shape_with_nothing_cut_off():
    padded = create_transform("pad")
    tensors = [padded(Image.new("RGB", shape, "white")) for shape in SHAPES]
    assert torch.stack(tensors).shape == (len(SHAPES), 3, 224, 224)
    boxes = [content_box(tensor) for tensor in tensors]
    assert boxes == [(112, 224), (224, 112), (224, 224), (17, 224)]
    for shape in SHAPES:  # what lies at the four ends is still there
        image = Image.new("RGB", shape, "white")
        image.paste((255, 0, 0), (0, 0, shape[0], max(1, shape[1] // 8)))
        image.paste((0, 0, 255), (0, shape[1] - max(1, shape[1] // 8), *shape))
        tensor = padded(image)
        red, _, blue = tensor
        assert ((red > 1) & (blue < -1)).any() and ((blue > 1) & (red < -1)).any()


def test_our_training_transform_batches_them_too():
    train = create_transform("jitter-affine-erase")
    assert torch.stack([train(Image.new("RGB", shape, "white")) for shape in SHAPES]).shape == (len(SHAPES), 3, 224, 224)


def test_our_run_takes_images_of_unlike_shape(work, v2, short_poster, make_image):
    for number, (name, shape) in enumerate(zip(("anger", "happiness", "surprise"), SHAPES)):
        folder = work / "shapes/test" / name
        folder.mkdir(parents=True)
        make_image(number, shape).save(folder / "0.png")
    arguments = ("--evaluate", f"checkpoint/{v2}/best.pth", "--data", "shapes", "--data_type", "VR", "-b", 3)
    assert run(*arguments, "--run", "shapes") == 0
    assert len(table("log/shapes/predictions.csv")) == 3
