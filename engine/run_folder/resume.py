"""A run that goes on: the state that its checkpoint puts back, and what may have changed since."""

import torch
from torch import nn

from data_preprocessing.common.words import only_if
from engine.checkpoints.format import Checkpoint
from engine.config.flags import Settings, flag_of
from engine.errors import UsageError
from engine.network import load_weights
from engine.run_folder import layout
from engine.seed import set_rng_state
from engine.training.epoch import Progress
from engine.training.loop import FitState
from engine.training.loss_scaling import LossScaler
from engine.training.optimizers import restore_optimizer

# with another of these the rest of an epoch that was begun would repeat images, or leave some out
_ORDERING = ("batch_size", "sampler", "seed")


def require_same_order(checkpoint: Checkpoint, settings: Settings, fingerprints: dict, say) -> None:
    """Refuse to go on within an epoch whose order of images has changed; say what else is not as it was.

    fingerprints: of the splits now. Raises UsageError naming the flag or the data.
    """
    within = f"{checkpoint.path} stands within epoch {checkpoint.epoch + 1}"
    for name in _ORDERING if checkpoint.progress else ():
        was, now = checkpoint.args.get(name), getattr(settings, name)
        if was != now:
            raise UsageError(
                f"{flag_of(name)} {now}: {within}, which was begun with {was}; leave the flag out, or repeat the epoch by "
                f"--start-epoch {checkpoint.epoch}"
            )
    for name, was in checkpoint.fingerprints.items():
        if fingerprints.get(name, was) == was:
            continue
        if checkpoint.progress and name == "train":
            raise UsageError(
                f"--data {settings.data}: its training images are not those that {checkpoint.path} was trained on, and it "
                f"stands within epoch {checkpoint.epoch + 1}; give the former data, or repeat the epoch by --start-epoch "
                f"{checkpoint.epoch}"
            )
        say(f"warning: the {name} split is not the one of the run so far (other images, names or contents)")


def say_changes(checkpoint: Checkpoint, flags: dict, say) -> None:
    """Name the flags that are not as the run had them."""
    changed = [
        f"{flag_of(name)} {value} (was {checkpoint.args[name]})"
        for name, value in flags.items()
        if name in checkpoint.args and checkpoint.args[name] != value
    ]
    if changed:
        say(f"changed since the checkpoint: {', '.join(changed)}")


def restore(
    checkpoint: Checkpoint,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: LossScaler,
    optimizer_name: str,
    log: layout.Log,
) -> FitState:
    """Put a checkpoint's weights, moments, loss scale and random state back; say what a published file lacks.

    Raises UsageError where they do not fit.
    """
    load_weights(model, checkpoint, "--resume", log.say)
    lacks = []
    if checkpoint.optimizer is None or checkpoint.args.get("optimizer") != optimizer_name:
        lacks.append(f"the moments of {optimizer_name} (they start at zero)")
    else:
        try:
            restore_optimizer(optimizer, checkpoint.optimizer)
        except (ValueError, KeyError) as error:
            raise UsageError(f"--resume {checkpoint.path}: its optimiser state does not fit ({error})") from None
    if checkpoint.scaler:
        scaler.load_state_dict(checkpoint.scaler)
    if checkpoint.rng is None:
        lacks.append("the random state")
    else:
        device = next(model.parameters()).device
        lacks += filter(None, [set_rng_state(checkpoint.rng, device)])
    if checkpoint.is_foreign:
        lacks += ["class names", "arguments", "its best epoch's weights"]
    lacks += only_if(not checkpoint.history and (checkpoint.is_foreign or checkpoint.epoch), "the history")
    progress = None
    if checkpoint.progress:
        progress = Progress.restored(checkpoint.progress)
    where = f"after epoch {checkpoint.epoch}" + (f" and {progress.step} steps of the next" if progress else "")
    lacking = f"; it lacks {', '.join(lacks)}" if lacks else ""
    log.say(f"resuming {checkpoint.path} {where}{lacking}")
    return FitState(checkpoint.epoch, list(checkpoint.history), checkpoint.best, progress)
