"""Sharpness-aware minimisation around any optimiser.

Source: Foret et al., 2021, arXiv:2010.01412, algorithm 1; adaptive: Kwon et al., 2021, arXiv:2102.11600, eq. 4.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

_TINY = 1e-12  # keeps a vanishing gradient norm from dividing by zero; the published runs used this value


class SAM(torch.optim.Optimizer):
    """Two gradients per step: climb to w + ρ·g/‖g‖, then let the base optimiser step from w with the gradient there.

        loss(model(x)).backward(); sam.first_step(zero_grad=True)
        loss(model(x)).backward(); sam.second_step(zero_grad=True)

    params: as for any optimiser. base_optimizer: an optimiser class. rho: radius of the neighbourhood, ≥ 0.
    adaptive: scale the radius by the weights (ASAM). base_options: keyword arguments of base_optimizer.
    Raises ValueError for a negative rho.
    """

    def __init__(
        self,
        params: Iterable,
        base_optimizer: type[torch.optim.Optimizer],
        rho: float = 0.05,
        adaptive: bool = False,
        **base_options,
    ):
        if not rho >= 0:
            raise ValueError(f"rho must be at least 0, not {rho}")
        super().__init__(params, dict(rho=rho, adaptive=adaptive))
        self.base_optimizer = base_optimizer(self.param_groups, **base_options)
        self.param_groups = self.base_optimizer.param_groups  # one learning rate, whoever changes it
        self._rested: list[tuple[Tensor, Tensor]] = []  # between the two steps: each parameter moved, and its w

    @torch.no_grad()
    def first_step(self, zero_grad: bool = False) -> None:
        """Move every parameter that has a gradient to w + ε, ε = ρ·g/(‖g‖ + 1e-12), and remember w.

        With zero_grad w + ε is computed in the gradients' own memory, which then holds the parameters while w rests where it
        is: nothing is copied. Raises RuntimeError where no parameter has a gradient.
        """
        groups = [(group, params) for group in self.param_groups if (params := _with_gradient(group))]
        norm = _gradient_norm(groups)
        for group, params in groups:
            moved = [p.grad if zero_grad else p.grad.clone() for p in params]
            if group["adaptive"]:
                torch._foreach_mul_(moved, torch._foreach_mul(params, params))
            torch._foreach_mul_(moved, (group["rho"] / (norm + _TINY)).to(params[0]))
            torch._foreach_add_(moved, params)
            for p, there in zip(params, moved):
                self._rested.append((p, p.data))
                p.data = there
        if zero_grad:
            self.zero_grad()

    @torch.no_grad()
    def second_step(self, zero_grad: bool = False) -> None:
        """Back to w, then one step of the base optimiser with the gradient found at w + ε."""
        while self._rested:
            p, weights = self._rested.pop()
            p.data = weights
        self.base_optimizer.step()
        if zero_grad:
            self.zero_grad()

    def state_dict(self) -> dict:
        """The base optimiser's state, its moments included; ρ and adaptive are in its parameter groups."""
        return self.base_optimizer.state_dict()

    def load_state_dict(self, state_dict: dict) -> None:
        """Restore what `state_dict` gave."""
        self.base_optimizer.load_state_dict(state_dict)
        self.param_groups = self.base_optimizer.param_groups


def _gradient_norm(groups: list[tuple[dict, list[Tensor]]]) -> Tensor:
    """L2 norm over the gradients of all groups, scaled by |w| where adaptive."""
    norms = []
    for group, params in groups:
        gradients = [p.grad for p in params]
        norms += torch._foreach_norm(torch._foreach_mul(gradients, params) if group["adaptive"] else gradients)
    if not norms:
        raise RuntimeError("SAM's first step needs gradients: call backward() before it")
    return torch.linalg.vector_norm(torch.stack([n.to(norms[0]) for n in norms]))


def _with_gradient(group: dict) -> list[Tensor]:
    return [p for p in group["params"] if p.grad is not None]
