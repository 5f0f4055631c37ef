"""Grad-CAM against finite differences, and maps put where the network looks."""

import numpy as np
import pytest
import torch
from torch import nn

from engine.explain import face_maps, overlay
from engine.explain.columns import columns, named_maps
from engine.explain.grad_cam import grad_cam, last_maps
from engine.explain.maps import class_token_map, interpolation, scaled, to_image
from models import create_model
from models.attention_maps import class_token


class Small(nn.Module):
    """Two branches of convolutions whose maps a head that is not linear joins, in float64."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 3, 3, stride=2), nn.Conv2d(2, 4, 3, stride=2)
        self.head = nn.Linear(7 * 25, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(torch.cat((self.first(x), self.second(x)), dim=1))

    def after(self, maps: torch.Tensor) -> torch.Tensor:
        return self.head(maps.tanh().square().flatten(1)).exp()


def test_grad_cam_agrees_with_finite_differences():
    torch.manual_seed(0)
    model, images = Small().double(), torch.randn(3, 2, 11, 11, dtype=torch.float64)
    classes, step = torch.tensor([2, 0, 1]), 1e-5
    with torch.no_grad():
        maps = torch.cat((model.first(images), model.second(images)), dim=1)
        logits = lambda moved: model.after(moved).gather(1, classes[:, None])[:, 0]  # noqa: E731
        weights = torch.empty(3, 7, dtype=torch.float64)
        for k in range(7):
            moved = torch.zeros_like(maps)
            moved[:, k] = step / 25  # the mean of the derivatives by the 25 places is that by a shift of all of them / 25
            weights[:, k] = (logits(maps + moved) - logits(maps - moved)) / (2 * step)
        expected = (weights[:, :, None, None] * maps).sum(dim=1).clamp(min=0)
    assert 0 < (expected > 0).double().mean() < 1
    found = grad_cam(model, images, [model.first, model.second], classes)
    assert (found - expected).abs().max() < 1e-8 * expected.max()
    predicted = grad_cam(model, images, [model.first, model.second])
    assert torch.equal(predicted, grad_cam(model, images, [model.first, model.second], model(images).argmax(dim=1)))


class Repeated(Small):
    """One layer that gives its map twice, of which the last counts, and what follows it changes the map in place."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.first(x)
        return self.after(torch.cat((self.first(x).mul_(1), self.second(x)), dim=1))


def test_grad_cam_of_a_layer_that_runs_twice_and_is_changed_in_place():
    torch.manual_seed(0)
    model, images = Repeated().double(), torch.randn(3, 2, 11, 11, dtype=torch.float64)
    found = grad_cam(model, images, [model.first])
    model.__class__ = Small
    assert torch.equal(found, grad_cam(model, images, [model.first])) and found.any()


def test_the_last_map_is_found_by_running_the_network():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    images = torch.randn(2, 2, 9, 9)
    assert last_maps(model.eval(), images) == ("1",)
    assert last_maps(nn.Sequential(nn.Flatten(), nn.Linear(162, 2)), images) == ()
    assert grad_cam(model, images, [model[1]]).shape == (2, 7, 7)


def test_grad_cam_leaves_the_network_as_it_was():
    model = Small()
    model.second.requires_grad_(False)
    with torch.inference_mode():
        grad_cam(model, torch.randn(2, 2, 11, 11), [model.first])
    assert [p.requires_grad for p in model.parameters()] == [True, True, False, False, True, True]
    assert all(p.grad is None for p in model.parameters()) and not model.first._forward_hooks


def test_interpolation_puts_a_cell_on_its_centre():
    weights = interpolation(torch.tensor([2.0, 6.0, 10.0]), 14)
    assert torch.equal(weights.sum(dim=1), torch.ones(14))
    assert weights[:, 1].tolist() == [0, 0, 0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0]
    assert weights[:3, 0].tolist() == [1, 1, 1] and weights[10:, 2].tolist() == [1, 1, 1, 1]


@pytest.fixture(scope="module")
def poster():
    torch.manual_seed(0)
    return create_model("poster_v2", 3).eval().requires_grad_(False)


