"""The splits and loaders of a run: what is random in training, and what is not."""

from types import SimpleNamespace

import pytest
import torch

from data_preprocessing.common.errors import DataError
from data_preprocessing.loading.input_image import MEAN, STD
from data_preprocessing.sources.folders import read_split
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.split_folders import find_splits
from engine import data
from engine.config.recipes import DATA_TYPES, SYNTHETIC, find_recipe
from engine.config.settings import resolve
from engine.data import absence, evaluation_loader, training_loader, training_splits
from models import MODELS

CPU = torch.device("cpu")


def settings(augmentation: bool, **flags) -> SimpleNamespace:
    return resolve({"data": "faces", "augmentation": augmentation, "batch_size": 4, "workers": 0, **flags}, {})


@pytest.fixture
def split(make_faces, tmp_path):
    make_faces(tmp_path / "d", {"train": {"a": 3, "b": 5}})
    return read_split("train", find_splits(tmp_path / "d")["train"])


def images(loader, epoch: int) -> dict[int, torch.Tensor]:
    loader.batch_sampler.set_epoch(epoch)
    return {int(k): image for images, _, indices in loader for image, k in zip(images, indices)}


@pytest.mark.parametrize("model", ["poster_v2", "poster_v1_small", "deep_emotion"])
@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_without_augmentation_no_transform_is_random(data_type, model, split):
    flags = dict(data_type=data_type, model=model)
    plain = images(evaluation_loader(split, settings(True, **flags), CPU), 0)
    for epoch in (0, 1):
        for k, image in images(training_loader(split, settings(False, **flags), CPU), epoch).items():
            assert torch.equal(image, plain[k])


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_with_augmentation_images_differ_between_epochs(data_type, split):
    loader = training_loader(split, settings(True, data_type=data_type), CPU)
    first, second = images(loader, 0), images(loader, 1)
    assert any(not torch.equal(first[k], second[k]) for k in first if k in second)


def test_evaluation_sees_every_image_once_in_order_and_unchanged_between_epochs(split):
    loader = evaluation_loader(split, settings(True, data_type="VR"), CPU)
    first, second = images(loader, 0), images(loader, 1)
    assert list(first) == list(range(8))
    assert all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("model", MODELS)
def test_images_are_what_the_network_takes(model, split):
    image = images(evaluation_loader(split, settings(True, model=model), CPU), 0)[0]
    assert image.shape == ((1, 48, 48) if model.startswith("deep") else (3, 224, 224))


def test_channel_order_swaps_red_and_blue(split):
    rgb, bgr = (images(evaluation_loader(split, settings(True, channel_order=order), CPU), 0)[0] for order in ("rgb", "bgr"))
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
    splits, said = training_splits("d", open_source(tmp_path / "d"))
    assert [split.name for split in splits] == roles
    assert any("optimistic" in text for text in said) is optimistic


def test_training_needs_a_training_and_a_selection_split(make_faces, tmp_path):
    for present in ("train", "test"):
        make_faces(tmp_path / present, {present: {"a": 1, "b": 1}})
        with pytest.raises(DataError):
            training_splits(present, open_source(tmp_path / present))


def test_splits_of_one_data_set_may_write_a_class_in_two_ways(make_faces, tmp_path):
    make_faces(tmp_path, {"train": {"Angry": 1, "happy": 1}, "valid": {"angry": 2, "happiness": 1}, "test": {"Angry": 1}})
    (train, valid, test), said = training_splits("d", open_source(tmp_path))
    assert train.classes == valid.classes == test.classes == ("Angry", "happy")
    assert valid.counts() == {"Angry": 2, "happy": 1} and test.counts() == {"Angry": 1, "happy": 0}
    assert any("angry as Angry, happiness as happy" in text for text in said)
    assert valid.image(0).size == (40, 40)  # still found under its own folder


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"train": {"a": 1, "b": 1}, "valid": {"a": 1, "c": 1}}, "adds c and lacks b"),
        (
            {"train": {"happy": 1, "sad": 1}, "valid": {"joy": 1, "happy": 1}},
            "joy and happy are the same class|happy and joy are",
        ),
        ({"train": {"a": 1, "b": 0}, "valid": {"a": 1, "b": 1}}, "no images in this class folder"),
        ({"train": {"a": 1, "b": 1}, "valid": {"a": 0, "b": 0}}, "no images in its class folders"),
    ],
)
def test_classes_that_cannot_be_trained_or_scored_are_refused(make_faces, tmp_path, tree, words):
    with pytest.raises(DataError, match=words):
        training_splits("d", open_source(make_faces(tmp_path, tree)))


def test_an_empty_class_folder_of_a_scored_split_is_an_absent_class(make_faces, tmp_path):
    make_faces(tmp_path, {"train": {"a": 1, "b": 1, "c": 1}, "valid": {"a": 2, "b": 0}})
    (_, valid, _), _ = training_splits("d", open_source(tmp_path))
    assert valid.counts() == {"a": 2, "b": 0, "c": 0}
    assert "valid has no image of b, c" in absence(valid) and "over the 1 class that" in absence(valid)


def test_without_data_faces_are_drawn_once_and_differ_between_the_splits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(data.SYNTHETIC_FACES, "people", {"train": 2, "valid": 1, "test": 1})
    said = []
    for _ in range(2):
        drawn = {name: read() for name, read in data.locate(resolve({}, {}), said.append).items()}
    assert {name: len(split.paths) for name, split in drawn.items()} == {"train": 6, "valid": 3, "test": 3}
    assert sum("drawing synthetic faces" in text for text in said) == 1


def test_the_drawn_faces_protocol_of_poster_v2_takes_minutes():
    """What make demo takes is this many images in training; two cores with AVX2 alone train two in a second."""
    people, recipe = data.SYNTHETIC_FACES["people"], find_recipe("poster_v2", SYNTHETIC)
    assert data.SYNTHETIC_FACES["views"] == 1 and 3 * people["train"] * recipe.epochs <= 900 and recipe.rho == 0
