"""The splits and loaders of a run: what is random in training, and what is not."""

from types import SimpleNamespace

import pytest
import torch

from data_preprocessing.errors import DataError
from data_preprocessing.folders import find_splits, read_split
from data_preprocessing.pictures import MEAN, STD
from data_preprocessing.sources import open_source
from engine.data import evaluation_loader, training_loader, training_splits
from engine.protocols import DATA_TYPES
from engine.settings import resolve
from models import MODELS

CPU = torch.device("cpu")


def settings(augmentation: bool, **flags) -> SimpleNamespace:
    return resolve({"data": "faces", "augmentation": augmentation, "batch_size": 4, "workers": 0, **flags}, {})


@pytest.fixture
def split(make_faces, tmp_path):
    make_faces(tmp_path / "d", {"train": {"a": 3, "b": 5}})
    return read_split("train", find_splits(tmp_path / "d")["train"])


def pictures(loader, epoch: int) -> dict[int, torch.Tensor]:
    loader.batch_sampler.set_epoch(epoch)
    return {int(k): image for images, _, indices in loader for image, k in zip(images, indices)}


@pytest.mark.parametrize("model", ["poster_v2", "poster_v1_small", "deep_emotion"])
@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_without_augmentation_no_transform_is_random(data_type, model, split):
    flags = dict(data_type=data_type, model=model)
    plain = pictures(evaluation_loader(split, settings(True, **flags), CPU), 0)
    for epoch in (0, 1):
        for k, image in pictures(training_loader(split, settings(False, **flags), CPU), epoch).items():
            assert torch.equal(image, plain[k])


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_with_augmentation_pictures_differ_between_epochs(data_type, split):
    loader = training_loader(split, settings(True, data_type=data_type), CPU)
    first, second = pictures(loader, 0), pictures(loader, 1)
    assert any(not torch.equal(first[k], second[k]) for k in first if k in second)


def test_evaluation_sees_every_picture_once_in_order_and_unchanged_between_epochs(split):
    loader = evaluation_loader(split, settings(True, data_type="VR"), CPU)
    first, second = pictures(loader, 0), pictures(loader, 1)
    assert list(first) == list(range(8))
    assert all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("model", MODELS)
def test_pictures_are_what_the_network_takes(model, split):
    image = pictures(evaluation_loader(split, settings(True, model=model), CPU), 0)[0]
    assert image.shape == ((1, 48, 48) if model.startswith("deep") else (3, 224, 224))


def test_channel_order_swaps_red_and_blue(split):
    rgb, bgr = (pictures(evaluation_loader(split, settings(True, channel_order=order), CPU), 0)[0] for order in ("rgb", "bgr"))
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(bgr * std + mean, (rgb * std + mean).flip(0))
    assert not torch.allclose(rgb, bgr)


@pytest.mark.parametrize(
    ("present", "roles", "optimistic"),
    [
        (("train", "valid", "test"), ["train", "valid", "test"], False),
        (("train", "val"), ["train", "valid", "valid"], True),
        (("train", "test"), ["train", "test", "test"], True),
    ],
)
def test_roles_of_the_splits(present, roles, optimistic, make_faces, tmp_path):
    make_faces(tmp_path / "d", {name: {"a": 1, "b": 1} for name in present})
    splits, warning = training_splits("d", open_source(tmp_path / "d"))
    assert [split.name for split in splits] == roles
    assert ("optimistic" in warning) is optimistic


def test_training_needs_a_training_and_a_selection_split(make_faces, tmp_path):
    for present in ("train", "test"):
        make_faces(tmp_path / present, {present: {"a": 1, "b": 1}})
        with pytest.raises(DataError):
            training_splits(present, open_source(tmp_path / present))
