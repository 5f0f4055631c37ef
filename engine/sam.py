"""Sharpness-aware minimisation around any optimiser.

Source: Foret et al., 2021, arXiv:2010.01412, algorithm 1; adaptive: Kwon et al., 2021, arXiv:2102.11600, eq. 4.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

_TINY = 1e-12  # keeps a vanishing gradient norm from dividing by zero; the published runs used this value


class SAM(torch.optim.Optimizer):
    """Two gradients a step: climb to w + ρ·g/‖g‖, then let the base optimiser step from w with the gradient there.

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

    @torch.no_grad()
    def first_step(self, zero_grad: bool = False) -> None:
        """Move every parameter that has a gradient to w + ε, ε = ρ·g/(‖g‖ + 1e-12), and remember w.

        Raises RuntimeError where no parameter has a gradient.
        """
        norm = self._gradient_norm()
        for group in self.param_groups:
            for p in _with_gradient(group):
                self.state[p]["old_p"] = p.clone()
                direction = p.square() * p.grad if group["adaptive"] else p.grad
                p.add_(direction * (group["rho"] / (norm + _TINY)).to(p))
        if zero_grad:
            self.zero_grad()

    @torch.no_grad()
    def second_step(self, zero_grad: bool = False) -> None:
        """Back to w, then one step of the base optimiser with the gradient found at w + ε."""
        for group in self.param_groups:
            for p in group["params"]:
                if "old_p" in self.state[p]:
                    p.copy_(self.state[p].pop("old_p"))
        self.base_optimizer.step()
        if zero_grad:
            self.zero_grad()

    def _gradient_norm(self) -> Tensor:
        """L2 norm over the gradients of all groups, scaled by |w| where adaptive."""
        norms = [
            torch.linalg.vector_norm(p.abs() * p.grad if group["adaptive"] else p.grad)
            for group in self.param_groups
            for p in _with_gradient(group)
        ]
        if not norms:
            raise RuntimeError("SAM's first step needs gradients: call backward() before it")
        return torch.linalg.vector_norm(torch.stack([n.to(norms[0]) for n in norms]))

    def state_dict(self) -> dict:
        """The base optimiser's state, its moments included; ρ and adaptive are in its parameter groups."""
        return self.base_optimizer.state_dict()

    def load_state_dict(self, state_dict: dict) -> None:
        """Restore what `state_dict` gave."""
        self.base_optimizer.load_state_dict(state_dict)
        self.param_groups = self.base_optimizer.param_groups


def _with_gradient(group: dict) -> list[Tensor]:
    return [p for p in group["params"] if p.grad is not None]
