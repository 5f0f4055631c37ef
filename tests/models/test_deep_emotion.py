"""Deep-Emotion against the reference's numbers, the paper's form by its description, and what both refuse."""

import pytest
import torch
import torch.nn.functional as F

from models import create_model
from tests.golden_values import (
    assert_gradients_equal,
    assert_stages_equal,
    difference,
    exact_arithmetic,
    filled_model,
    load,
    manifest_keys,
    recipe,
)

TOLERANCE = 1e-9
NAMES = ("deep_emotion", "deep_emotion_paper")


def images(batch: str = "images") -> torch.Tensor:
    return recipe.images(4, size=48, channels=1, name=batch)


def run_with_stages(model: torch.nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits and every stage of the reference's list."""
    stages = {}
    for stage, name in (("localization", "localization"), ("theta", "fc_loc"), ("conv1", "conv1"), ("conv3", "conv3"),
                        ("norm", "norm"), ("conv2", "conv2")):  # fmt: skip
        model.get_submodule(name).register_forward_hook(lambda _, i, output, stage=stage: stages.__setitem__(stage, output))
    model.conv1.register_forward_pre_hook(lambda _, inputs: stages.__setitem__("warped", inputs[0]))
    model.fc2.register_forward_pre_hook(lambda _, inputs: stages.__setitem__("embedding", inputs[0]))
    with torch.no_grad():
        logits = model(images)
    stages["pool2"] = F.max_pool2d(stages.pop("conv2"), 2)
    stages["pool4"] = F.max_pool2d(stages["norm"], 2)
    return logits, stages


def test_evaluation_equals_the_reference():
    golden = load("deep_emotion")
    with exact_arithmetic():
        logits, stages = run_with_stages(filled_model("deep_emotion", 7).eval(), images())
    assert difference(logits, golden["logits"]) < TOLERANCE
    assert difference(stages["embedding"], golden["embedding"]) < TOLERANCE
    assert difference(stages["theta"], golden["theta"]) < TOLERANCE
    assert_stages_equal(stages, golden, TOLERANCE)


def test_training_pass_equals_the_reference():
    golden = load("deep_emotion")
    with exact_arithmetic():
        model = filled_model("deep_emotion", 7).train()
        logits = model(images())
        loss = F.cross_entropy(logits, recipe.labels(4, 7))
        loss.backward()
    assert difference(logits.detach(), golden["train_logits"]) < TOLERANCE
    assert loss.item() == pytest.approx(golden["loss"], rel=TOLERANCE)
    assert_gradients_equal(model, golden, TOLERANCE)


def test_trajectory_equals_the_reference_as_far_as_it_is_determined():
    golden = load("deep_emotion_trajectory")
    with exact_arithmetic():
        model = filled_model("deep_emotion", 7).train()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
        losses = []
        for k in range(5):
            loss = F.cross_entropy(model(images(f"batch{k}")), recipe.labels(4, 7, name=f"batch{k}"))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            logits = model.eval()(images())
    for loss, expected, tolerance in zip(losses, golden["losses"][:, 0], (1e-9, 1e-9, 1e-9, 1e-6, 1e-4)):
        assert loss == pytest.approx(expected, rel=tolerance)
    assert difference(logits, golden["final_logits"]) < 1e-4
    theirs = dict(zip(golden["state_names"], zip(golden["state_norms"], golden["state_sums"])))
    state = model.state_dict()
    assert set(state) == set(theirs)
    for key, tensor in state.items():
        norm, total = theirs[key]
        assert tensor.double().norm().item() == pytest.approx(norm, rel=1e-6), key
        assert tensor.double().sum().item() == pytest.approx(total, abs=1e-4 * norm), key


def test_float32_logits_are_close_to_the_reference():
    with exact_arithmetic(torch.float32), torch.no_grad():
        logits = filled_model("deep_emotion", 7).eval()(images().float())
    assert difference(logits, load("deep_emotion")["logits"]) < 1e-4


def test_keys_are_the_references():
    assert list(create_model("deep_emotion", 7).state_dict().keys() ^ set(manifest_keys("deep_emotion"))) == []
    assert sum(p.numel() for p in create_model("deep_emotion", 7).parameters()) == 66_877


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_transformer_is_the_identity(name):
    model = create_model(name, 3).eval()
    x = torch.rand(2, 1, 48, 48)
    torch.testing.assert_close(model.warp(x, x), x)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_acts_in_training_and_not_in_evaluation(name):
    model, x = create_model(name, 3), torch.rand(4, 1, 48, 48)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


@pytest.mark.parametrize("name", NAMES)
def test_other_images_are_refused_by_their_shape(name):
    for shape in ((1, 3, 48, 48), (1, 1, 224, 224)):
        with pytest.raises(ValueError, match=r"\(B, 1, 48, 48\)"):
            create_model(name, 3)(torch.zeros(shape))


def test_the_papers_form_has_the_layers_that_it_describes():
    model = create_model("deep_emotion_paper", 7).train()
    shapes = {}
    for name in ("localization", "fc_loc", "conv4", "fc1"):
        model.get_submodule(name).register_forward_hook(lambda _, i, o, name=name: shapes.__setitem__(name, tuple(o.shape[1:])))
    model(torch.rand(4, 1, 48, 48)).sum().backward()
    assert shapes == {"localization": (10, 10, 10), "fc_loc": (6,), "conv4": (10, 18, 18), "fc1": (50,)}
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    assert all(p.grad is not None for p in model.parameters())


def test_the_papers_form_warps_the_features_and_not_the_image():
    model, x = create_model("deep_emotion_paper", 7).eval(), torch.rand(2, 1, 48, 48)
    seen = []
    model.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        before = model(x)
        model.fc_loc[2].bias += 0.3
        assert not torch.allclose(model(x), before)
    assert all(torch.equal(s, x) for s in seen)


def test_in_bfloat16_the_places_of_the_warp_are_those_of_float32():
    torch.manual_seed(0)
    model, images = create_model("deep_emotion", 3).eval(), torch.randn(2, 1, 48, 48)
    torch.nn.init.normal_(model.fc_loc[-1].weight, std=0.1)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        short = model.affine(images)
    with torch.no_grad():
        assert torch.equal(short, model.affine(images))  # off by 0.1 pixels when they were rounded
