"""Which network a bare state dict is of, by the names and shapes that it holds."""

import re
from dataclasses import dataclass, field

from torch import Tensor

from models import MODELS
from models.errors import WeightsError

MOST_OUTPUTS = 10_000  # of a file that anyone may have written: a network of so many is still built at once


@dataclass(frozen=True)
class Identity:
    """A network by its name for `create_model`, the options that its keys tell, and its number of outputs."""

    model: str
    num_outputs: int
    options: dict = field(default_factory=dict)


def identify(state: dict[str, Tensor]) -> Identity:
    """The network whose weights `state` holds, by its own names, as models.wrappers gives them.

    A margin head without AdaFace's statistics is taken as CosFace: ArcFace stores the same keys, and without labels both
    compute the same. Raises WeightsError where no known network has such keys.
    """
    if "VIT.cls_token" in state:
        head, outputs = _head(state, "VIT.head")
        return Identity("poster_v2", outputs, {"head": head})
    if "pyramid_fuse.pos_embed" in state:
        blocks = {match[1] for match in (re.match(r"pyramid_fuse\.blocks\.(\d+)\.", key) for key in state) if match}
        depths = {architecture.fixed.get("depth"): name for name, architecture in MODELS.items()}
        if len(blocks) not in depths:
            raise WeightsError(f"holds a POSTER V1 of {len(blocks)} blocks; known: {sorted(filter(None, depths))}")
        head, outputs = _head(state, "head")
        variant = "rafdb" if "pyramid_fuse.blocks.0.block_l.conv.weight" in state else "affectnet"
        return Identity(depths[len(blocks)], outputs, {"head": head, "variant": variant})
    if "localization.0.weight" in state and "fc2.weight" in state:
        name = "deep_emotion" if "norm.weight" in state else "deep_emotion_paper"
        return Identity(name, _size(state["fc2.weight"], 0))
    raise WeightsError("holds no network known here (none of POSTER V2, POSTER V1, Deep-Emotion by its keys)")


def _head(state: dict[str, Tensor], name: str) -> tuple[str, int]:
    if f"{name}.linear.weight" in state:
        return "linear", _size(state[f"{name}.linear.weight"], 0)
    if f"{name}.kernel" in state:
        return "adaface" if f"{name}.batch_mean" in state else "cosface", _size(state[f"{name}.kernel"], 1)
    raise WeightsError(f"has no head known here (neither {name}.linear.weight nor {name}.kernel among its keys)")


def _size(weight: Tensor, dimension: int) -> int:
    if weight.dim() != 2 or not 2 <= weight.shape[dimension] <= MOST_OUTPUTS:
        raise WeightsError(f"its head has the shape {tuple(weight.shape)}, which is no classifier's")
    return weight.shape[dimension]
