"""Checkpoints: what they hold, and reading ours and the published ones.

Ours is one flat dict, written by torch.save and read by models.files.safe_load, in format version 2:

    format, version   "poster-reproduction", 2
    checksum          str, of all the others (models.files.checksum)
    run               str or None: name of the run's folders
    model             str: a name in models.MODELS
    model_options     dict: the arguments of create_model that MODELS[model].options names
    classes           list of str, in the order of the outputs
    state_dict        dict of str -> tensor
    optimizer         dict or None: what optimizer.state_dict() gives
    epoch             int: epochs completed
    best              None or {"epoch": int, "valid_accuracy": float}: the epoch chosen so far
    history           list of dicts, the rows of metrics.csv
    scaler            None or {"scale": float, "steps": int}: of float16's loss (engine.training.loss_scaling); may be missing
    rng               None or {"cpu": uint8 tensor, "cuda": list of uint8 tensors}: generators' states
    args              dict of str -> None, bool, int, float or str: the run's settings
    fingerprints      dict of split -> str: SHA-256 over its images' names and contents
    pictures          dict of split -> int64 tensor (N,): the first 8 bytes of each image's SHA-256
    progress          None at an epoch's end; within epoch number epoch + 1 a dict: step (int, steps done), losses (float32
                      tensor (step,)), hits and sizes (int64 tensors (step,): correct predictions and images per step),
                      batch_size (int), skipped (int: steps left out)

models.files.checkpoint_network checks what it says of the network, engine.checkpoints.validation the rest. Version 1 had
neither checksum, images nor progress (models.files.migrate).
"""

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from engine.checkpoints.validation import check_content
from engine.checkpoints.wrong_file import explain_wrong
from engine.errors import UsageError
from models.errors import WeightsError
from models.files.checkpoint_network import DAMAGE, NetworkFile, read_network
from models.files.stand_ins import ForeignArray, recorder_history
from models.files.wording import readable


@dataclass
class Checkpoint:
    """A checkpoint file's content. classes, optimizer and rng are None where a published file does not hold them.

    told: how a published file stores its weights, as the end of a line.
    channel_order: of a published file that in which its authors' code reads images, None for ours, whose args hold it.
    """

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
    progress: dict | None = None
    pictures: dict = field(default_factory=dict)
    scaler: dict | None = None
    told: str = ""
    channel_order: str | None = None

    @property
    def settings(self) -> dict:
        """The settings that the file holds: arguments of its run, its network and that network's options."""
        told = {**self.args, "model": self.model, **self.model_options}
        if self.is_foreign and self.channel_order == "rgb":
            told["channel_order"] = "rgb"  # V1's AffectNet code converts; for its RAF-DB code's BGR the recipe decides
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
    wrong = explain_wrong(path, flag)
    if wrong:
        raise UsageError(f"{flag} {path}: {wrong}")
    try:
        network = read_network(path)
        checkpoint = _from_published(path, network) if network.classes is None else _from_ours(path, network)
    except (WeightsError, UsageError) as error:
        raise UsageError(f"{flag} {path}: {error}") from None
    except DAMAGE as error:
        reason = readable(f"{type(error).__name__}: {error}", 120)
        raise UsageError(f"{flag} {path}: damaged checkpoint ({reason})") from None
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


def _from_ours(path: Path, network: NetworkFile) -> Checkpoint:
    content = network.content
    check_content(content)
    names = ("model", "model_options", "optimizer", "epoch", "best", "history", "rng", "args", "run", "fingerprints")
    kept = {name: content[name] for name in (*names, "progress", "pictures")} | {"scaler": content.get("scaler")}
    return Checkpoint(path, network.state_dict, network.num_outputs, classes=network.classes, **kept)


def _from_published(path: Path, network: NetworkFile) -> Checkpoint:
    """POSTER V2 and the study store epoch and recorder, V1 and AdaFace iter."""
    content = network.content if network.weights.container else {}
    epoch = content.get("epoch", content.get("iter", 0))
    if isinstance(epoch, ForeignArray):
        epoch = epoch.to_integer()
    if type(epoch) is not int or not 0 <= epoch < 2**31:
        raise UsageError("its epoch is no number")
    checkpoint = Checkpoint(path, network.state_dict, network.num_outputs, model=network.model, epoch=epoch)
    checkpoint.model_options, checkpoint.channel_order = network.options, network.channel_order
    checkpoint.told = network.weights.told
    checkpoint.history = recorder_history(content.get("recorder"), epoch)
    return checkpoint
