"""Training: a new run, or one that is resumed, up to its report."""

from data_preprocessing.common.errors import one_line
from engine.checkpoints import finetune
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.commands.trainer import TrainingRun
from engine.commands.training_records import begin_records
from engine.commands.training_setup import prepare
from engine.config.flags import Settings
from engine.config.settings import AUTO, resolve
from engine.distributed import Group, join_group, leave_group
from engine.errors import TrainingStopped, UsageError
from engine.run_folder import layout
from engine.run_folder.run_folder import RunFolder, find_run
from engine.run_folder.signals import Requests
from engine.training.loop import FitState


def train(flags: dict) -> None:
    """Train a new run or continue one (`flags["resume"]`), then report on the test split.

    flags: the command line's, only those given. Raises UsageError, DataError or WeightsError before anything is
    written, TrainingStopped where training cannot go on, and Interrupted where a signal ended it.
    """
    requests = Requests()
    with requests.installed():
        group = join_group()
        log = layout.Log(speaks=group.is_main)
        run = _find_run(flags, log, group)
        source = _trained_source(flags, run)
        settings = resolve(flags, run.checkpoint.settings if run.checkpoint else finetune.settings_of(source, flags))
        done = run.checkpoint.epoch if run.checkpoint else 0
        done = done if settings.start_epoch is None else settings.start_epoch
        if done >= settings.epochs or _is_exhausted(run, settings):
            if flags.get("resume") != AUTO:
                raise UsageError(_nothing_left(done, settings))
            if run.result:
                log.say(f"{run.name}: is complete, {done} epochs; see {run.path}/")
                return
        prepared = prepare(settings, run, flags, log, group, source)
        if settings.start_epoch is not None:
            prepared.state.rewind(done)
        begin_records(prepared, run)
        training = TrainingRun(prepared, run, requests)
        try:
            training.fit()
            training.report()
        except (TrainingStopped, KeyboardInterrupt) as error:  # the console, which shows it, may be gone
            log.keep(one_line(error))
            raise
        leave_group(group)


def _trained_source(flags: dict, run: RunFolder) -> Checkpoint | None:
    """The file of --finetune, where the run starts anew."""
    if "finetune" not in flags or run.checkpoint:
        return None
    return load_checkpoint(flags["finetune"], "--finetune", {name: flags[name] for name in ("model",) if name in flags})


def _is_exhausted(run: RunFolder, settings: Settings) -> bool:
    if not run.checkpoint or run.checkpoint.progress or settings.start_epoch is not None:
        return False
    return FitState(run.checkpoint.epoch, best=run.checkpoint.best).is_exhausted(settings.patience)


def _nothing_left(done: int, settings: Settings) -> str:
    if done >= settings.epochs:
        return f"--epochs {settings.epochs}: {done} epochs are done already; give more to go on"
    return (
        f"--patience {settings.patience}: the run stopped after epoch {done}, without a better validation for so many epochs; "
        "give more, or 0 to train all --epochs"
    )


def _find_run(flags: dict, log: layout.Log, group: Group) -> RunFolder:
    """The main process decides where to begin, and alone locks the run; the others read the same file."""
    if group.is_main:
        RunFolder(flags).require_writable()
        run = find_run(flags, log)
        group.share((run.checkpoint and run.checkpoint.path, run.name))
        return run
    path, name = group.share(None)
    return RunFolder(flags, name, load_checkpoint(path, "--resume", flags) if path else None)
