"""A series of ordinary training runs, each in a process of its own, one after the other.

A process per run, because then a run of the series is the run that its flags alone give, to the bit, whatever ran before it;
its memory is given back, and several GPUs are the run's own affair. Imports no torch.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_preprocessing.common.files import read_json
from engine.config.settings import AUTO, resolve
from engine.errors import TrainingStopped, UsageError
from engine.run_folder import layout
from engine.run_folder.signals import stopping

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Member:
    """A run of a series. title: what it is, "seed 3". run: its name. flags: what its command has beside the series'."""

    title: str
    run: str
    flags: tuple[str, ...]


def series_name(flags: dict, flag: str) -> str:
    """The name that --run gives, or the time. flag: that asks for the series. Raises UsageError below torchrun."""
    if "WORLD_SIZE" in os.environ:
        kind = flag.removeprefix("--")
        raise UsageError(f"{flag} starts a process per run: give GPUs by --gpu 0,1 in place of torchrun, or {kind} one by one")
    return flags.get("run") or f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{resolve(flags, {}).model}"


def train_series(name: str, members: Sequence[Member], flags: dict, command: list[str]) -> int:
    """Train the runs of the series `name`. command: the script and its arguments, without what the members' flags say.

    Returns the exit status: of the first run that does not end with 0, which leaves the later ones undone. Raises UsageError
    where a run of the series exists and --resume auto was not given, and TrainingStopped where a run's process was killed.
    """
    _require_free(name, [] if flags.get("resume") == AUTO else [member.run for member in members])
    with Child.signals() as child:
        for number, member in enumerate(members, 1):
            print(f"{member.title} ({number} of {len(members)}): {member.run}", flush=True)
            status = child.run([sys.executable, *command, *member.flags, "--run", member.run])
            if child.stopped and status <= 0:  # it was complete, or had not begun to wait for signals
                print(f"stopped {'in' if status else 'after'} {member.run}; go on with {remedy(name)}", file=sys.stderr)
                return 128 + child.stopped
            if status < 0:
                raise TrainingStopped(f"{member.run}: its process was killed by signal {-status}; go on with {remedy(name)}")
            if status:
                return status
    return 0


def result_of(run: str, name: str, figures: Sequence[str]) -> dict:
    """result.json of a run of the series `name`. Raises UsageError where it lacks one of `figures`."""
    path = layout.LOG_ROOT / run / layout.RESULT
    result = read_json(path)
    if not all(isinstance(result.get(figure), float) for figure in figures):
        raise UsageError(f"{path}: no result can be read; go on with {remedy(name)}")
    return result


def remedy(name: str) -> str:
    """What goes on with the series."""
    return f"the same command and --run {name} --resume auto"


def _require_free(name: str, runs: list[str]) -> None:
    """Raises UsageError where the series' folder is a run's own, or one of `runs` exists."""
    folder = layout.LOG_ROOT / name
    finished = (folder / layout.SEEDS).exists() or (folder / layout.FOLDS).exists()
    if (folder / layout.ARGUMENTS).exists() and not finished:
        raise UsageError(f"--run {name}: {folder} is a run and no series; choose another name")
    taken = [root / run for run in runs for root in (layout.LOG_ROOT, layout.CHECKPOINT_ROOT) if (root / run).exists()]
    if taken:
        raise UsageError(f"--run {name}: {taken[0]} exists; choose another name, or go on with --resume auto")


def without_seeds(command: list[str]) -> list[str]:
    """`command` without --seeds and its value; the flags that are added behind win over those before."""
    kept, rest = [str(Path(command[0]).resolve())], iter(command[1:])
    for word in rest:
        if word == "--seeds":
            next(rest, None)
        elif not word.startswith("--seeds="):
            kept.append(word)
    return kept


class Child:
    """The run under way, and the signals that are passed on to it. stopped: the number of a stopping signal, 0 for none."""

    def __init__(self):
        self.stopped = 0
        self._process: subprocess.Popen | None = None

    @classmethod
    @contextmanager
    def signals(cls) -> Iterator["Child"]:
        """Pass signals on from here, and put the former handlers back afterwards."""
        child = cls()
        former = {number: signal.signal(number, child._pass_on) for number in (*stopping(), signal.SIGUSR1)}
        try:
            yield child
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def run(self, command: list[str]) -> int:
        """The exit status of `command`, negative where a signal killed it.

        It is in a process group of its own, so that Ctrl-C reaches it once, through here.
        """
        start = _beginning(os.getpid())
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=start)
        if self.stopped:  # it came while the process was started
            self._process.send_signal(self.stopped)
        return self._process.wait()

    def _pass_on(self, number: int, frame) -> None:
        if number != signal.SIGUSR1:
            self.stopped = number
        if self._process:
            self._process.send_signal(number)


def _beginning(parent: int) -> Callable[[], None]:
    """What a child does before all else. parent: on Linux the child saves and ends when that process is killed."""
    library = ctypes.CDLL(None) if sys.platform.startswith("linux") else None

    def begin() -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # it would end a process that does not handle it yet
        if library:
            library.prctl(_DEATH_SIGNAL, signal.SIGTERM)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)

    return begin
