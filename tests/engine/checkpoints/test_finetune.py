"""Starting from a trained file: heads of every kind, and what --freeze keeps."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from engine.checkpoints.finetune import _Head, load, settings_of
from engine.checkpoints.format import Checkpoint
from engine.config.settings import resolve
from engine.network import feature_layers, freeze_features
from models import create_model


def _trained(model: nn.Module, classes: tuple[str, ...], options: dict) -> Checkpoint:
    return Checkpoint(
        path=Path("x.pth"),
        state_dict=model.state_dict(),
        num_outputs=3,
        model="poster_v2",
        classes=classes,
        model_options=options,
    )


def _head(name: str, options: dict) -> _Head:
    return _Head.of(*(create_model(name, number, **options) for number in (2, 3)))


def test_the_head_of_every_network_is_found_by_its_shapes():
    assert _head("deep_emotion", {}).dimensions == {"fc2.weight": 0, "fc2.bias": 0}
    assert _head("poster_v1_small", {"head": "arcface"}).dimensions == {"head.kernel": 1}


@pytest.mark.parametrize("head", ("linear", "adaface"))
def test_a_poster_head_is_put_into_the_data_order(head):
    options = {"head": head}
    trained = create_model("poster_v2", 3, **options)
    source = _trained(trained, ("c", "a", "b"), options)
    settings = resolve({"data": "d"}, settings_of(source, {}))
    model = create_model("poster_v2", 3, **options)
    said = load(model, source, settings, SimpleNamespace(classes=("a", "b", "c")))
    assert "the head with them, its 3 classes put into the data's order: a, b, c" in said
    wanted, head_keys = trained.state_dict(), _head("poster_v2", options).dimensions
    for key, value in model.state_dict().items():
        expected = wanted[key]
        if key in head_keys:
            expected = expected[..., [1, 2, 0]] if key.endswith("kernel") else expected[[1, 2, 0]]
        assert torch.equal(value, expected), key


def test_another_kind_of_head_starts_anew_on_the_same_features():
    trained = create_model("poster_v2", 3)
    source = _trained(trained, ("a", "b", "c"), {"head": "linear"})
    flags = {"data": "d", "head": "cosface"}
    settings = resolve(flags, settings_of(source, flags))
    model = create_model("poster_v2", 3, head="cosface")
    assert "is new" in load(model, source, settings, SimpleNamespace(classes=("a", "b", "c")))
    assert torch.equal(model.state_dict()["ir_back.input_layer.0.weight"], trained.state_dict()["ir_back.input_layer.0.weight"])


def test_frozen_features_are_the_backbones_with_their_batchnorms():
    model = create_model("poster_v2", 3)
    assert freeze_features(model).startswith("frozen: ")
    assert all(key.startswith("VIT.") == value.requires_grad for key, value in model.named_parameters())
    model.train()
    for layer in feature_layers(model):
        layer.eval()
    norms = [(name, layer.training) for name, layer in model.named_modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms and all(training == name.startswith("VIT.") for name, training in norms)
    assert model.VIT.training and model.training
