"""What a checkpoint's file says of its network, ours or a published one; no code of the file runs."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from models import HEADS, MODELS
from models.errors import WeightsError
from models.files.checkpoint_content import FORMAT, VERSION, CheckpointContent
from models.files.checksum import checksum
from models.files.exported import exported_content
from models.files.identify import MOST_OUTPUTS, identify
from models.files.migrate import migrate
from models.files.safe_load import read_untrusted
from models.files.safetensors import read_metadata
from models.files.stand_ins import stand_ins
from models.files.weights import require_finite
from models.files.wording import is_name, readable
from models.files.wrappers import find_weights, unwrapped

DAMAGE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError)  # what garbled content raises


@dataclass(kw_only=True)
class NetworkFile(CheckpointContent):
    """A checkpoint's network and all else that the file holds; of args no value is checked.

    classes: None in a published file. num_outputs: of the network. channel_order: in which a published file's authors' code
    reads images. beside: what a published file holds beside its weights. told: how it stores them, as the end of a line.
    """

    num_outputs: int = 0
    channel_order: str = "rgb"
    beside: dict = field(default_factory=dict)
    told: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether the file comes from a published implementation, or holds bare weights."""
        return self.classes is None

    @property
    def dead_keys(self) -> re.Pattern | None:
        """What its weights may hold beside the network's own: of a published file what was stored and never run."""
        return MODELS[self.model].dead_keys if self.is_foreign else None


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
    network = _ours(content) if is_ours else _exported(read_metadata(path), content) or _published(content)
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
    network = NetworkFile.from_file(content)
    _check(network)
    network.num_outputs = len(network.classes)
    unwrapped(network.state_dict)  # raises where it is none; its names stay, for a network of ours may hold all in a `net`
    return network


def _exported(metadata: dict, tensors: dict) -> NetworkFile | None:
    content = exported_content(metadata, tensors) if metadata else None
    if content is None:
        return None
    network = NetworkFile(**vars(content))
    _check(network)
    network.num_outputs = len(network.classes)
    return network


def _check(network: NetworkFile) -> None:
    """Raises WeightsError naming the first of the network's keys that holds what no checkpoint does."""
    model, options, classes = network.model, network.model_options, network.classes
    if model not in MODELS:
        raise WeightsError(f"holds the unknown network {readable(model)!r}; known: {', '.join(MODELS)}")
    head = options.get("head", "linear")
    if type(head) is not str or head not in HEADS:
        shown = repr(readable(head)) if type(head) is str else f"a {type(head).__name__}"
        raise WeightsError(f"holds the unknown head {shown}; known: {', '.join(HEADS)}")
    _require(set(options) <= set(MODELS[model].options), f"model_options are not {model}'s")
    _require(2 <= len(classes) <= MOST_OUTPUTS and all(map(is_name, classes)), "classes are no list of 2 or more names")
    _require(len(set(classes)) == len(classes), "classes are not all different")


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise WeightsError(f"damaged checkpoint: its {text}")


def _published(content: dict) -> NetworkFile:
    """POSTER V2 and the study store state_dict, V1 and AdaFace model_state_dict, others bare weights or what they like."""
    weights = find_weights(content)
    model, identity = identify(weights.tensors)
    return NetworkFile(
        model=model,
        model_options=dict(identity.options),
        state_dict=weights.tensors,
        num_outputs=identity.num_outputs,
        channel_order=identity.channel_order,
        beside=content if weights.container else {},
        told=weights.told,
    )
