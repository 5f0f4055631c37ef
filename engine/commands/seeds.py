"""`--seeds 0,1,2`: one ordinary training run a seed, each in a process of its own, and what they come to together.

A process a seed, because then a run of the series is the run that `--seed` alone gives, to the bit, whatever ran before it;
its memory is given back, and several GPUs are the run's own affair. Imports no torch.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.compare.statistics import summarise_seeds
from engine.compare.wording import FIGURES, shown, shown_interval, title
from engine.config.settings import AUTO, resolve, seed_numbers
from engine.errors import TrainingStopped, UsageError
from engine.run_folder import layout
from engine.run_folder.signals import stopping

SUMMARY = "seeds.json"
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def train_seeds(flags: dict, command: list[str]) -> int:
    """Train the runs NAME_seed<k> one after the other, then write log/NAME/seeds.json and print a table.

    flags: the command line's, only those given. command: the script and its arguments. Returns the exit status: of the
    first run that does not end with 0, which leaves the later ones undone. Raises UsageError where a run of the series
    exists and --resume auto was not given, and TrainingStopped where a run's process was killed.
    """
    if "WORLD_SIZE" in os.environ:
        raise UsageError("--seeds starts a process a run: give GPUs by --gpu 0,1 in place of torchrun, or seeds one by one")
    seeds = seed_numbers(flags["seeds"])
    name = flags.get("run") or f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{resolve(flags, {}).model}"
    runs = [f"{name}_seed{seed}" for seed in seeds]
    _require_free(name, [] if flags.get("resume") == AUTO else runs)
    with _Child.signals() as child:
        for seed, run in zip(seeds, runs):
            print(f"seed {seed} ({seeds.index(seed) + 1} of {len(seeds)}): {run}", flush=True)
            status = child.run([sys.executable, *_without_seeds(command), "--seed", str(seed), "--run", run])
            if child.stopped and status <= 0:  # it was complete, or had not begun to wait for signals
                print(f"stopped {'in' if status else 'after'} {run}; go on with {_remedy(name)}", file=sys.stderr)
                return 128 + child.stopped
            if status < 0:
                raise TrainingStopped(f"{run}: its process was killed by signal {-status}; go on with {_remedy(name)}")
            if status:
                return status
    print(summarise(name, seeds, runs))
    return 0


def summarise(name: str, seeds: tuple[int, ...], runs: list[str]) -> str:
    """Write log/<name>/seeds.json and return its table as text. Raises UsageError where a run has no result."""
    results = []
    for run in runs:
        path = layout.LOG_ROOT / run / layout.RESULT
        results.append(layout.read_json(path))
        if not all(isinstance(results[-1].get(figure), float) for figure in FIGURES):
            raise UsageError(f"{path}: no result can be read; go on with {_remedy(name)}")
    figures = {figure: summarise_seeds([result[figure] for result in results]) for figure in FIGURES}
    content = {"seeds": seeds, "runs": runs, "split": results[0]["split"], "pictures": results[0]["pictures"]}
    content["warnings"] = list(dict.fromkeys(text for result in results for text in result.get("warnings", [])))
    for figure, found in figures.items():
        values = [result[figure] for result in results]
        content[figure] = {"values": values, "mean": found.mean, "sd": found.sd, "interval": found.interval}
    folder = layout.LOG_ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    layout.write_json(folder / SUMMARY, content)
    rows = {run: [shown(figure, result[figure]) for figure in FIGURES] for run, result in zip(runs, results)}
    rows["mean"] = [shown(figure, found.mean) for figure, found in figures.items()]
    rows["standard deviation"] = [shown(figure, found.sd) for figure, found in figures.items()]
    rows["95 % interval"] = [shown_interval(figure, found.interval) for figure, found in figures.items()]
    width = max(map(len, rows))
    lines = [f"{label:<{width}}" + "".join(f"{cell:>22}" for cell in row) for label, row in rows.items()]
    head = " " * width + "".join(f"{title(figure):>22}" for figure in FIGURES)
    tail = f"over {len(seeds)} seeds on {content['split']} (Student's t); written: {folder / SUMMARY}"
    return "\n".join([head, *lines, *(f"{layout.WARNING}{text}" for text in content["warnings"]), tail])


def _remedy(name: str) -> str:
    return f"the same command and --run {name} --resume auto"


def _require_free(name: str, runs: list[str]) -> None:
    """Raises UsageError where the series' folder is a run's own, or one of `runs` exists."""
    if (layout.LOG_ROOT / name / layout.ARGUMENTS).exists():
        raise UsageError(f"--run {name}: {layout.LOG_ROOT / name} is a run and no series; choose another name")
    taken = [root / run for run in runs for root in (layout.LOG_ROOT, layout.CHECKPOINT_ROOT) if (root / run).exists()]
    if taken:
        raise UsageError(f"--run {name}: {taken[0]} exists; choose another name, or go on with --resume auto")


def _without_seeds(command: list[str]) -> list[str]:
    """`command` without --seeds and its value; the flags that are added behind win over those before."""
    kept, rest = [str(Path(command[0]).resolve())], iter(command[1:])
    for word in rest:
        if word == "--seeds":
            next(rest, None)
        elif not word.startswith("--seeds="):
            kept.append(word)
    return kept


class _Child:
    """The run under way, and the signals that are passed on to it. stopped: the number of a stopping signal, 0 for none."""

    def __init__(self):
        self.stopped = 0
        self._process: subprocess.Popen | None = None

    @classmethod
    @contextmanager
    def signals(cls) -> Iterator["_Child"]:
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
