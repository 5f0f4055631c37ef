"""Where a training run begins: anew, or at a checkpoint that --resume names or finds."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.config.flags import Settings, flag_of
from engine.config.settings import AUTO
from engine.errors import UsageError
from engine.network import load_weights
from engine.run_folder import layout
from engine.run_folder.lock import RunLock
from engine.seed import set_rng_state
from engine.training.epoch import Progress
from engine.training.loop import FitState
from engine.training.optimizers import restore_optimizer

# with another of these the rest of an epoch that was begun would repeat pictures, or leave some out
_ORDERING = ("batch_size", "sampler", "seed")


@dataclass
class Start:
    """checkpoint: to continue, None for a new run. run: whose folders are gone on in, None for new ones; locked by `lock`."""

    checkpoint: Checkpoint | None = None
    run: str | None = None
    lock: RunLock | None = None


def checkpoint_paths(flags: dict, run: str) -> tuple[Path, Path]:
    """The files of a run's last and best checkpoint."""
    folder = layout.CHECKPOINT_ROOT / run
    return Path(flags.get("checkpoint_path") or folder / "last.pth"), Path(
        flags.get("best_checkpoint_path") or folder / "best.pth"
    )


def find_start(flags: dict, log: layout.Log) -> Start:
    """What --resume says: a file, or with `auto` the newest whole checkpoint of the run that --run names, if it has any.

    A file that is the last one of its run is continued in that run's folders. Raises UsageError where a checkpoint cannot
    be used, or another process works on the run.
    """
    if "resume" not in flags:
        return Start()
    if flags["resume"] == AUTO:
        return _newest(flags, log)
    checkpoint = load_checkpoint(flags["resume"], "--resume", flags)
    run = checkpoint.run
    if not run or "run" in flags or not (layout.LOG_ROOT / run).is_dir():
        return Start(checkpoint)
    last, _ = checkpoint_paths(flags, run)
    if not last.exists() or not last.samefile(checkpoint.path):
        return Start(checkpoint)
    return Start(checkpoint, run, RunLock(layout.LOG_ROOT / run))


def _newest(flags: dict, log: layout.Log) -> Start:
    run, files = flags["run"], [path for path in checkpoint_paths(flags, flags["run"]) if path.exists()]
    folder = layout.LOG_ROOT / run
    if not files and not folder.exists():
        return Start()
    if layout.read_json(folder / layout.ARGUMENTS).get("arguments", {}).get("evaluate"):
        raise UsageError(f"--run {run}: {folder} is of an evaluation; choose another name")
    lock = RunLock(folder)
    problems = []
    for path in files:  # the best one is whole when the last one is not: the run goes on from there to the same end
        try:
            return Start(load_checkpoint(path, "--resume auto:", flags), run, lock)
        except UsageError as error:
            problems.append(str(error))
            log.say(f"warning: {error}")
    if problems:
        raise UsageError(f"{problems[0]}; no other checkpoint of {run} is whole: remove {folder.name}'s files to start anew")
    log.say(f"{run}: no checkpoint was written yet, starting anew")
    return Start(None, run, lock)


def require_same_order(checkpoint: Checkpoint, settings: Settings, fingerprints: dict, say) -> None:
    """Refuse to go on within an epoch whose order of pictures has changed; say what else is not as it was.

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
                f"--data {settings.data}: its training pictures are not those that {checkpoint.path} was trained on, and it "
                f"stands within epoch {checkpoint.epoch + 1}; give the former data, or repeat the epoch by --start-epoch "
                f"{checkpoint.epoch}"
            )
        say(f"warning: the {name} split is not the one of the run so far (other pictures, names or contents)")


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
    checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer, optimizer_name: str, log: layout.Log
) -> FitState:
    """Put a checkpoint's weights, moments and random state back; say what a published file lacks.

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
    if checkpoint.rng is None:
        lacks.append("the random state")
    else:
        device = next(model.parameters()).device
        lacks += filter(None, [set_rng_state(checkpoint.rng, device)])
    if checkpoint.is_foreign:
        lacks += ["class names", "arguments", "its best epoch's weights"] + ["the history"] * (not checkpoint.history)
    progress = None
    if checkpoint.progress:
        progress = Progress.restored(checkpoint.progress)
    where = f"after epoch {checkpoint.epoch}" + (f" and {progress.step} steps of the next" if progress else "")
    log.say(f"resuming {checkpoint.path} {where}{'; it lacks ' * bool(lacks)}{', '.join(lacks)}")
    return FitState(checkpoint.epoch, list(checkpoint.history), checkpoint.best, progress)
