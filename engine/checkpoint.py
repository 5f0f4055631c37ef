"""Checkpoints: what they hold, and reading ours and the published ones.

Ours is one flat dict, read with weights_only=True: format, version, run, model, model_options, classes, state_dict,
optimizer, epoch (epochs completed), best, history (rows of metrics.csv), rng, args, fingerprints.
"""

import pickle
import re
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import UsageError
from engine.foreign import recorder_history, stand_ins
from models import HEADS, MODELS
from models.errors import WeightsError
from models.identify import identify
from models.weights import without_prefix

FORMAT = "poster-reproduction"
VERSION = 1
_TYPES = {"model": str, "model_options": dict, "classes": list, "epoch": int, "history": list, "args": dict}


@dataclass
class Checkpoint:
    """A checkpoint file's content. classes, optimizer and rng are None where a published file does not hold them."""

    path: Path
    state_dict: dict[str, Tensor]
    num_outputs: int
    model: str
    classes: tuple[str, ...] | None = None
    model_options: dict = field(default_factory=dict)
    optimizer: dict | None = None
    epoch: int = 0
    best: dict | None = None
    history: list[dict] = field(default_factory=list)
    rng: dict | None = None
    args: dict = field(default_factory=dict)
    run: str | None = None
    fingerprints: dict = field(default_factory=dict)

    @property
    def settings(self) -> dict:
        """The settings that the file tells: arguments of its run, its network and that network's options."""
        told = {**self.args, "model": self.model, **self.model_options}
        if self.is_foreign and self.model_options.get("variant") == "affectnet":
            told["channel_order"] = "rgb"  # V1's AffectNet code converts, its RAF-DB code does not
        return told

    @property
    def is_foreign(self) -> bool:
        """Whether the file comes from a published implementation, or holds bare weights."""
        return self.classes is None


def load_checkpoint(path: Path | str, flag: str, wanted: dict | None = None) -> Checkpoint:
    """Read a checkpoint, ours or a published one, on the CPU; no code of the file runs.

    flag: the option that named it, for messages. wanted: flags of the command line, whose `model` and `head` it must
    hold where they are given. Raises UsageError in one line where it cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{flag} {path}: no such file")
    content = _read(path, flag)
    if not isinstance(content, dict) or not content:
        raise UsageError(f"{flag} {path}: is no checkpoint, it holds a {type(content).__name__}")
    if set(content) == {"state", "param_groups"}:
        raise UsageError(
            f"{flag} {path}: holds an optimiser's state and no weights, as the published code's 'best' files do; "
            "use the file that it wrote every epoch"
        )
    try:
        checkpoint = _from_ours(path, content) if content.get("format") == FORMAT else _from_published(path, content)
    except (WeightsError, UsageError) as error:
        raise UsageError(f"{flag} {path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{flag} {path}: damaged checkpoint ({type(error).__name__}: {error})") from None
    _require_wanted(checkpoint, wanted or {})
    return checkpoint


def _require_wanted(checkpoint: Checkpoint, wanted: dict) -> None:
    model, head = wanted.get("model", checkpoint.model), wanted.get("head")
    if model != checkpoint.model:
        raise UsageError(f"--model {model}: {checkpoint.path} holds {checkpoint.model}; leave --model out")
    own = checkpoint.model_options.get("head", "linear")
    if head in ("arcface", "cosface") and own in ("arcface", "cosface") and checkpoint.is_foreign:
        checkpoint.model_options["head"] = head  # their files hold the same keys
    elif head not in (None, own):
        raise UsageError(f"--head {head}: {checkpoint.path} has the head {own}; leave --head out")


def _read(path: Path, flag: str) -> object:
    try:
        with torch.serialization.safe_globals(stand_ins()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted:
            raise UsageError(f"{flag} {path}: refused, the file wants to run {wanted[1]}; nothing of it was run") from None
        raise UsageError(f"{flag} {path}: refused, not a file of weights; nothing of it was run") from None
    except Exception as error:  # truncated or damaged files end in many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise UsageError(f"{flag} {path}: truncated or damaged ({reason}); use another copy") from None


def _from_ours(path: Path, content: dict) -> Checkpoint:
    if content["version"] > VERSION:
        raise UsageError(f"written by a newer version (format {content['version']}, known up to {VERSION}); update the program")
    for name, kind in _TYPES.items():
        if not isinstance(content[name], kind):
            raise UsageError(f"damaged checkpoint: its {name} is a {type(content[name]).__name__}")
    if content["model"] not in MODELS:
        raise UsageError(f"holds the unknown network {content['model']!r}; known: {', '.join(MODELS)}")
    head = content["model_options"].get("head", "linear")
    if head not in HEADS:
        raise UsageError(f"holds the unknown head {str(head)[:60]!r}; known: {', '.join(HEADS)}")
    names = ("model", "model_options", "optimizer", "epoch", "best", "history", "rng", "args", "run", "fingerprints")
    classes = tuple(content["classes"])
    state = without_prefix(content["state_dict"])
    return Checkpoint(path, state, len(classes), classes=classes, **{name: content[name] for name in names})


def _from_published(path: Path, content: dict) -> Checkpoint:
    """POSTER V2 and the study store state_dict, epoch and recorder; V1 and AdaFace model_state_dict and iter."""
    weights = next((content[name] for name in ("state_dict", "model_state_dict") if name in content), content)
    state = without_prefix(weights)
    identity = identify(state)
    epoch = 0 if weights is content else content.get("epoch", content.get("iter", 0))
    if not isinstance(epoch, int) or epoch < 0:
        raise UsageError("its epoch is no number")
    checkpoint = Checkpoint(path, state, identity.num_outputs, model=identity.model, epoch=epoch)
    checkpoint.model_options = dict(identity.options)
    checkpoint.history = recorder_history(content.get("recorder"), epoch)
    return checkpoint
