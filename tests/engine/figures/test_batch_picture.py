"""The image of the first batch: the faces as the network sees them, whatever the classes are called."""

import numpy as np
import pytest
import torch
from PIL import Image

from engine.figures.tiles import draw_batch

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # a missing glyph is one

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES = ("surprise", "surprised")
TILE, CAPTION = 120, 24


def normalised(pixels: torch.Tensor, mean=MEAN, std=STD) -> torch.Tensor:
    return (pixels - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)


def noise(number: int, side: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(number, channels, side, side, generator=torch.Generator().manual_seed(number))


def drawn(path, images, labels=None, classes=CLASSES, mean=MEAN, std=STD, **more) -> np.ndarray:
    """(H, W, 3) pixels of the written PNG."""
    labels = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
    draw_batch(images, labels, classes, path, mean, std, **more)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def tile(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    y, x = row * (TILE + CAPTION), column * TILE
    return sheet[y : y + TILE, x : x + TILE].astype(int)


def caption(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    y, x = row * (TILE + CAPTION) + TILE, column * TILE
    return sheet[y : y + CAPTION, x : x + TILE]


def test_colours_are_those_before_normalisation(tmp_path):
    colours = torch.tensor([[1.0, 0.0, 0.0], [0.2, 0.4, 0.8], [1.0, 1.0, 1.0]])
    sheet = drawn(tmp_path / "batch.png", normalised(colours[:, :, None, None].expand(3, 3, 112, 112)))
    assert sheet.shape == (TILE + CAPTION, 3 * TILE, 3)
    for column, colour in enumerate(colours):
        assert np.abs(tile(sheet, 0, column) - (255 * colour).round().int().numpy()).max() <= 1


def test_images_are_upright_and_in_order(tmp_path):
    images = torch.zeros(11, 3, 48, 48)
    for number in range(11):
        images[number, :, :12, : 4 * (number + 1)] = 1  # a bar at the top left, longer in each image
    sheet = drawn(tmp_path / "batch.png", normalised(images))
    assert sheet.shape == (2 * (TILE + CAPTION), 8 * TILE, 3)
    for number in range(11):
        face = tile(sheet, *divmod(number, 8))
        assert abs((face[10, :, 0] > 127).sum() - 10 * (number + 1)) <= 1
        assert face[60].max() < 10
    assert (sheet[TILE + CAPTION :, 3 * TILE :] == 255).all()


@pytest.mark.parametrize("side", [48, 112, 224])
def test_grey_images(tmp_path, side):
    images = normalised(torch.full((2, 1, side, side), 0.25), (0.5,), (0.5,))
    assert np.abs(tile(drawn(tmp_path / "batch.png", images, mean=(0.5,), std=(0.5,)), 0, 1) - 64).max() <= 1


def test_values_outside_the_range_are_clipped(tmp_path):
    sheet = drawn(tmp_path / "batch.png", torch.stack((torch.full((3, 48, 48), 9.0), torch.full((3, 48, 48), -9.0))))
    assert (tile(sheet, 0, 0) == 255).all() and (tile(sheet, 0, 1) == 0).all()


@pytest.mark.parametrize("side", [48, 224])
def test_file_is_small_even_for_noise(tmp_path, side):
    drawn(tmp_path / "batch.png", normalised(noise(64, side)))
    assert (tmp_path / "batch.png").stat().st_size < 1_500_000


@pytest.mark.parametrize(("number", "most", "shown"), [(1, 32, 1), (5, 32, 5), (40, 32, 32), (40, 3, 3)])
def test_at_most_so_many_are_shown(tmp_path, number, most, shown):
    sheet = drawn(tmp_path / "batch.png", normalised(torch.zeros(number, 3, 48, 48)), most=most)
    black = sum(
        (tile(sheet, row, column) == 0).all()
        for row in range(sheet.shape[0] // (TILE + CAPTION))
        for column in range(sheet.shape[1] // TILE)
    )
    assert black == shown


def test_bfloat16_and_a_list_of_labels(tmp_path):
    images = normalised(noise(2, 48)).bfloat16()
    sheet = drawn(tmp_path / "batch.png", images, [1, 0])
    assert np.array_equal(sheet, drawn(tmp_path / "batch.png", images.float(), torch.tensor([1, 0])))


def test_each_image_has_its_own_class_name(tmp_path):
    sheet = drawn(tmp_path / "batch.png", torch.zeros(3, 3, 48, 48), torch.tensor([0, 1, 0]))
    first, second, third = (caption(sheet, 0, column) for column in range(3))
    assert np.array_equal(first, third)
    assert not np.array_equal(first, second)
    assert (first < 128).any() and (second < 128).any()


@pytest.mark.parametrize(
    "name",
    [
        "기쁨",
        "$",
        "$x_1$",
        "_hidden",
        r"$\frac$",
        "100 %",
        "back\\slash^",
        "two\nlines",
        "very " * 20,
        "당황" * 20,
        "W" * 40,
        "i" * 90,
    ],
)
def test_awkward_names_stay_under_their_image(tmp_path, name):
    sheet = drawn(tmp_path / "batch.png", torch.zeros(3, 3, 48, 48), [1, 0, 1], ("i", name))
    for column in (0, 2):
        assert (caption(sheet, 0, column) < 128).any()
        assert len(np.unique(tile(sheet, 0, column))) == 3  # the three channels' mean, nothing written over it
    alone = drawn(tmp_path / "alone.png", torch.zeros(3, 3, 48, 48), [0, 0, 0], ("i",))
    assert np.array_equal(caption(sheet, 0, 1), caption(alone, 0, 1))


def test_figure_replaces_an_older_one_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "batch.png"
    path.write_bytes(b"older")
    drawn(path, normalised(noise(2, 48)))
    assert [found.name for found in tmp_path.iterdir()] == ["batch.png"]


def test_batch_and_random_state_are_left_alone(tmp_path):
    images = normalised(noise(2, 48))
    before, state = images.clone(), torch.get_rng_state()
    drawn(tmp_path / "batch.png", images)
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
