"""POSTER V2 against the reference's numbers: logits, stages, losses, gradients and SAM trajectories."""

import pytest
import torch
import torch.nn.functional as F

from engine.training.sam import SAM
from models.poster_v2 import PosterV2
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
MODULES = {  # the reference's stage names -> ours, where the stage is a module's output
    "query_3": "last_face_conv",
    **{f"window_{k}": f"window{k}" for k in (1, 2, 3)},
    **{f"attention_{k}": f"attn{k}" for k in (1, 2, 3)},
    **{f"ffn_{k}": f"ffn{k}" for k in (1, 2, 3)},
    "embedding": "VIT.se_block",
}


@pytest.fixture(scope="module")
def golden():
    return load("poster_v2")


def run_with_stages(model: torch.nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits and every stage of the reference's list, batch first."""
    stages = {}

    def keep(name):
        def hook(_, inputs, output):
            stages[name] = output

        return hook

    for stage, module in MODULES.items():
        model.get_submodule(module).register_forward_hook(keep(stage))
    model.face_landback.register_forward_hook(keep("landmark"))
    model.ir_back.register_forward_hook(keep("image"))
    model.VIT.register_forward_pre_hook(lambda _, inputs: stages.__setitem__("fused_tokens", inputs[0]))
    with torch.no_grad():
        logits = model(images)
        stages["tokens_out"] = model.VIT.encode(stages["fused_tokens"])
    for kind in ("landmark", "image"):
        for level, tensor in enumerate(stages.pop(kind), start=1):
            stages[f"{kind}_{level}"] = tensor
    stages["class_token"] = model.VIT.encode(stages["fused_tokens"], first_only=True)[:, 0].detach()
    return logits, stages


def test_evaluation_equals_the_reference(golden):
    with exact_arithmetic():
        logits, stages = run_with_stages(filled_model("poster_v2", 7).eval(), recipe.images(2))
    assert difference(logits, golden["logits"]) < TOLERANCE
    assert difference(stages["embedding"], golden["embedding"]) < TOLERANCE
    assert_stages_equal(stages, golden, TOLERANCE)


def test_training_pass_equals_the_reference(golden):
    with exact_arithmetic():
        model = filled_model("poster_v2", 7).train()
        logits = model(recipe.images(4))
        loss = F.cross_entropy(logits, recipe.labels(4, 7))
        loss.backward()
    assert difference(logits.detach(), golden["train_logits"]) < TOLERANCE
    assert loss.item() == pytest.approx(golden["loss"], rel=TOLERANCE)
    assert_gradients_equal(model, golden, TOLERANCE)


def test_float32_logits_are_close_to_the_reference(golden):
    with exact_arithmetic(torch.float32), torch.no_grad():
        logits = filled_model("poster_v2", 7).eval()(recipe.images(2).float())
        channels_last = filled_model("poster_v2", 7).to(memory_format=torch.channels_last).eval()(recipe.images(2).float())
    assert difference(logits, golden["logits"]) < 1e-4
    assert difference(channels_last, golden["logits"]) < 1e-4


def batch(k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of step k, counted from 0."""
    return recipe.images(4, name=f"batch{k}"), recipe.labels(4, 7, name=f"batch{k}")


def sam_steps(base: type, lr: float, share: bool, count: int) -> tuple[torch.nn.Module, list[list[float]]]:
    """The network after `count` steps and both losses of each.

    share: the landmark branch runs once a step, for both passes.
    """
    model = filled_model("poster_v2", 7).train()
    optimizer = SAM([p for p in model.parameters() if p.requires_grad], base, rho=0.05, lr=lr)
    losses = []
    for k in range(count):
        images, labels = batch(k)
        landmarks = model.landmark_features(images, passes=2) if share else None
        first = F.cross_entropy(model(images, landmarks=landmarks), labels)
        first.backward()
        optimizer.first_step(zero_grad=True)
        second = F.cross_entropy(model(images, landmarks=landmarks), labels)
        second.backward()
        optimizer.second_step(zero_grad=True)
        losses.append([first.item(), second.item()])
    return model, losses


TRAJECTORIES = [
    ("poster_v2_trajectory", torch.optim.Adam, 3.5e-5, True),
    ("poster_v2_trajectory_sgd", torch.optim.SGD, 0.01, False),
]


def test_the_first_sam_step_of_the_trajectory_leads_where_the_references_does():
    """What the whole trajectory below begins with: the second step's first loss is taken at the weights that the first left."""
    name, *how = TRAJECTORIES[0]
    golden = load(name)
    with exact_arithmetic():
        model, losses = sam_steps(*how, count=1)
        with torch.no_grad():
            images, labels = batch(1)
            then = F.cross_entropy(model(images), labels).item()
    assert difference([*losses[0], then], golden["losses"].flatten()[:3]) < TOLERANCE


@pytest.mark.full
@pytest.mark.parametrize(("name", "base", "lr", "share"), TRAJECTORIES)
def test_sam_trajectory_equals_the_reference(name, base, lr, share):
    golden = load(name)
    with exact_arithmetic():
        model, losses = sam_steps(base, lr, share, count=len(golden["losses"]))
        with torch.no_grad():
            logits = model.eval()(recipe.images(2))
    assert difference(losses, golden["losses"]) < TOLERANCE
    assert difference(logits, golden["final_logits"]) < TOLERANCE
    theirs = dict(zip(golden["state_names"], zip(golden["state_norms"], golden["state_sums"])))
    for key, tensor in model.state_dict().items():
        norm, total = theirs[key]
        assert tensor.double().norm().item() == pytest.approx(norm, rel=TOLERANCE, abs=1e-12), key
        assert tensor.double().sum().item() == pytest.approx(total, abs=TOLERANCE * norm + 1e-12), key


def test_keys_are_the_references_without_the_dead_ones():
    model = filled_model("poster_v2", 7)
    kept = [key for key in manifest_keys("poster_v2") if not PosterV2.dead_keys.fullmatch(key)]
    assert set(model.state_dict()) == set(kept)
    assert sum(p.numel() for p in model.parameters()) == 43_753_941
