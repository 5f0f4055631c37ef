"""The run folder: where a training run reads and writes, and the checkpoint that it goes on from."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from data_preprocessing.common.files import read_json
from data_preprocessing.sources.folders import Stamps
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.config.settings import AUTO
from engine.errors import UsageError
from engine.run_folder import layout
from engine.run_folder.lock import RunLock
from engine.run_folder.manifest import read_manifest

_FILES = {"checkpoint_path": "last.pth", "best_checkpoint_path": "best.pth"}  # flag -> name in checkpoint/<run>/


@dataclass
class RunFolder:
    """A training run's folder log/<name>, the files of its last and best checkpoint, and its lock.

    flags: the command line's, only those given. name: None as long as the run is new and has no folder yet.
    checkpoint: that training goes on from, None where it starts anew. lock: keeps other programs out; the main process
    holds it, the others of a group have none.
    """

    flags: dict
    name: str | None = None
    checkpoint: Checkpoint | None = None
    lock: RunLock | None = None

    @property
    def path(self) -> Path:
        """log/<name>."""
        return layout.LOG_ROOT / self.name

    @property
    def last(self) -> Path:
        """The file of the last checkpoint."""
        return self._file("checkpoint_path")

    @property
    def best(self) -> Path:
        """The file of the best epoch's checkpoint."""
        return self._file("best_checkpoint_path")

    def _file(self, flag: str) -> Path:
        return Path(self.flags.get(flag) or layout.CHECKPOINT_ROOT / self.name / _FILES[flag])

    @property
    def kept(self) -> str:
        """What is there to go on with, for messages."""
        if not self.last.exists():
            return "no checkpoint was written yet"
        return f"the last good checkpoint is {self.last}, go on with --resume {self.last}"

    @property
    def result(self) -> dict:
        """The figures of a run that is complete, {} of another."""
        return read_json(self.path / layout.RESULT) if self.name else {}

    @property
    def known_images(self) -> dict[str, Stamps]:
        """Stamps by split of the images that the run has checked before; {} for a new run."""
        return read_manifest(self.path / layout.MANIFEST) if self.name else {}

    def require_writable(self) -> None:
        """Raises UsageError naming the first place of a run's files that cannot be written to."""
        layout.require_writable(layout.LOG_ROOT, layout.START_ELSEWHERE)
        for flag in _FILES:
            given = self.flags.get(flag)
            remedy = f"choose another --{flag}" if given else f"{layout.START_ELSEWHERE}, or choose --{flag}"
            layout.require_writable(Path(given).parent if given else layout.CHECKPOINT_ROOT, remedy)

    def create(self, kind: str, wanted: str | None) -> None:
        """Give a run that has no folder yet one, as layout.create_run names it; lock it; make the checkpoints' folders.

        Raises UsageError where a file or folder that was named exists, or another process works on the run; OSError where
        they cannot be written.
        """
        is_new = self.name is None
        if is_new:
            for flag in _FILES:
                if self.flags.get(flag) and Path(self.flags[flag]).exists():
                    raise UsageError(f"--{flag} {self.flags[flag]}: exists; choose another file, or --resume it")
            self.name = layout.create_run(kind, wanted)
        self.lock = self.lock or RunLock(self.path)
        try:
            for file in (self.last, self.best):
                file.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            if is_new:  # the same command may be given again
                shutil.rmtree(self.path, ignore_errors=True)
            raise

    def holds_best(self, epoch: int) -> bool:
        """Whether the best checkpoint's file is there, whole, and of this epoch."""
        try:
            return load_checkpoint(self.best, "--best_checkpoint_path").epoch == epoch
        except UsageError:
            return False


def find_run(flags: dict, log: layout.Log) -> RunFolder:
    """What --resume says: a file, or with `auto` the newest whole checkpoint of the run that --run names, if it has any.

    A file that is the last one of its run is continued in that run's folder. Raises UsageError where a checkpoint cannot
    be used, or another process works on the run.
    """
    if "resume" not in flags:
        return RunFolder(flags)
    if flags["resume"] == AUTO:
        return _newest(flags, log)
    checkpoint = load_checkpoint(flags["resume"], "--resume", flags)
    own = RunFolder(flags, checkpoint.run, checkpoint)
    if not own.name or "run" in flags or not own.path.is_dir() or not _is_same(own.last, checkpoint.path):
        return RunFolder(flags, checkpoint=checkpoint)
    own.lock = RunLock(own.path)
    return own


def _is_same(file: Path, other: Path) -> bool:
    return file.exists() and file.samefile(other)


def _newest(flags: dict, log: layout.Log) -> RunFolder:
    run = RunFolder(flags, flags["run"])
    files = [path for path in (run.last, run.best) if path.exists()]
    if not files and not run.path.exists():
        return RunFolder(flags)
    if read_json(run.path / layout.ARGUMENTS).get("arguments", {}).get("evaluate"):
        raise UsageError(f"--run {run.name}: {run.path} is of an evaluation; choose another name")
    run.lock = RunLock(run.path)
    problems = []
    for path in files:  # the best one is whole when the last one is not: the run goes on from there to the same end
        try:
            run.checkpoint = load_checkpoint(path, "--resume auto:", flags)
            return run
        except UsageError as error:
            problems.append(str(error))
            log.say(f"warning: {error}")
    if problems:
        raise UsageError(f"{problems[0]}; no other checkpoint of {run.name} is whole: remove {run.name}'s files to start anew")
    log.say(f"{run.name}: no checkpoint was written yet, starting anew")
    return run
