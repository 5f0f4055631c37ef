"""Optimiser and learning rate from names and values."""

import torch
from torch import Tensor, nn

from engine.checkpoints.values import NUMBERS, is_count, is_plain, items_of
from engine.training.sam import SAM
from models import contract
from models.files.checkpoint_content import DICTS
from models.files.weights import require_finite
from models.files.wording import is_name

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
_MOMENTS = (set(), {"step", "exp_avg", "exp_avg_sq"}, {"momentum_buffer"})  # of Adam and AdamW, of SGD


def parameter_groups(model: nn.Module, feature_lr_scale: float) -> list[dict]:
    """The parameters that are not frozen: the network's trunk (`trunk` of models.contract), then all that feeds it.

    feature_lr_scale: rate of the features as a fraction of the trunk's; kept as the group's `lr_scale`. Where the network
    names the layers that weight decay is for (`decayed`, likewise), the others are in groups without any.
    """
    groups, trunk, decayed = {}, contract.trunk(model), contract.decayed(model)
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            feature = not key.startswith(trunk)
            exempt = not key.startswith(decayed)
            group = groups.setdefault((feature, exempt), dict(params=[], lr_scale=feature_lr_scale if feature else 1.0))
            group["params"].append(parameter)
            if exempt:
                group["weight_decay"] = 0.0
    return [groups[kind] for kind in sorted(groups)]


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every group `lr` times its own `lr_scale`."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"]


def require_state(state: dict) -> None:
    """Raises ValueError where no optimiser here could have written `state`; WeightsError where its moments are not finite."""
    moments, groups = state.get("state"), state.get("param_groups")
    _require(set(state) == {"state", "param_groups"} and type(moments) in DICTS, "optimizer is no optimiser's state")
    _require(type(groups) is list and all(type(group) in DICTS for group in groups), "optimizer has no parameter groups")
    numbers = []
    for group in groups:
        of_group = group.get("params")
        _require(type(of_group) is list and all(map(is_count, of_group)), "optimizer's params are no numbers")
        numbers += of_group
        options = [items_of(value) for name, value in group.items() if name != "params"]
        fits = all(map(is_name, group)) and all(is_plain(item) for items in options for item in items)
        _require(fits, "optimizer has options that are no numbers")
    _require(len(set(numbers)) == len(numbers) and set(moments) <= set(numbers), "optimizer has moments of no parameter")
    tensors = {}
    for number, of_one in moments.items():
        _require(type(of_one) in DICTS and set(of_one) in _MOMENTS, "optimizer holds moments of no known optimiser")
        step = of_one.get("step", 0)
        fits = type(step) in NUMBERS or (isinstance(step, Tensor) and step.numel() == 1)
        _require(fits and 0 <= float(step) < 2**53, "optimizer has a step that is no count")
        named = {name: value for name, value in of_one.items() if name != "step" and value is not None}
        _require(all(isinstance(value, Tensor) for value in named.values()), "optimizer holds moments that are no tensors")
        tensors |= {f"{name} of parameter {number}": value for name, value in named.items()}
    require_finite(tensors)


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise ValueError(text)


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict) -> None:
    """Load the moments that `state` holds; rates, decay and radius stay those that `optimizer` was made with.

    Raises ValueError or KeyError where `state` is of other parameters.
    """
    options = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    # a fused optimiser keeps its counts on the GPU, another one on the host: the new one's form decides where they are put
    form = {"fused": options[0].get("fused")} if options else {}
    optimizer.load_state_dict({**state, "param_groups": [{**group, **form} for group in state["param_groups"]]})
    for group, own in zip(optimizer.param_groups, options):
        group.update(own)
    for parameter, moments in getattr(optimizer, "base_optimizer", optimizer).state.items():
        for name, value in moments.items():
            if name != "step" and isinstance(value, Tensor) and value.shape != parameter.shape:
                raise ValueError(f"{name} has the shape {tuple(value.shape)} instead of {tuple(parameter.shape)}")


def create_optimizer(
    groups: list[dict], name: str, lr: float, momentum: float, weight_decay: float, rho: float, fused: bool = False
) -> torch.optim.Optimizer:
    """SAM over the optimiser `name`, or that optimiser alone where rho is 0, on `parameter_groups`.

    momentum: SGD's; for Adam and AdamW a value above 0 replaces β1 (0.9). fused: one kernel for all parameters of a GPU; on a
    CPU it rounds otherwise than the usual form, and is not used.
    """
    options = dict(lr=lr, weight_decay=weight_decay, fused=fused or None)
    if name == "sgd":
        options["momentum"] = momentum
    elif momentum > 0:
        options["betas"] = (momentum, 0.999)
    sam = rho > 0
    optimizer = SAM(groups, OPTIMIZERS[name], rho=rho, **options) if sam else OPTIMIZERS[name](groups, **options)
    set_learning_rate(optimizer, lr)
    return optimizer
