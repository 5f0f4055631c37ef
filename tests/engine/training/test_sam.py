"""SAM against steps worked out by hand, and its state across a save."""

import copy

import pytest
import torch

from engine.training.sam import SAM


def parameter(*values: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))


def quadratic_step(optimizer: SAM, weights: torch.nn.Parameter) -> None:
    """One SAM step on f(w) = w·w / 2, whose gradient is w."""
    (weights.square().sum() / 2).backward()
    optimizer.first_step(zero_grad=True)
    (weights.square().sum() / 2).backward()
    optimizer.second_step(zero_grad=True)


def test_step_equals_the_hand_worked_one():
    w = parameter(3.0, 4.0)
    quadratic_step(SAM([w], torch.optim.SGD, rho=0.5, lr=0.1), w)
    # ε = 0.5 · (3, 4) / 5 = (0.3, 0.4); the gradient there is (3.3, 4.4); w - 0.1 · that
    assert w.tolist() == pytest.approx([2.67, 3.56], rel=1e-12)


def test_adaptive_step_equals_the_hand_worked_one():
    w = parameter(3.0, 4.0)
    quadratic_step(SAM([w], torch.optim.SGD, rho=0.5, adaptive=True, lr=0.1), w)
    # ε = ρ · w² g / ‖|w| g‖ with g = w: (27, 64) · 0.5 / ‖(9, 16)‖
    norm = (81 + 256) ** 0.5
    expected = [3 - 0.1 * (3 + 0.5 * 27 / norm), 4 - 0.1 * (4 + 0.5 * 64 / norm)]
    assert w.tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("zero_grad", [False, True])
def test_step_over_lists_equals_the_step_a_parameter_at_a_time(adaptive, zero_grad):
    torch.manual_seed(0)
    groups = [[torch.nn.Parameter(torch.randn(n, 3)) for n in sizes] for sizes in ((2, 5), (1, 4))]
    optimizer = SAM([{"params": group} for group in groups], torch.optim.SGD, rho=0.7, adaptive=adaptive, lr=0.1)
    params = [p for group in groups for p in group]
    before, gradients = [p.detach().clone() for p in params], [torch.randn_like(p) for p in params]
    for p, gradient in zip(params, gradients):
        p.grad = gradient.clone()
    optimizer.first_step(zero_grad)
    norm = torch.cat([(w.abs() * g if adaptive else g).flatten() for w, g in zip(before, gradients)]).norm()
    for p, w, g in zip(params, before, gradients):
        torch.testing.assert_close(p.detach(), w + 0.7 / norm * (w * w * g if adaptive else g))
        assert p.grad is None if zero_grad else torch.equal(p.grad, g)


def test_norm_spans_all_groups_and_skips_parameters_without_gradient():
    a, b, unused = parameter(3.0), parameter(4.0), parameter(100.0)
    optimizer = SAM([{"params": [a, unused]}, {"params": [b]}], torch.optim.SGD, rho=0.5, lr=0.1)
    ((a.square() + b.square()).sum() / 2).backward()
    optimizer.first_step()
    assert [a.item(), b.item(), unused.item()] == pytest.approx([3.3, 4.4, 100.0], rel=1e-12)


def test_a_zero_gradient_moves_nothing_and_gives_no_nan():
    w = parameter(1.0, 2.0)
    optimizer = SAM([w], torch.optim.SGD, rho=0.5, lr=0.1)
    (0 * w).sum().backward()
    optimizer.first_step()
    assert w.tolist() == [1.0, 2.0]


def test_second_step_starts_from_exactly_the_old_weights():
    w = parameter(0.1, 0.7, 1e9)
    before = w.detach().clone()
    optimizer = SAM([w], torch.optim.SGD, rho=0.3, lr=0.0)
    quadratic_step(optimizer, w)
    assert torch.equal(w, before)


def test_state_holds_the_base_optimisers_moments():
    torch.manual_seed(0)
    w = parameter(3.0, 4.0)
    optimizer = SAM([w], torch.optim.Adam, lr=0.01)
    for _ in range(3):
        quadratic_step(optimizer, w)
    saved, resumed = copy.deepcopy(optimizer.state_dict()), parameter(*w.tolist())
    assert saved["state"][0]["exp_avg"].abs().min() > 0
    again = SAM([resumed], torch.optim.Adam, lr=0.5)
    again.load_state_dict(saved)
    for _ in range(3):
        quadratic_step(optimizer, w)
        quadratic_step(again, resumed)
    assert torch.equal(w, resumed)


def test_learning_rate_set_from_outside_reaches_the_base_optimiser():
    w = parameter(3.0, 4.0)
    optimizer = SAM([w], torch.optim.SGD, rho=0.5, lr=0.1)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    quadratic_step(optimizer, w)
    assert w.tolist() == [3.0, 4.0]


def test_negative_radius_and_missing_gradients_are_refused():
    with pytest.raises(ValueError, match="rho"):
        SAM([parameter(1.0)], torch.optim.SGD, rho=-1, lr=0.1)
    with pytest.raises(RuntimeError, match="backward"):
        SAM([parameter(1.0)], torch.optim.SGD, lr=0.1).first_step()
