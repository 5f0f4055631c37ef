"""Training: a new run, or one that is resumed, up to its report."""

from data_preprocessing.common.errors import one_line
from engine.checkpoints.format import load_checkpoint
from engine.commands.trainer import TrainingRun
from engine.commands.training_setup import prepare
from engine.config.settings import AUTO, resolve
from engine.distributed import Group, join_group, leave_group
from engine.errors import TrainingStopped, UsageError
from engine.run_folder import layout
from engine.run_folder.resume import Start, find_start
from engine.run_folder.signals import Requests
from engine.run_folder.training_folder import open_place


def train(flags: dict) -> None:
    """Train a new run or continue one (`flags["resume"]`), then report on the test split.

    flags: the command line's, only those given. Raises UsageError, DataError or WeightsError before anything is
    written, TrainingStopped where training cannot go on, and Interrupted where a signal ended it.
    """
    requests = Requests()
    with requests.installed():
        group = join_group()
        log = layout.Log(speaks=group.is_main)
        start = _shared_start(flags, log, group)
        settings = resolve(flags, start.checkpoint.settings if start.checkpoint else {})
        done = start.checkpoint.epoch if start.checkpoint else 0
        done = done if settings.start_epoch is None else settings.start_epoch
        if done >= settings.epochs:
            if flags.get("resume") != AUTO:
                raise UsageError(f"--epochs {settings.epochs}: {done} epochs are done already; give more to go on")
            result = layout.read_json(layout.LOG_ROOT / start.run / layout.RESULT)
            if result:
                log.say(f"{start.run}: is complete, {done} epochs; see {layout.LOG_ROOT / start.run}/")
                return
        prepared = prepare(settings, start, flags, log, group)
        if settings.start_epoch is not None:
            prepared.state.rewind(done)
        run = TrainingRun(prepared, open_place(prepared, start, flags), requests)
        try:
            run.fit()
            run.report()
        except (TrainingStopped, KeyboardInterrupt) as error:  # the console, which is told it, may be gone
            log.keep(one_line(error))
            raise
        leave_group(group)


def _shared_start(flags: dict, log: layout.Log, group: Group) -> Start:
    """The main process decides where to begin, and alone locks the run; the others read the same file."""
    if group.is_main:
        layout.require_writable(layout.LOG_ROOT, layout.START_ELSEWHERE)
    start = find_start(flags, log) if group.is_main else None
    path, run = group.share((start.checkpoint and start.checkpoint.path, start.run) if start else None)
    return start or Start(load_checkpoint(path, "--resume", flags) if path else None, run)
