"""Checkpoints: reading ours (models.files.checkpoint_content) and the published ones."""

from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints.validation import check_content
from engine.checkpoints.wrong_file import explain_wrong
from engine.errors import UsageError
from models.errors import WeightsError
from models.files.checkpoint_network import DAMAGE, NetworkFile, read_network
from models.files.stand_ins import ForeignArray, recorder_history
from models.files.wording import readable


@dataclass(kw_only=True)
class Checkpoint(NetworkFile):
    """A checkpoint file's content, and where it lies."""

    path: Path

    @property
    def settings(self) -> dict:
        """The settings that the file holds: arguments of its run, its network and that network's options."""
        told = {**self.args, "model": self.model, **self.model_options}
        if self.is_foreign and self.channel_order == "rgb":
            told["channel_order"] = "rgb"  # V1's AffectNet code converts; for its RAF-DB code's BGR the recipe decides
        return told


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
        checkpoint = Checkpoint(path=path, **vars(read_network(path)))
        if checkpoint.is_foreign:
            _read_progress(checkpoint)
        else:
            check_content(checkpoint)
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


def _read_progress(checkpoint: Checkpoint) -> None:
    """Of a published file: POSTER V2 and the study store epoch and recorder, V1 and AdaFace iter."""
    epoch = checkpoint.beside.get("epoch", checkpoint.beside.get("iter", 0))
    if isinstance(epoch, ForeignArray):
        epoch = epoch.to_integer()
    if type(epoch) is not int or not 0 <= epoch < 2**31:
        raise UsageError("its epoch is no number")
    checkpoint.epoch = epoch
    checkpoint.history = recorder_history(checkpoint.beside.get("recorder"), epoch)
