"""21. POSTER V2 and V1 save the state of SAM itself, which holds the old weights and not the moments of the Adam inside,
and neither schedule nor random state: a resumed run is another run.
"""

import copy

import torch

from engine.training.sam import SAM
from tests.reproduction.cli_runs import metrics, predictions, run, saved, weights


class PublishedSAM(torch.optim.Optimizer):
    """SAM that leaves state_dict to its own class and the moments to the optimiser that it holds."""

    def __init__(self, params, base_optimizer: type[torch.optim.Optimizer], rho: float = 0.05, **options):
        super().__init__(params, dict(rho=rho, **options))
        self.base_optimizer = base_optimizer(self.param_groups, **options)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        norm = torch.stack([p.grad.norm() for p in parameters]).norm()
        for p in parameters:
            self.state[p]["old_p"] = p.clone()
            p.add_(self.param_groups[0]["rho"] * p.grad / (norm + 1e-12))
        self.zero_grad()

    @torch.no_grad()
    def second_step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.state[p]["old_p"])
        self.base_optimizer.step()
        self.zero_grad()

    def load_state_dict(self, state_dict: dict) -> None:
        super().load_state_dict(state_dict)
        self.base_optimizer.param_groups = self.param_groups


def steps(weight: torch.Tensor, optimizer: torch.optim.Optimizer, number: int) -> torch.Tensor:
    """SAM steps on a bowl that is steep in one direction."""
    steepness = torch.tensor([1.0, 100.0])
    for _ in range(number):
        for move in (optimizer.first_step, optimizer.second_step):
            (steepness * weight.square()).sum().backward()
            move()
            weight.grad = None
    return weight.detach().clone()


def whole_and_resumed(kind: type[torch.optim.Optimizer]) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """The weights after 10 steps at once and after 5 and 5 resumed, and the state that was saved between."""
    start = torch.tensor([3.0, -2.0])
    weight = torch.nn.Parameter(start.clone())
    whole = steps(weight, kind([weight], torch.optim.Adam, lr=0.1), 10)
    weight = torch.nn.Parameter(start.clone())
    optimizer = kind([weight], torch.optim.Adam, lr=0.1)
    steps(weight, optimizer, 5)
    state = copy.deepcopy(optimizer.state_dict())
    weight = torch.nn.Parameter(weight.detach().clone())
    optimizer = kind([weight], torch.optim.Adam, lr=0.1)
    optimizer.load_state_dict(state)
    return whole, steps(weight, optimizer, 5), state


def test_the_published_state_lacks_the_moments_and_the_resumed_run_goes_elsewhere():
    whole, resumed, state = whole_and_resumed(PublishedSAM)
    assert [set(entries) for entries in state["state"].values()] == [{"old_p"}]
    assert (whole - resumed).abs().max() > 1e-3


def test_our_sam_goes_on_as_if_it_had_never_stopped():
    whole, resumed, state = whole_and_resumed(SAM)
    assert {"exp_avg", "exp_avg_sq", "step"} <= set(state["state"][0])
    assert torch.equal(whole, resumed)
    assert torch.equal(whole, whole_and_resumed(PublishedSAM)[0])  # the same method where nothing is interrupted


def test_our_resumed_run_equals_the_whole_one_to_the_bit(work, one, two):
    assert saved(one)["rng"] is not None
    assert run("--resume", f"checkpoint/{one}/last.pth", "--epochs", 2, "--run", "halves") == 0
    assert metrics("halves") == metrics(two)  # learning rates included
    assert predictions("halves") == predictions(two)
    first, second = weights("halves"), weights(two)
    assert all(torch.equal(first[key], second[key]) for key in second)
