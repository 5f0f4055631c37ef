"""The plain reference that the speed is measured by computes the same numbers: the reference's, and SAM's steps."""

import copy

import pytest
import torch
import torch.nn.functional as F

from benchmarks.plain import PLAIN, SAM, make_plain
from engine.training import sam
from tests.golden_values import assert_gradients_equal, difference, exact_arithmetic, filled_model, load, recipe

TOLERANCE = 1e-9


@pytest.mark.parametrize("name", ["poster_v2", "poster_v1_small"])
def test_plain_evaluation_equals_the_reference(name):
    with exact_arithmetic(), torch.no_grad():
        model = make_plain(filled_model(name, 7)).eval()
        logits = model(recipe.images(2))
    assert difference(logits, load(name)["logits"]) < TOLERANCE
    assert not any(type(module) in PLAIN for module in model.modules())  # every saving is off


def test_plain_training_pass_equals_the_reference():
    golden = load("poster_v2")
    with exact_arithmetic():
        model = make_plain(filled_model("poster_v2", 7)).train()
        loss = F.cross_entropy(model(recipe.images(4)), recipe.labels(4, 7))
        loss.backward()
    assert loss.item() == pytest.approx(golden["loss"], rel=TOLERANCE)
    assert_gradients_equal(model, golden, TOLERANCE)


def test_plain_sam_takes_the_steps_of_ours():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3)).double()
    plain = copy.deepcopy(model)
    ours = sam.SAM(model.parameters(), torch.optim.Adam, rho=0.1, lr=0.01)
    theirs = SAM(plain.parameters(), torch.optim.Adam, rho=0.1, lr=0.01)
    for _ in range(3):
        x = torch.randn(4, 5, dtype=torch.float64)
        for step, plain_step in ((ours.first_step, theirs.first_step), (ours.second_step, theirs.second_step)):
            model(x).square().sum().backward()
            plain(x).square().sum().backward()
            step(zero_grad=True)
            plain_step()
    for p, q in zip(model.parameters(), plain.parameters()):
        torch.testing.assert_close(p, q, rtol=1e-12, atol=0)
