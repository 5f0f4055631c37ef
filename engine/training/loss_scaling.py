"""Loss scaling for float16, whose smallest numbers are larger than many gradients.

Source: Micikevicius et al., 2018, arXiv:1710.03740, section 3.2.
"""

import torch
from torch import Tensor

_LARGEST, _SMALLEST = 2.0**24, 1.0


class LossScaler:
    """Multiplies the loss before each backward pass, and divides the gradients before anything reads them.

        scaler.scale(loss).backward(); scaler.unscale(optimizer); ...    # of each pass; then SAM's norm and the base step
        too_large = scaler.update(norm)                                  # once a step; do not step where norm is not finite

    precision: what the network runs in; nothing is scaled unless it is float16. The scale is a power of two, so that scaling
    rounds nothing. It doubles after `interval` finite steps in a row and halves after one that is not.
    """

    def __init__(self, precision: torch.dtype, scale: float = 2.0**16, interval: int = 2000):
        self.enabled = precision == torch.float16
        self.factor, self.interval = scale if self.enabled else 1.0, interval
        self.steps = 0  # finite ones since the scale last changed

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to call backward() on."""
        return loss * self.factor if self.enabled else loss

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients of the optimiser's parameters, in place; one that overflowed stays not finite."""
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if self.enabled and gradients:
            torch._foreach_mul_(gradients, 1 / self.factor)

    def update(self, norm: Tensor) -> bool:
        """Take note of the step's gradient norm, not finite where any pass overflowed.

        Returns whether the scale was to blame and was halved; not so at the smallest scale, where the values themselves are
        not finite. Waits for the device, in float16 alone.
        """
        if not self.enabled:
            return False
        if norm.isfinite():
            self.steps += 1
            if self.steps >= self.interval:
                self.factor, self.steps = min(2 * self.factor, _LARGEST), 0
            return False
        too_large = self.factor > _SMALLEST
        self.factor, self.steps = max(self.factor / 2, _SMALLEST), 0
        return too_large

    def state_dict(self) -> dict:
        """For a checkpoint: scale (float) and steps (int)."""
        return {"scale": self.factor, "steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` gave; without scaling nothing is taken over. Raises ValueError for no such state."""
        scale, steps = state.get("scale"), state.get("steps")
        fits = type(scale) is float and _SMALLEST <= scale <= _LARGEST and type(steps) is int and steps >= 0
        if not fits or state.keys() != {"scale", "steps"}:
            raise ValueError("scaler is not the state of a loss scaler")
        if self.enabled:
            self.factor, self.steps = scale, steps
