"""What the named pipelines do to an image."""

import numpy as np
import pytest
import torch
from PIL import Image

from data_preprocessing.loading.input_image import GREY48, MEAN, STD
from data_preprocessing.loading.transforms import TRANSFORMS, PixelNoise, create_transform

SIZE = 224


@pytest.fixture(autouse=True)
def seeded():
    """Random transforms draw from a fixed state, which is put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def by_hand(image: Image.Image) -> np.ndarray:
    """Resized, divided by 255 and normalised without torchvision: (3, 224, 224)."""
    pixels = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR), dtype=np.float64) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def erased(tensor: torch.Tensor) -> np.ndarray:
    """(224, 224) mask of the pixels that are exactly zero in every channel."""
    return (tensor == 0).all(dim=0).numpy()


def assert_rectangle(mask: np.ndarray) -> None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()


def white() -> Image.Image:
    return Image.new("RGB", (64, 64), "white")


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("size", [(100, 100), (224, 224), (100, 50), (61, 300), (5, 5)])
def test_output_is_a_float_tensor_of_the_networks_size(make_image, name, size):
    tensor = create_transform(name)(make_image(0, size))
    assert tensor.shape == (3, SIZE, SIZE)
    assert tensor.dtype == torch.float32
    assert tensor.isfinite().all()


def test_unknown_name_is_refused():
    with pytest.raises(KeyError):
        create_transform("mirror")


@pytest.mark.parametrize("size", [(100, 100), (224, 224), (500, 400), (100, 50)])
def test_plain_equals_the_computation_by_hand(make_image, size):
    image = make_image(1, size)
    np.testing.assert_allclose(create_transform("plain")(image).numpy(), by_hand(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["plain", "pad"])
def test_evaluation_transforms_are_deterministic(make_image, name):
    image, transform = make_image(2, (90, 70)), create_transform(name)
    state = torch.get_rng_state()
    first = transform(image)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(first, transform(image))


@pytest.mark.parametrize("name", sorted(set(TRANSFORMS) - {"plain", "pad"}))
def test_training_transforms_vary_and_follow_the_seed(make_image, name):
    image, transform = make_image(2), create_transform(name)
    first, second = transform(image), transform(image)
    torch.manual_seed(0)
    assert torch.equal(first, transform(image))
    draws = [first, second, *(transform(image) for _ in range(6))]
    assert any(not torch.equal(first, draw) for draw in draws)


@pytest.mark.parametrize("size", [(60, 60), (224, 224), (301, 301)])
def test_pad_equals_plain_for_square_images(make_image, size):
    image = make_image(3, size)
    assert torch.equal(create_transform("pad")(image), create_transform("plain")(image))


def test_pad_keeps_a_wide_images_shape_between_black_bars():
    tensor = create_transform("pad")(Image.new("RGB", (100, 50), "white"))
    white_rows = torch.zeros(SIZE, dtype=torch.bool)
    white_rows[56:168] = True  # 224 × 50 / 100 = 112 rows in the middle
    for channel, mean, std in zip(tensor, MEAN, STD):
        torch.testing.assert_close(channel[white_rows], torch.full((112, SIZE), (1 - mean) / std))
        torch.testing.assert_close(channel[~white_rows], torch.full((112, SIZE), -mean / std))


def test_pad_puts_a_tall_image_between_black_columns():
    tensor = create_transform("pad")(Image.new("RGB", (50, 100), "white"))
    lit = (tensor > 0).all(dim=0)
    assert lit[:, 56:168].all() and lit.sum() == 112 * SIZE


def test_flip_erase_always_erases_a_twentieth_of_the_area():
    transform = create_transform("flip-erase-always")
    for _ in range(20):
        mask = erased(transform(white()))
        assert mask.mean() == pytest.approx(0.05, abs=0.003)
        assert_rectangle(mask)


def test_flip_erase_erases_every_second_image_within_its_bounds():
    transform = create_transform("flip-erase")
    masks = [erased(transform(white())) for _ in range(100)]
    shares = [mask.mean() for mask in masks if mask.any()]
    assert 30 <= len(shares) <= 70
    assert 0.019 <= min(shares) < 0.05 < max(shares) <= 0.101
    for mask in masks:
        if mask.any():
            assert_rectangle(mask)


@pytest.mark.parametrize("name", ["flip-erase", "flip-erase-always"])
def test_flips_mirror_every_second_image(name):
    image = Image.new("RGB", (64, 64), "white")
    image.paste("black", (0, 0, 32, 64))
    transform = create_transform(name)
    plain = create_transform("plain")(image)
    flips = 0
    for _ in range(60):
        tensor = transform(image)
        kept = ~torch.from_numpy(erased(tensor))
        flipped = torch.equal(tensor[:, kept], plain.flip(2)[:, kept])
        assert flipped or torch.equal(tensor[:, kept], plain[:, kept])
        flips += flipped
    assert 15 <= flips <= 45


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("size", [(48, 48), (100, 50)])
def test_grey_images_are_one_channel_of_48_pixels(make_image, name, size):
    tensor = create_transform(name, GREY48)(make_image(0, size))
    assert tensor.shape == (1, 48, 48) and tensor.isfinite().all()


def test_grey_values_are_centred_on_zero():
    for value, expected in (("black", -1.0), ("white", 1.0)):
        tensor = create_transform("plain", GREY48)(Image.new("RGB", (64, 64), value))
        torch.testing.assert_close(tensor, torch.full((1, 48, 48), expected))


def test_bgr_swaps_the_channels_before_anything_else():
    tensor = create_transform("plain", channel_order="bgr")(Image.new("RGB", (64, 64), (255, 0, 51)))
    values = tensor * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    torch.testing.assert_close(values.mean(dim=(1, 2)), torch.tensor([0.2, 0.0, 1.0]))


def test_noise_has_its_variance_and_stays_in_range():
    noisy = np.asarray(PixelNoise(30)(Image.new("RGB", (200, 200), (128, 128, 0))), dtype=np.float64)
    assert noisy[..., :2].var() == pytest.approx(30, rel=0.05) and noisy[..., :2].mean() == pytest.approx(128, abs=0.1)
    assert noisy[..., 2].min() == 0 and noisy[..., 2].max() > 10


def test_flip_noise_erase_adds_noise_to_every_fourth_image():
    transform = create_transform("flip-noise-erase")
    image = Image.new("RGB", (64, 64), "grey")
    noisy = sum(len(transform(image)[0].unique()) > 2 for _ in range(120))  # one value without noise, two where erased
    assert 15 <= noisy <= 45
