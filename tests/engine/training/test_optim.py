"""The optimiser's values really act on the weights."""

import copy

import pytest
import torch
from torch import nn

from engine.training.optimizers import OPTIMIZERS, create_optimizer, parameter_groups, restore_optimizer, set_learning_rate
from engine.training.sam import SAM
from models import create_model

OPTIONS = dict(name="sgd", lr=0.1, momentum=0.0, weight_decay=0.0, rho=0.0)


def make(parameters, **options) -> torch.optim.Optimizer:
    return create_optimizer([dict(params=parameters, lr_scale=1.0)], **{**OPTIONS, **options})


def weight(value: float = 1.0) -> nn.Parameter:
    return nn.Parameter(torch.tensor([value], dtype=torch.float64))


def move(parameter: nn.Parameter, optimizer: torch.optim.Optimizer, gradient: float, steps: int = 1) -> float:
    """The parameter's value after `steps` steps under a constant gradient."""
    for _ in range(steps):
        parameter.grad = torch.full_like(parameter, gradient)
        if isinstance(optimizer, SAM):
            optimizer.first_step()
            parameter.grad = torch.full_like(parameter, gradient)
            optimizer.second_step()
        else:
            optimizer.step()
    return parameter.item()


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_sgd_steps_by_rate_times_gradient(rho):
    p = weight()
    assert move(p, make([p], rho=rho), gradient=2.0) == pytest.approx(1 - 0.1 * 2)


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_weight_decay_shrinks_a_weight_without_gradient(rho):
    p = weight()
    assert move(p, make([p], rho=rho, weight_decay=0.5), gradient=0.0) == pytest.approx(1 - 0.1 * 0.5)


@pytest.mark.parametrize("rho", [0.0, 0.05])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_reaches_every_optimiser(name, rho):
    kept, shrunk = weight(), weight()
    assert move(kept, make([kept], name=name, rho=rho), gradient=0.0) == 1
    assert 0 < move(shrunk, make([shrunk], name=name, rho=rho, weight_decay=0.5), gradient=0.0) < 1


def test_adamw_decays_apart_from_the_gradient():
    p = weight()
    assert move(p, make([p], name="adamw", weight_decay=0.5), gradient=0.0) == pytest.approx(1 - 0.1 * 0.5)


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_momentum_changes_the_second_step_of_sgd(rho):
    values = {}
    for momentum in (0.0, 0.9):
        p = weight(0.0)
        optimizer = make([p], rho=rho, momentum=momentum)
        values[momentum] = [move(p, optimizer, gradient=1.0) for _ in range(2)]
    assert values[0.0] == pytest.approx([-0.1, -0.2])
    assert values[0.9] == pytest.approx([-0.1, -0.1 - 0.19])


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize(("momentum", "beta1"), [(0.0, 0.9), (0.5, 0.5)])
def test_momentum_above_zero_replaces_adams_first_beta(name, momentum, beta1):
    p, expected = weight(), weight()
    optimizer = make([p], name=name, momentum=momentum)
    reference = OPTIMIZERS[name]([expected], lr=0.1, weight_decay=0.0, betas=(beta1, 0.999))
    assert optimizer.param_groups[0]["betas"] == (beta1, 0.999)
    for gradient in (1.0, -3.0, 0.5):
        assert move(p, optimizer, gradient) == pytest.approx(move(expected, reference, gradient), rel=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rho_zero_gives_the_plain_optimiser(name):
    assert type(make([weight()], name=name)) is OPTIMIZERS[name]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rho_above_zero_gives_sam_over_the_optimiser(name):
    optimizer = make([weight()], name=name, rho=0.05)
    assert isinstance(optimizer, SAM)
    assert isinstance(optimizer.base_optimizer, OPTIMIZERS[name])


def test_rho_is_the_radius_of_the_first_step():
    p = weight()
    optimizer = make([p], rho=0.25)
    p.grad = torch.full_like(p, 8.0)
    optimizer.first_step()
    assert p.item() == pytest.approx(1.25)


class Parted(nn.ModuleDict):
    trunk = ("VIT.",)


def test_groups_leave_frozen_parameters_out_and_part_the_transformer_from_what_feeds_it():
    model = Parted({name: nn.Linear(1, 1, bias=False) for name in ("VIT", "ir_back", "face_landback")})
    model["face_landback"].requires_grad_(False)
    groups = parameter_groups(model, feature_lr_scale=0.1)
    assert [[p is model[name].weight for p in group["params"]] for group, name in zip(groups, ("VIT", "ir_back"))] == [
        [True]
    ] * 2
    assert [group["lr_scale"] for group in groups] == [1.0, 0.1]


def test_decay_reaches_only_the_layers_that_a_paper_decays():
    model = create_model("deep_emotion_paper", 3)
    optimizer = create_optimizer(parameter_groups(model, 0.1), **{**OPTIONS, "weight_decay": 0.5})
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for key, parameter in model.named_parameters():
        assert decay[id(parameter)] == (0.5 if key.startswith(("fc1.", "fc2.")) else 0), key
    assert {group["lr_scale"] for group in optimizer.param_groups} == {1.0}


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_each_group_learns_at_its_share_of_the_rate(rho):
    fast, slow = weight(), weight()
    groups = [dict(params=[fast], lr_scale=1.0), dict(params=[slow], lr_scale=0.1)]
    optimizer = create_optimizer(groups, **{**OPTIONS, "rho": rho})
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.01])
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.5, 0.05])
    for p in (fast, slow):
        p.grad = torch.ones_like(p)
    (optimizer.base_optimizer if rho else optimizer).step()
    assert [fast.item(), slow.item()] == pytest.approx([0.5, 0.95])


@pytest.mark.parametrize("rho", [0.0, 0.05])
def test_changed_rate_takes_effect(rho):
    p = weight(0.0)
    optimizer = make([p], rho=rho)
    for group in optimizer.param_groups:
        group["lr"] = 0.01
    assert move(p, optimizer, gradient=1.0) == pytest.approx(-0.01)


def test_unknown_optimiser_is_refused():
    with pytest.raises(KeyError):
        make([weight()], name="lion")


@pytest.mark.parametrize("before", [0.0, 0.05])
@pytest.mark.parametrize("after", [0.0, 0.05])
def test_restoring_keeps_moments_and_takes_new_options(before, after):
    p = weight()
    first = make([p], name="adam", rho=before, weight_decay=0.0)
    move(p, first, gradient=1.0, steps=2)
    second = make([p], name="adam", rho=after, weight_decay=0.25)
    restore_optimizer(second, copy.deepcopy(first.state_dict()))
    assert second.param_groups[0]["weight_decay"] == 0.25
    assert second.state_dict()["state"][0]["step"] == 2
    move(p, second, gradient=1.0)
