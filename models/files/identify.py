"""Which network a bare state dict is of, by the names and shapes that it holds: each network's class is asked.

A network's `identify(state, **fixed)`, a classmethod that gets the `fixed` arguments of its name, returns an `Identity`
where the keys are its own and None otherwise.
"""

from dataclasses import dataclass, field

from torch import Tensor

from models import MODELS
from models.errors import WeightsError

MOST_OUTPUTS = 10_000  # of a file that anyone may have written: a network of so many is still built at once


@dataclass(frozen=True)
class Identity:
    """The number of outputs of a bare file's network, the options that its keys imply, and the channel order that the
    published code reads images in."""

    num_outputs: int
    options: dict = field(default_factory=dict)
    channel_order: str = "rgb"


def identify(state: dict[str, Tensor]) -> tuple[str, Identity]:
    """The name, for `create_model`, of the network whose weights `state` holds, keys without `module.`, and its identity.

    Raises WeightsError where no network that its keys identify has such keys, naming those.
    """
    asked = {}
    for name, architecture in MODELS.items():
        ask = getattr(architecture.make, "identify", None)
        if ask:
            found = ask(state, **architecture.fixed)
            if found:
                return name, found
            asked[architecture.title or name] = True
    raise WeightsError(f"holds no network known here (none of {', '.join(asked)} by its keys)")


def head_of(state: dict[str, Tensor], name: str) -> tuple[str, int]:
    """The kind and the outputs of the head `name` (models.parts.heads). Raises WeightsError where it is none known here.

    A margin head without AdaFace's statistics is taken as CosFace: ArcFace stores the same keys, and without labels both
    compute the same.
    """
    if f"{name}.linear.weight" in state:
        return "linear", outputs_of(state[f"{name}.linear.weight"], 0)
    if f"{name}.kernel" in state:
        return "adaface" if f"{name}.batch_mean" in state else "cosface", outputs_of(state[f"{name}.kernel"], 1)
    raise WeightsError(f"has no head known here (neither {name}.linear.weight nor {name}.kernel among its keys)")


def outputs_of(weight: Tensor, dimension: int = 0) -> int:
    """The outputs of a head with this weight, which are along `dimension`. Raises WeightsError where it is no classifier's."""
    if weight.dim() != 2 or not 2 <= weight.shape[dimension] <= MOST_OUTPUTS:
        raise WeightsError(f"its head has the shape {tuple(weight.shape)}, which is no classifier's")
    return weight.shape[dimension]
