"""Transforms on cached images: the plain pipeline's bits at the rows and columns that the network keeps."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from data_preprocessing.loading.cache import open_cache
from data_preprocessing.loading.cached import ReducedDataset, create_dataset, normalise, plan_reduced, stored_for
from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.input_image import EVEN224, GREY48, RGB224, InputImage
from data_preprocessing.loading.loaders import EpochBatchSampler
from data_preprocessing.loading.transforms import TRANSFORMS, create_transform
from data_preprocessing.sources.fer2013 import CLASSES, CsvSplit
from data_preprocessing.sources.folders import Split

SIZES = [(224, 224), (128, 128), (100, 100), (37, 61), (300, 180), (1, 9), (225, 223), (640, 480)]
RGB96 = InputImage(96)
KINDS = (EVEN224, RGB224, GREY48, RGB96, InputImage(60, "L", (0.4,), (0.2,), step=3))
REDUCED = ("plain", "pad", "flip", "flip-erase", "flip-erase-always")


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Split:
    """Noise of many sizes and shapes as PNG, and one JPEG."""
    folder, rng, names = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), []
    for k, (width, height) in enumerate(SIZES):
        names.append(f"{k}.{'jpg' if k == 1 else 'png'}")
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(folder / names[-1])
    return Split("train", folder, ("a", "b"), tuple(names), tuple(k % 2 for k in range(len(SIZES))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def cached(split, name, kind, folder, channel_order="rgb", seed=0):
    return create_dataset(split, name, kind, channel_order, seed, open_cache(split, "f", stored_for(name, kind), folder))


def plain(split, name, image=EVEN224, channel_order="rgb", seed=0):
    return FaceDataset(split, create_transform(name, image, channel_order), seed)


def same(ours: torch.Tensor, theirs: torch.Tensor, step: int) -> bool:
    theirs = theirs[..., ::step, ::step]
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.numpy().tobytes() == theirs.numpy().tobytes()


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize(("kind", "order"), [(EVEN224, "rgb"), (EVEN224, "bgr"), (GREY48, "rgb"), (RGB96, "bgr")])
@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "flip-noise-erase"])
def test_every_transform_gives_the_plain_pipelines_bits(split, folder, name, kind, order, seed):
    ours, theirs = cached(split, name, kind, folder, order, seed), plain(split, name, kind, order, seed)
    step = kind.step if name in REDUCED else 1
    assert isinstance(ours, ReducedDataset) == (name in REDUCED)
    assert len(ours) == len(theirs)
    for epoch in range(6):
        for index in range(len(split.paths)):
            (image, *rest), (expected, *expected_rest) = ours[epoch, index], theirs[epoch, index]
            assert same(image, expected, step), (epoch, index)
            assert rest == expected_rest


@pytest.mark.parametrize("name", REDUCED)
def test_draws_leave_the_generator_where_the_plain_transform_leaves_it(split, name):
    image, plan, transform = split.image(0), plan_reduced(name), create_transform(name)
    for seed in range(200):
        torch.manual_seed(seed)
        transform(image)
        expected = torch.get_rng_state()
        torch.manual_seed(seed)
        plan.draw()
        assert torch.equal(torch.get_rng_state(), expected)


def test_many_rectangles_cover_the_kept_rows_and_columns_they_cover_unreduced(split, folder):
    ours, theirs = cached(split, "flip-erase-always", EVEN224, folder), plain(split, "flip-erase-always")
    parities = set()
    for epoch in range(150):
        image, expected = ours[epoch, 3][0], theirs[epoch, 3][0]
        assert same(image, expected, 2), epoch
        rows, columns = (expected == 0).all(0).nonzero().T
        parities.add((int(rows.min()) % 2, int(columns.min()) % 2, int(rows.max()) % 2, int(columns.max()) % 2))
    assert len(parities) == 16  # every case of odd and even edges was met


@pytest.mark.parametrize("name", ["plain", "flip-erase"])
def test_a_batch_equals_its_images_one_by_one(split, folder, name):
    dataset = cached(split, name, EVEN224, folder)
    keys = [(4, 2), (4, 0), (5, 2), (4, 2), (0, 7)]
    images, labels, indices = dataset.__getitems__(keys)
    singles = [dataset[key] for key in keys]
    assert torch.equal(images, torch.stack([single[0] for single in singles]))
    assert labels.tolist() == [single[1] for single in singles]
    assert indices.tolist() == [2, 0, 2, 2, 7]
    assert labels.dtype == indices.dtype == torch.int64


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_the_plain_loaders_batches_for_any_number_of_workers(split, folder, workers):
    ours, theirs = cached(split, "flip-erase", EVEN224, folder, seed=3), plain(split, "flip-erase", seed=3)
    sampler = EpochBatchSampler(len(split.paths), 3, shuffle=True, seed=3)
    sampler.set_epoch(2)
    ours = DataLoader(ours, batch_sampler=sampler, num_workers=workers, collate_fn=ours.collate)
    batches = list(zip(ours, DataLoader(theirs, batch_sampler=sampler)))
    assert len(batches) == len(sampler)
    for (images, *rest), (expected, *expected_rest) in batches:
        assert same(images, expected, 2)
        assert all(torch.equal(a, b) for a, b in zip(rest, expected_rest))


def test_the_global_generator_is_left_alone(split, folder):
    dataset = cached(split, "flip-erase", EVEN224, folder)
    before = torch.get_rng_state()
    dataset.__getitems__([(0, 0), (0, 1)])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_normalisation_is_exact_for_every_level(kind):
    channels = len(kind.mean)
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).expand(2, channels, 16, 16)
    finish = create_transform("plain", kind).transforms[-2:]  # ToDtype and Normalize
    expected = finish[1](finish[0](levels[0]))
    for image in normalise(levels, kind):
        assert same(image, expected, 1)


def test_what_the_cache_keeps_for_each_transform():
    assert {name for name in TRANSFORMS if plan_reduced(name)} == set(REDUCED)
    assert stored_for("flip-noise-erase") is None  # noise comes before resizing
    assert stored_for("jitter-affine-erase").whole and stored_for("jitter-affine-erase").fit == "pad"
    assert stored_for("plain") == stored_for("flip-erase") != stored_for("pad")


@pytest.mark.parametrize("name", TRANSFORMS)
def test_without_a_cache_the_plain_pipeline_is_used(split, name):
    assert torch.equal(create_dataset(split, name, EVEN224, "rgb", 1, None)[2, 3][0], plain(split, name, seed=1)[2, 3][0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_of_another_kind(folder, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)
    paths = tuple(f"row {k}" for k in (2, 3, 4))
    rows = CsvSplit("test", folder / "fer2013.csv", CLASSES, paths[1:], (0, 1), pixels, dict(zip(paths, range(3))), {})
    ours, theirs = cached(rows, "flip-erase", kind, folder), plain(rows, "flip-erase", kind)
    for key in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        assert same(ours[key][0], theirs[key][0], kind.step)
