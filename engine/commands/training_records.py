"""A training run's folder made or gone on in, and its records brought up to date."""

from data_preprocessing.common.files import file_digest
from engine import data
from engine.checkpoints.format import Checkpoint
from engine.checkpoints.writing import share_checkpoint
from engine.commands.training_setup import Prepared
from engine.errors import TrainingStopped
from engine.evaluation.leaks import as_facts
from engine.run_folder import layout
from engine.run_folder.manifest import write_manifest
from engine.run_folder.provenance import provenance
from engine.run_folder.run_folder import RunFolder


def begin_records(prepared: Prepared, run: RunFolder) -> None:
    """Make the folder of a new run, or go on in that of `run`; write args.json, the manifest and the history so far.

    Raises UsageError where a file or folder that was named exists, or another process works on the run; TrainingStopped
    where they cannot be written.
    """
    group = prepared.group
    if group.is_main:
        _begin(prepared, run)
    run.name, prepared.state.best = group.share((run.name, prepared.state.best))  # by which --patience ends all processes alike


def _begin(prepared: Prepared, run: RunFolder) -> None:
    settings = prepared.settings
    try:
        run.create(f"{settings.model}_seed{settings.seed}", settings.run)
        prepared.log.open(run.path / "log.txt")
        _write_records(prepared, run)
    except OSError as error:  # for a write it does not name the file
        text = f"{error.filename or run.path}: cannot be written ({error.strerror or error}); make room or mend the disk"
        raise TrainingStopped(f"{text}; {run.kept}") from None
    if run.checkpoint:
        _settle_best(prepared, run)


def _write_records(prepared: Prepared, run: RunFolder) -> None:
    (run.path / layout.RESULT).unlink(missing_ok=True)  # of a run that was complete: it is not any more
    verdict = data.audited(prepared.settings, prepared.log.say)
    if verdict:
        prepared.warnings.append(f"{layout.WARNING}{verdict}")
    layout.write_arguments(
        run.path,
        vars(prepared.settings),
        run=run.name,
        classes=prepared.classes,
        fingerprints=prepared.fingerprints,
        device=str(prepared.device),
        arithmetic=prepared.arithmetic,
        continues=run.checkpoint and _continued(run.checkpoint),
        audit=verdict,
        copies=as_facts(prepared.copies),
        warnings=layout.unmarked(prepared.warnings),
        **provenance(prepared.device),
    )
    write_manifest(run.path / layout.MANIFEST, {name: check.stamps for name, check in prepared.checks.items()})
    if prepared.state.history:
        layout.write_history(run.path, prepared.state.history)


def _continued(checkpoint: Checkpoint) -> dict:
    step = checkpoint.progress["step"] if checkpoint.progress else 0
    return {"file": str(checkpoint.path), "sha256": file_digest(checkpoint.path), "epoch": checkpoint.epoch, "step": step}


def _settle_best(prepared: Prepared, run: RunFolder) -> None:
    """Have the best epoch's file beside a resumed run, or choose the best from here on."""
    state, checkpoint = prepared.state, run.checkpoint
    if not state.best:
        return
    number = state.best["epoch"]
    if number == checkpoint.epoch and not checkpoint.progress:
        share_checkpoint(checkpoint.path, run.best)
    elif not run.holds_best(number):
        state.best = None
        prepared.log.say(f"the weights of the best epoch so far, {number}, are not at hand: it is chosen from here on")
