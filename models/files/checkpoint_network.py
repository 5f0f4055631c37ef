"""What a checkpoint's file says of its network, ours or a published one; no code of the file runs.

The format of ours is described in engine.checkpoints.format, which reads the rest of it.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from models import HEADS, MODELS
from models.errors import WeightsError
from models.files.checksum import checksum
from models.files.identify import MOST_OUTPUTS, identify
from models.files.migrate import migrate
from models.files.safe_load import read_untrusted
from models.files.stand_ins import stand_ins
from models.files.weights import require_finite
from models.files.wording import is_text, readable
from models.files.wrappers import Weights, find_weights, unwrapped

FORMAT = "poster-reproduction"
VERSION = 2
DAMAGE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError)  # what garbled content raises
_DICT = (dict, OrderedDict)
_TYPES = {"model": (str,), "model_options": _DICT, "classes": (list,), "state_dict": _DICT, "args": _DICT}
_LONGEST_NAME = 1024


@dataclass(frozen=True)
class NetworkFile:
    """A checkpoint's network: arguments of `create_model`, weights, and what its outputs are called.

    classes: None in a published file. args: settings of its run, {} in a published file; of their values nothing is
    checked. channel_order: of a published file that in which its authors' code reads images. content: all that the file
    holds, ours as the newest version holds it. weights: how a published one stores them.
    """

    model: str
    num_outputs: int
    options: dict
    classes: tuple[str, ...] | None
    state_dict: dict[str, Tensor]
    args: dict
    content: dict
    channel_order: str = "rgb"
    weights: Weights | None = None

    @property
    def dead_keys(self) -> re.Pattern | None:
        """What its weights may hold beside the network's own: of a published file what was stored and never run."""
        return MODELS[self.model].dead_keys if self.classes is None else None


def read_network(path: Path) -> NetworkFile:
    """Read a checkpoint, on the CPU.

    Raises WeightsError with a short reason that does not name the file, or one of DAMAGE where its content is garbled.
    """
    if path.is_dir():
        raise WeightsError("is a folder; name the file in it")
    if not path.is_file():
        raise WeightsError("no such file")
    content = read_untrusted(path, stand_ins())
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"is no checkpoint, it holds a {type(content).__name__}")
    if set(content) == {"state", "param_groups"}:
        raise WeightsError(
            "holds an optimiser's state and no weights, as the published code's 'best' files do; "
            "use the file that it wrote every epoch"
        )
    is_ours = isinstance(content.get("format"), str) and content["format"] == FORMAT
    if not is_ours and content.keys() & {"format", "checksum"}:  # no published file has them
        raise WeightsError("damaged checkpoint, or another program's: its format is unknown")
    network = _ours(content) if is_ours else _published(content)
    dead = network.dead_keys
    require_finite({key: value for key, value in network.state_dict.items() if not (dead and dead.fullmatch(key))})
    return network


def _ours(content: dict) -> NetworkFile:
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise WeightsError("damaged checkpoint: its version is no number")
    if version > VERSION:
        raise WeightsError(f"written by a newer version (format {version}, known up to {VERSION}); update the program")
    if (version > 1 or "checksum" in content) and content.get("checksum") != checksum(content):
        raise WeightsError("damaged: its checksum does not match; use another copy")
    content = migrate(content)
    _check(content)
    classes, state = tuple(content["classes"]), content["state_dict"]
    unwrapped(state)  # raises where it is none; its names stay, for a network of ours may hold all in a `model` or `net`
    return NetworkFile(content["model"], len(classes), content["model_options"], classes, state, content["args"], content)


def _check(content: dict) -> None:
    """Raises WeightsError naming the first of the network's keys that lacks or holds what no checkpoint does."""
    for name, kinds in _TYPES.items():
        if name not in content:
            raise WeightsError(f"damaged checkpoint: it lacks its {name}")
        _require(type(content[name]) in kinds, f"{name} is a {type(content[name]).__name__}")
    model, options, classes = content["model"], content["model_options"], content["classes"]
    if model not in MODELS:
        raise WeightsError(f"holds the unknown network {readable(model)!r}; known: {', '.join(MODELS)}")
    head = options.get("head", "linear")
    if type(head) is not str or head not in HEADS:
        shown = repr(readable(head)) if type(head) is str else f"a {type(head).__name__}"
        raise WeightsError(f"holds the unknown head {shown}; known: {', '.join(HEADS)}")
    _require(set(options) <= set(MODELS[model].options), f"model_options are not {model}'s")
    named = all(is_text(name, _LONGEST_NAME) and name for name in classes)
    _require(2 <= len(classes) <= MOST_OUTPUTS and named, "classes are no list of 2 or more names")
    _require(len(set(classes)) == len(classes), "classes are not all different")


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise WeightsError(f"damaged checkpoint: its {text}")


def _published(content: dict) -> NetworkFile:
    """POSTER V2 and the study store state_dict, V1 and AdaFace model_state_dict, others bare weights or what they like."""
    weights = find_weights(content)
    model, identity = identify(weights.tensors)
    found = model, identity.num_outputs, dict(identity.options)
    return NetworkFile(*found, None, weights.tensors, {}, content, identity.channel_order, weights)
