"""Recorded attention: the weights of the forward itself, and the places that they are about."""

import pytest
import torch
import torch.nn.functional as F

from models import create_model
from models.attention_maps import class_token, class_token_layer, cross_attention, cross_attention_layers, recording
from models.cpu.attention_tap import is_recording


@pytest.fixture(scope="module", params=["poster_v2", "poster_v1_small"])
def exact(request):
    """A network in float64 whose attention is far from even, and two images."""
    torch.manual_seed(0)
    model = create_model(request.param, 4).eval().requires_grad_(False).double()
    for name, parameter in model.named_parameters():
        if name.endswith(("qkv.weight", "kv.weight")):
            parameter[: -parameter.shape[1]] *= 20 if "VIT" in name else 100  # not the values
        elif name.endswith("relative_position_bias_table"):
            parameter.mul_(50)
    return model, torch.randn(2, 3, 112, 112, dtype=torch.float64)


def from_weights(name: str, layer: torch.nn.Module, inputs: tuple, weights: torch.Tensor) -> torch.Tensor:
    """What the layer gives for `inputs`, from its recorded weights and its values, written out."""
    tokens = inputs[0]
    B, N, C = tokens.shape
    projection = layer.kv if hasattr(layer, "kv") else layer.qkv  # the values are the last of its outputs
    values = F.linear(tokens, projection.weight[-C:], projection.bias[-C:]).view(B, N, weights.shape[1], -1)
    mixed = torch.einsum("bhnm,bmhd->bnhd", weights, values).reshape(B, -1, C)
    return F.linear(mixed, layer.proj.weight, layer.proj.bias)


def test_every_output_follows_from_the_recorded_weights(exact):
    model, images = exact
    seen = {}
    for name, layer in model.named_modules():
        if hasattr(layer, "proj") and (hasattr(layer, "kv") or hasattr(layer, "qkv")):
            layer.register_forward_hook(lambda m, i, o, name=name: seen.__setitem__(name, (m, i, o)))
    plain = model(images)
    with recording(model) as weights:
        logits = model(images)
    assert torch.equal(plain, logits)
    assert weights.keys() == seen.keys() and len(seen) == (5 if class_token_layer(model) else 24)
    for name, (layer, inputs, output) in seen.items():
        assert (weights[name].sum(dim=-1) - 1).abs().max() < 1e-12 and weights[name].min() >= 0
        assert weights[name].std() > 0.05 / weights[name].shape[-1], f"{name} is even: the test would prove nothing"
        expected = from_weights(name, layer, inputs, weights[name])
        assert (output - expected).abs().max() <= 1e-9 * output.abs().max(), name


def test_only_what_is_asked_for_is_kept_and_nothing_afterwards():
    model = create_model("poster_v2", 3).eval()
    layer = class_token_layer(model)
    with torch.no_grad(), recording(model, [layer]) as weights:
        model(torch.zeros(2, 3, 112, 112))
    assert {name: w.shape for name, w in weights.items()} == {layer: (2, 8, 1, 148)}
    kept = weights[layer].clone()
    with torch.no_grad():
        model(torch.ones(2, 3, 112, 112))
    assert torch.equal(weights[layer], kept)
    with pytest.raises(ValueError, match="POSTER takes"), recording(model):
        model(torch.zeros(1))
    with pytest.raises(RuntimeError), recording(model):
        model.attn1(torch.zeros(1, 784, 64), torch.zeros(1, 65, 28, 28))
    assert not is_recording()


def test_tokens_are_the_levels_one_after_the_other_in_rows():
    model = create_model("poster_v2", 3).eval()
    seen = {}
    for name in ("embed_q", "embed_k", "embed_v"):
        model.get_submodule(name).register_forward_hook(lambda m, i, o, name=name: seen.__setitem__(name, o))
    model.VIT.register_forward_pre_hook(lambda m, inputs: seen.__setitem__("tokens", inputs[0]))
    with torch.no_grad():
        model(torch.randn(1, 3, 112, 112))
    for level, name in enumerate(("embed_q", "embed_k", "embed_v")):
        for row, column in ((0, 0), (2, 5), (6, 1)):
            token = 49 * level + 7 * row + column
            assert torch.equal(seen["tokens"][0, token], seen[name][0, :, row, column])
            weights = torch.zeros(1, 8, 1, 148)
            weights[..., 1 + token] = 1
            assert class_token(model, weights).nonzero().tolist() == [[0, level, row, column]]


def test_cross_attention_counts_what_each_place_receives():
    model = create_model("poster_v2", 3)
    weights = {f"attn{k}": torch.zeros(1, heads, n, n) for k, heads, n in ((1, 2, 784), (2, 4, 196), (3, 8, 49))}
    for name, (row, column, side) in {"attn1": (27, 3, 28), "attn2": (0, 13, 14), "attn3": (4, 2, 7)}.items():
        weights[name][..., row * side + column] = 1  # all queries look at one key
        weights[name][:, 0, 0] = 1 / side**2  # but one query of one head, which looks everywhere
    for cells, (row, column) in zip(cross_attention(model, weights), ((27, 3), (0, 13), (4, 2))):
        assert cells.flatten().argmax() == row * cells.shape[2] + column
        assert cells.sum().item() == pytest.approx(1, abs=1e-5)


def test_of_v1_only_landmark_tokens_have_places():
    model = create_model("poster_v1_small", 3)
    assert class_token_layer(model) is None
    names = cross_attention_layers(model)
    assert [len(level) for level in names] == [4, 4, 4] and all(n.endswith("attn_lm") for level in names for n in level)
    weights = {name: torch.full((1, 8, 50, 50), 0.0) for level in names for name in level}
    for w in weights.values():
        w[..., 1 + 7 * 3 + 5], w[..., 0] = 0.75, 0.25
    for cells in cross_attention(model, weights):
        assert cells.nonzero().tolist() == [[0, 3, 5]] and cells[0, 3, 5] == 0.75
    assert cross_attention_layers(create_model("deep_emotion", 3)) == ()
