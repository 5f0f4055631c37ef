"""Published weight files: exact loading, every naming of the backbones, and refusals that name keys."""

import json

import pytest
import torch

from models import create_model
from models.errors import WeightsError
from models.files.weights import IR50_FILE, MOBILEFACENET_FILE, load_exact, load_pretrained
from models.poster_v2 import PosterV2
from tests.golden_values import FOLDER

DEAD = PosterV2.dead_keys


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """A state dict with every key and shape of the published 7-class network (the dead ones as empty expansions)."""
    keys = json.loads((FOLDER / "poster_v2.keys.json").read_text())["keys"]
    own = create_model("poster_v2", 7).state_dict()
    return {k: own[k] if k in own else torch.zeros(()).expand(shape) for k, shape, _ in keys}


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return create_model("poster_v2", 7)


def backbone(published: dict, prefix: str) -> dict:
    return {k.removeprefix(prefix): v for k, v in published.items() if k.startswith(prefix)}


def original_names(state: dict) -> dict:
    """Ours (body1/2/3.N) -> the original's single body, with its fourth stage."""
    first = {"body1": 0, "body2": 3, "body3": 7}
    renamed = {}
    for key, value in state.items():
        stage, _, rest = key.partition(".")
        if stage in first:
            block, _, tail = rest.partition(".")
            key = f"body.{first[stage] + int(block)}.{tail}"
        renamed[key] = value
    return renamed | {f"body.{n}.res_layer.1.weight": torch.zeros(1) for n in (21, 22, 23)}


def test_published_state_loads_and_names_what_it_drops(published, model):
    for prefix in ("", "module."):
        report = load_exact(model, {prefix + k: v for k, v in published.items()}, DEAD)
        assert report.loaded == len(model.state_dict())
        assert report.loaded + len(report.dropped) == len(published) == 747
        assert not set(report.dropped) & set(model.state_dict())


def test_dead_keys_of_the_manifest_are_all_known():
    manifest = json.loads((FOLDER / "poster_v2.keys.json").read_text())
    assert all(DEAD.fullmatch(key) for key in manifest["dead_keys"])


def test_missing_unexpected_and_mis_shaped_keys_are_named_and_nothing_is_loaded(published, model):
    before = model.conv1.weight.clone()
    for change, words in (
        ({"conv2.bias": None}, "1 missing: conv2.bias"),
        ({"conv9.bias": torch.zeros(1)}, "1 unexpected: conv9.bias"),
        ({"conv2.bias": torch.zeros(5)}, r"1 mis-shaped: conv2.bias \(5,\) instead of \(128,\)"),
    ):
        state = {k: v for k, v in (published | change | {"conv1.weight": before + 1}).items() if v is not None}
        with pytest.raises(WeightsError, match=words):
            load_exact(model, state, DEAD)
        assert torch.equal(model.conv1.weight, before)


@pytest.mark.parametrize("name", ["model", "net", "network"])
def test_a_network_that_holds_all_in_what_a_wrapper_is_called_loads(name):
    inner = torch.nn.Sequential(torch.nn.Linear(3, 2))
    network = torch.nn.Module()
    setattr(network, name, inner)
    state = {key: value + 1 for key, value in network.state_dict().items()}
    assert load_exact(network, state).loaded == 2 and torch.equal(inner[0].bias, state[f"{name}.0.bias"])


def test_index_tables_of_another_architecture_are_refused(published, model):
    table = published["attn3.relative_position_index"] + 10**6
    with pytest.raises(WeightsError, match=r"attn3\.relative_position_index"):
        load_exact(model, published | {"attn3.relative_position_index": table}, DEAD)


@pytest.mark.parametrize("content", [None, {}, [1], {"a": 1}, {1: torch.zeros(1)}])
def test_what_is_no_state_dict_is_refused(content, model):
    with pytest.raises(WeightsError):
        load_exact(model, content)


@pytest.mark.parametrize("names", ["body", "body1-3"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_naming_of_the_image_backbone_loads(names, prefix, wrapped, published, tmp_path):
    state = backbone(published, "ir_back.")
    state = {k: v + 1 if v.is_floating_point() and "output_layer" not in k else v.clone() for k, v in state.items()}
    named = {prefix + k: v for k, v in (original_names(state) if names == "body" else state).items()}
    torch.save({"state_dict": named} if wrapped else named, tmp_path / IR50_FILE)
    model = create_model("poster_v2", 3)
    reports, missing = load_pretrained(model, tmp_path)
    assert missing == (MOBILEFACENET_FILE,)
    assert reports[IR50_FILE].loaded == len(model.ir_back.state_dict())
    assert ("body.21.res_layer.1.weight" in reports[IR50_FILE].dropped) is (names == "body")
    assert "output_layer.3.weight" in reports[IR50_FILE].dropped
    for key, value in model.ir_back.state_dict().items():
        assert torch.equal(value, state[key]), key


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_naming_of_the_landmark_backbone_loads(prefix, wrapped, published, tmp_path):
    state = backbone(published, "face_landback.")
    named = {prefix + k: v for k, v in state.items()}
    torch.save({"epoch": 3, "state_dict": named} if wrapped else named, tmp_path / MOBILEFACENET_FILE)
    model = create_model("poster_v2", 3)
    reports, missing = load_pretrained(model, tmp_path)
    assert missing == (IR50_FILE,)
    assert len(reports[MOBILEFACENET_FILE].dropped) == len([k for k in state if k.startswith("output_layer.")])
    for key, value in model.face_landback.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_a_pretrained_file_that_lacks_a_tensor_is_an_error_naming_file_and_key(published, tmp_path):
    state = backbone(published, "ir_back.")
    del state["body2.1.res_layer.1.weight"]
    torch.save(state, tmp_path / IR50_FILE)
    with pytest.raises(WeightsError, match=rf"{IR50_FILE}.*missing: body2.1.res_layer.1.weight"):
        load_pretrained(create_model("poster_v2", 3), tmp_path)


def test_a_broken_pretrained_file_is_an_error_naming_it(tmp_path):
    (tmp_path / IR50_FILE).write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(WeightsError, match=IR50_FILE):
        load_pretrained(create_model("poster_v2", 3), tmp_path)