def test_cells_of_a_poster_lie_where_their_gradients_do(poster):
    """The middle of what the token of row 2, column 4 sees, against where its map puts it; half a cell is 8 pixels here."""
    maps = {}
    for name in poster.last_maps:
        poster.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: maps.__setitem__(name, o))
    images = torch.randn(2, 3, 112, 112, requires_grad=True)
    poster(images)
    cells = torch.zeros(1, 7, 7)
    cells[0, 2, 4] = 1
    peak = int(to_image(poster, cells, images).argmax())
    for seen in maps.values():
        (gradient,) = torch.autograd.grad(seen[:, :, 2, 4].square().sum(), images, retain_graph=True)
        weight, places = gradient.square().sum(dim=(0, 1)), torch.arange(112.0)
        row, column = (weight.sum(dim=d) @ places / weight.sum() for d in (1, 0))
        assert abs(row - peak // 112) < 3 and abs(column - peak % 112) < 3
    assert peak == 32 * 112 + 64


def test_attention_to_one_token_lights_one_place(poster, monkeypatch):
    weights = torch.zeros(2, 8, 1, 148)
    weights[0, ..., 1 + 49 + 7 * 1 + 5] = 1  # level 2, row 1, column 5
    weights[1, ..., 1 + 98 + 7 * 6 + 0] = 1  # level 3, row 6, column 0
    monkeypatch.setattr("engine.explain.maps.class_token", lambda model, recorded: class_token(model, weights))
    maps = class_token_map(poster, torch.zeros(2, 3, 224, 224))
    assert [divmod(int(m.argmax()), 224) for m in maps] == [(32, 160), (192, 0)]
    assert maps[0, 32, 160] == 1 and maps[0, 64, 160] == 0 and maps[1, 223, 0] == 1 and maps[1, 192, 32] == 0


@pytest.mark.parametrize("name, row, column", [("deep_emotion", 3, 14), ("deep_emotion_paper", 16, 2)])
def test_cells_of_deep_emotion_lie_where_their_gradients_do(name, row, column):
    torch.manual_seed(0)
    model = create_model(name, 3).eval()
    if name == "deep_emotion":  # turned, smaller and moved, so that a map that is not warped back lies elsewhere
        model.fc_loc[2].bias.data = torch.tensor([0.1, -0.8, 0.1, 0.8, 0.1, -0.05])
    seen = []
    model.get_submodule(*model.last_maps).register_forward_hook(lambda m, i, o: seen.append(o))
    images = torch.randn(64, 1, 48, 48, requires_grad=True)
    model(images)
    (gradient,) = torch.autograd.grad(seen[0][:, :, row, column].square().sum(), images)
    weight, places = gradient.square().sum(dim=(0, 1)), torch.arange(48.0)
    cells = torch.zeros(1, 18, 18)
    cells[0, row, column] = 1
    found = to_image(model, cells, images[:1])[0]
    for d in (1, 0):
        assert abs(weight.sum(dim=d) @ places / weight.sum() - found.sum(dim=d) @ places / found.sum()) < 1


def test_maps_are_between_0_and_1_whatever_they_hold():
    maps = scaled(torch.stack([torch.arange(6.0).view(2, 3) - 9, torch.zeros(2, 3), torch.full((2, 3), 0.1)]))
    assert maps[0].flatten().tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert not maps[1:].any()


@pytest.mark.parametrize("name, size", [("poster_v1_small", 112), ("deep_emotion", 48), ("deep_emotion_paper", 48)])
def test_every_network_has_a_map_a_image(name, size):
    torch.manual_seed(0)
    model = create_model(name, 3)
    images = torch.randn(2, 1 if size == 48 else 3, size, size)
    maps = face_maps(model, images)
    assert maps.shape == (2, size, size) and maps.dtype == torch.float32 and not maps.requires_grad
    assert maps.amin() >= 0 and maps.amax() <= 1
    assert torch.allclose(face_maps(model, images[1:]), maps[1:], atol=1e-4)  # an image's map is its own


def test_columns_and_named_maps(poster):
    torch.manual_seed(0)
    images = torch.randn(2, 3, 112, 112)
    found = columns(poster, images)
    titles = [" ".join(column.heading[:2]) for column in found]
    levels = ["cross-attention level 1, 28²", "cross-attention level 2, 14²", "cross-attention level 3, 7²"]
    assert titles == levels + [f"class token to {k}" for k in ("level 1", "level 2", "level 3", "all levels")] + ["Grad-CAM"]
    assert all(column.maps.shape == (2, 112, 112) and len(column.notes) == 2 for column in found)
    assert found[0].heading[2].startswith("adds 0.00")  # layer scale 1e-5
    torch.testing.assert_close(found[6].maps, face_maps(poster, images), atol=1e-5, rtol=0)
    assert max(c.maps.max() for c in found[3:6]) == 1 and min(c.maps.max() for c in found[3:6]) < 1  # one scale for the three
    assert list(named_maps(poster)) == ["class token", "Grad-CAM"]
    v1 = create_model("poster_v1_small", 3)
    assert [c.heading[0] for c in columns(v1, images)] == ["cross-attention"] * 3 + ["Grad-CAM"]
    assert list(named_maps(v1)) == ["cross-attention", "Grad-CAM"]
    assert list(named_maps(create_model("deep_emotion", 3))) == ["Grad-CAM"]


def test_a_map_over_a_face():
    face = np.full((4, 5, 3), 200, np.uint8)
    heat = np.zeros((4, 5))
    heat[1, 2] = 1
    drawn = overlay(face, heat)
    assert drawn.shape == face.shape and drawn.dtype == np.uint8
    red, green, blue = drawn[1, 2].astype(int)
    assert red > blue and green > blue and drawn[0, 0].sum() < drawn[1, 2].sum()
