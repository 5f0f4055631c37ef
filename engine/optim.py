"""Optimiser and learning rate from names and values."""

import torch
from torch import nn

from engine.sam import SAM

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def parameter_groups(model: nn.Module, feature_lr_scale: float) -> list[dict]:
    """The parameters that are not frozen: those of the transformer (`VIT`), and of everything that feeds it.

    feature_lr_scale: rate of the second group as a fraction of the first's; kept as the group's `lr_scale`.
    """
    transformer, features = [], []
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            (transformer if key.startswith("VIT.") else features).append(parameter)
    scaled = ((transformer, 1.0), (features, feature_lr_scale))
    return [dict(params=params, lr_scale=scale) for params, scale in scaled if params]


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group `lr` times its own `lr_scale`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict) -> None:
    """Load the moments that `state` holds; rates, decay and radius stay those that `optimizer` was made with.

    Raises ValueError or KeyError where `state` is of other parameters.
    """
    options = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, own in zip(optimizer.param_groups, options):
        group.update(own)


def create_optimizer(
    groups: list[dict], name: str, lr: float, momentum: float, weight_decay: float, rho: float
) -> torch.optim.Optimizer:
    """SAM over the optimiser `name`, or that optimiser alone where rho is 0, on `parameter_groups`.

    momentum: SGD's; for Adam and AdamW a value above 0 replaces β1 (0.9).
    """
    options = dict(lr=lr, weight_decay=weight_decay)
    if name == "sgd":
        options["momentum"] = momentum
    elif momentum > 0:
        options["betas"] = (momentum, 0.999)
    sam = rho > 0
    optimizer = SAM(groups, OPTIMIZERS[name], rho=rho, **options) if sam else OPTIMIZERS[name](groups, **options)
    set_learning_rate(optimizer, lr)
    return optimizer
