"""Optimiser and learning rate from names and values."""

from collections.abc import Iterable

import torch

from engine.sam import SAM

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def create_optimizer(
    params: Iterable, name: str, lr: float, momentum: float, weight_decay: float, rho: float
) -> torch.optim.Optimizer:
    """SAM over the optimiser `name`, or that optimiser alone where rho is 0.

    momentum: SGD's; for Adam and AdamW a value above 0 replaces β1 (0.9). Parameters without gradient are left out.
    """
    options = dict(lr=lr, weight_decay=weight_decay)
    if name == "sgd":
        options["momentum"] = momentum
    elif momentum > 0:
        options["betas"] = (momentum, 0.999)
    params = [p for p in params if p.requires_grad]
    if rho > 0:
        return SAM(params, OPTIMIZERS[name], rho=rho, **options)
    return OPTIMIZERS[name](params, **options)
