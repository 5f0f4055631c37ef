"""The splits and loaders of a run: what is random in training, and what is not."""

from types import SimpleNamespace

import pytest
import torch

from data_preprocessing.errors import DataError
from data_preprocessing.folders import find_splits, read_split
from engine.data import evaluation_loader, training_loader, training_splits
from engine.protocols import PROTOCOLS

CPU = torch.device("cpu")


def settings(augmentation: bool) -> SimpleNamespace:
    return SimpleNamespace(augmentation=augmentation, seed=0, batch_size=4, workers=0)


@pytest.fixture
def split(make_faces, tmp_path):
    make_faces(tmp_path / "d", {"train": {"a": 3, "b": 5}})
    return read_split("train", find_splits(tmp_path / "d")["train"])


def pictures(loader, epoch: int) -> dict[int, torch.Tensor]:
    loader.batch_sampler.set_epoch(epoch)
    return {int(k): image for images, _, indices in loader for image, k in zip(images, indices)}


@pytest.mark.parametrize("data_type", PROTOCOLS)
def test_without_augmentation_no_transform_is_random(data_type, split):
    plain = pictures(evaluation_loader(split, PROTOCOLS[data_type], settings(True), CPU), 0)
    for epoch in (0, 1):
        for k, image in pictures(training_loader(split, PROTOCOLS[data_type], settings(False), CPU), epoch).items():
            assert torch.equal(image, plain[k])


@pytest.mark.parametrize("data_type", PROTOCOLS)
def test_with_augmentation_pictures_differ_between_epochs(data_type, split):
    loader = training_loader(split, PROTOCOLS[data_type], settings(True), CPU)
    first, second = pictures(loader, 0), pictures(loader, 1)
    assert any(not torch.equal(first[k], second[k]) for k in first if k in second)


def test_evaluation_sees_every_picture_once_in_order_and_unchanged_between_epochs(split):
    loader = evaluation_loader(split, PROTOCOLS["VR"], settings(True), CPU)
    first, second = pictures(loader, 0), pictures(loader, 1)
    assert list(first) == list(range(8))
    assert all(torch.equal(first[k], second[k]) for k in first)


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
    splits, warning = training_splits(find_splits(tmp_path / "d"))
    assert [split.name for split in splits] == roles
    assert ("optimistic" in warning) is optimistic


def test_training_needs_a_training_and_a_selection_split(make_faces, tmp_path):
    for present in ("train", "test"):
        make_faces(tmp_path / present, {present: {"a": 1, "b": 1}})
        with pytest.raises(DataError):
            training_splits(find_splits(tmp_path / present))
