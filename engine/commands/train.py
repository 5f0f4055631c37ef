"""Training: a new run, or one that is resumed, up to its report."""

from data_preprocessing.common.errors import one_line
from engine.checkpoints.format import load_checkpoint
from engine.commands.trainer import TrainingRun
from engine.commands.training_records import begin_records
from engine.commands.training_setup import prepare
from engine.config.flags import Settings
from engine.config.settings import AUTO, resolve
from engine.distributed import Group, join_group, leave_group
from engine.errors import TrainingStopped, UsageError
from engine.finetuning import read_source
from engine.run_folder import layout
from engine.run_folder.run_folder import RunFolder, find_run
from engine.run_folder.signals import Requests
from engine.training.loop import FitState, stopped_early


def train(flags: dict) -> None:
    """Train a new run or continue one (`flags["resume"]`), then report on the test split.

    flags: the command line's, only those given. Raises UsageError, DataError or WeightsError before anything is
    written, TrainingStopped where training cannot go on, and Interrupted where a signal ended it.
    """
    requests = Requests()
    with requests.installed():
        group = join_group(flags.get("device", "auto"))
        log = layout.Log(speaks=group.is_main)
        run = _find_run(flags, log, group)
        source = read_source(flags["finetune"], flags) if "finetune" in flags and not run.checkpoint else None
        settings = resolve(flags, run.checkpoint.settings if run.checkpoint else source.settings if source else {})
        done = _reached(run)
        if settings.start_epoch is not None:
            done.rewind(settings.start_epoch)
        if done.is_over(settings.epochs, settings.patience):
            if flags.get("resume") != AUTO:
                raise UsageError(_over(done, settings))
            if run.result:
                log.say(f"{run.name}: is complete, {done.epoch} epochs; see {run.path}/")
                return
        prepared = prepare(settings, run, flags, log, group, source)
        if settings.start_epoch is not None:
            prepared.state.rewind(settings.start_epoch)
        begin_records(prepared, run)
        training = TrainingRun(prepared, run, requests)
        try:
            training.fit()
            training.report()
        except (TrainingStopped, KeyboardInterrupt) as error:  # the console, which is told it, may be gone
            log.keep(one_line(error))
            raise
        leave_group(group)


def _reached(run: RunFolder) -> FitState:
    """How far the checkpoint that training goes on from has come."""
    checkpoint = run.checkpoint
    return FitState(checkpoint.epoch, list(checkpoint.history), checkpoint.best) if checkpoint else FitState()


def _over(done: FitState, settings: Settings) -> str:
    """Why a run of `done` epochs does not go on, and what makes it."""
    if done.epoch >= settings.epochs:
        return f"--epochs {settings.epochs}: {done.epoch} epochs are done already; give more to go on"
    return f"--patience {settings.patience}: {stopped_early(done, settings.epochs)}; give a larger number, or 0, to go on"


def _find_run(flags: dict, log: layout.Log, group: Group) -> RunFolder:
    """The main process decides where to begin, and alone locks the run; the others read the same file."""
    if group.is_main:
        layout.require_writable(layout.LOG_ROOT, layout.START_ELSEWHERE)
        run = find_run(flags, log)
        group.share((run.checkpoint and run.checkpoint.path, run.name))
        return run
    path, name = group.share(None)
    return RunFolder(flags, name, load_checkpoint(path, "--resume", flags) if path else None)
