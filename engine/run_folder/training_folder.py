"""The folders and files of a training run, made or gone on in, and its records brought up to date."""

from dataclasses import dataclass
from pathlib import Path

from engine import data
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.checkpoints.writing import file_digest, share_checkpoint
from engine.commands.training_setup import Prepared
from engine.errors import TrainingStopped, UsageError
from engine.evaluation.leaks import as_facts
from engine.run_folder import layout
from engine.run_folder.lock import RunLock
from engine.run_folder.manifest import write_manifest
from engine.run_folder.provenance import provenance
from engine.run_folder.resume import Start, checkpoint_paths


@dataclass(frozen=True)
class Place:
    """name and folder (log/<name>) of a run, its last and best checkpoint's files; `lock` keeps other programs out.

    The lock is the main process's; the others of a group have none.
    """

    name: str
    folder: Path
    last: Path
    best: Path
    lock: RunLock | None

    @property
    def kept(self) -> str:
        """What is there to go on with, for messages."""
        if not self.last.exists():
            return "no checkpoint was written yet"
        return f"the last good checkpoint is {self.last}, go on with --resume {self.last}"


def open_place(prepared: Prepared, start: Start, flags: dict) -> Place:
    """Make the folders of a new run, or go on in those that `start` names.

    Raises UsageError where a file or folder that was named exists, or another process works on the run; OSError where
    they cannot be written.
    """
    group = prepared.group
    if not group.is_main:
        name = group.share(None)
        return Place(name, layout.LOG_ROOT / name, *checkpoint_paths(flags, name), None)
    place = _open(prepared, start, flags)
    group.share(place.name)
    return place


def _open(prepared: Prepared, start: Start, flags: dict) -> Place:
    settings, name = prepared.settings, start.run
    if name is None:
        for flag in ("checkpoint_path", "best_checkpoint_path"):
            if flags.get(flag) and Path(flags[flag]).exists():
                raise UsageError(f"--{flag} {flags[flag]}: exists; choose another file, or --resume it")
        name = layout.create_run(f"{settings.model}_seed{settings.seed}", settings.run)
    folder = layout.LOG_ROOT / name
    place = Place(name, folder, *checkpoint_paths(flags, name), start.lock or RunLock(folder))
    try:
        for path in (place.last, place.best):
            path.parent.mkdir(parents=True, exist_ok=True)
        prepared.log.open(folder / "log.txt")
        _write_records(place, prepared, start.checkpoint)
    except OSError as error:  # of a write it does not tell the file
        text = f"{error.filename or folder}: cannot be written ({error.strerror or error}); make room or mend the disk"
        raise TrainingStopped(f"{text}; {place.kept}") from None
    if start.checkpoint:
        _settle_best(place, prepared, start.checkpoint)
    return place


def _write_records(place: Place, prepared: Prepared, checkpoint: Checkpoint | None) -> None:
    (place.folder / layout.RESULT).unlink(missing_ok=True)  # of a run that was complete: it is not any more
    verdict = data.audited(prepared.settings.data, prepared.log.say)
    prepared.warnings += [f"{layout.WARNING}{verdict}"] * bool(verdict)
    layout.write_arguments(
        place.folder,
        vars(prepared.settings),
        run=place.name,
        classes=prepared.classes,
        fingerprints=prepared.fingerprints,
        device=str(prepared.device),
        arithmetic=prepared.arithmetic,
        continues=checkpoint and _continued(checkpoint),
        audit=verdict,
        copies=as_facts(prepared.copies),
        warnings=layout.unmarked(prepared.warnings),
        **provenance(prepared.device),
    )
    write_manifest(place.folder / layout.MANIFEST, {name: check.stamps for name, check in prepared.checks.items()})
    if prepared.state.history:
        layout.write_history(place.folder, prepared.state.history)


def _continued(checkpoint: Checkpoint) -> dict:
    step = checkpoint.progress["step"] if checkpoint.progress else 0
    return {"file": str(checkpoint.path), "sha256": file_digest(checkpoint.path), "epoch": checkpoint.epoch, "step": step}


def _settle_best(place: Place, prepared: Prepared, checkpoint: Checkpoint) -> None:
    """Have the best epoch's file beside a resumed run, or choose the best from here on."""
    state = prepared.state
    if not state.best:
        return
    number = state.best["epoch"]
    if number == checkpoint.epoch and not checkpoint.progress:
        share_checkpoint(checkpoint.path, place.best)
    elif not _holds_epoch(place.best, number):
        state.best = None
        prepared.log.say(f"the weights of the best epoch so far, {number}, are not at hand: it is chosen from here on")


def _holds_epoch(path: Path, epoch: int) -> bool:
    try:
        return load_checkpoint(path, "--best_checkpoint_path").epoch == epoch
    except UsageError:
        return False
