"""When a run is hit, how, and how it is seen afterwards that the blow came at that moment."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.faults.trials import Attempt

BEGINNING, TRAINING, END = range(3)  # where in a chain of blows one can come
Wait = Callable[[Attempt, Random], bool]  # waits for a moment; False where the process ended before it came


def until(attempt: Attempt, condition: Callable[[], bool], spin: bool = False) -> bool:
    """Wait for `condition`. spin: without any pause, for moments that last for less than a millisecond."""
    while True:
        for _ in range(100 if spin else 1):
            if condition():
                return True
        if attempt.process.is_over():
            return False
        if time.monotonic() - attempt.began > 120:
            attempt.process.end_all()
            raise TimeoutError(f"{attempt.folder}: not there after 120 s: {attempt.text()[-300:]}")
        if not spin:
            time.sleep(0.0005)


def anywhere(seconds: float) -> Wait:
    """At a uniformly random time of a run that takes `seconds`."""

    def wait(attempt: Attempt, rng: Random) -> bool:
        end = attempt.began + rng.uniform(0, seconds)
        return until(attempt, lambda: time.monotonic() >= end)

    return wait


def in_a_step(attempt: Attempt, rng: Random) -> bool:
    """Some time after a step that is told, wherever in the next one that is."""
    if not until(attempt, lambda: attempt.position() >= 0):
        return False
    begin, total = attempt.position(), attempt.shape.total
    aim = begin + rng.randint(0, (total - begin) * 6 // 10)
    if not until(attempt, lambda: attempt.position() >= aim):
        return False
    time.sleep(rng.uniform(0, 0.02))
    return not attempt.process.is_over()


def before_a_checkpoint(attempt: Attempt, rng: Random) -> bool:
    """After the first steps, before anything is saved."""
    return until(attempt, lambda: attempt.position() >= 1)


def writing_a_checkpoint(attempt: Attempt, rng: Random) -> bool:
    """While one of the next checkpoints is written."""
    partial = attempt.last.with_name("last.pth.partial")
    for _ in range(rng.randint(1, 4)):
        if not (until(attempt, lambda: not partial.exists(), spin=True) and until(attempt, partial.exists, spin=True)):
            return False
    time.sleep(rng.uniform(0, 0.004))
    return True


def between_last_and_best(epoch: int) -> Wait:
    """When last.pth holds `epoch`, the best of the run, and best.pth does not yet."""

    def wait(attempt: Attempt, rng: Random) -> bool:
        if not until(attempt, lambda: f"\nepoch {epoch}/" in attempt.text()):
            return False
        before = inode(attempt.last)
        return until(attempt, lambda: inode(attempt.last) != before, spin=True)

    return wait


def drawing(attempt: Attempt, rng: Random) -> bool:
    """While a figure is written."""
    figure = attempt.log / f"{rng.choice(['curves', 'confusion_matrix', 'f1'])}.partial.png"
    return until(attempt, figure.exists, spin=True)


def building_the_cache(attempt: Attempt, rng: Random) -> bool:
    """While decoded images are written."""
    folder = attempt.folder / "data/cache"
    return until(attempt, lambda: any(folder.glob("*.partial")), spin=True)


def evaluating(attempt: Attempt, rng: Random) -> bool:
    """After an epoch's last step, before its figures are told."""
    last = f"step {attempt.shape.steps}/"
    told = attempt.text().count(last)
    return until(attempt, lambda: attempt.text().count(last) > told, spin=True)


def writing_records(attempt: Attempt, rng: Random) -> bool:
    """While the run's records are written at its start."""
    files = [attempt.log / name for name in ("args.json.partial", "pictures.csv.partial")]
    return until(attempt, lambda: any(file.exists() for file in files), spin=True)


def reporting(attempt: Attempt, rng: Random) -> bool:
    """In the final report, anywhere between its first words and result.json."""
    if not until(attempt, lambda: "chosen:" in attempt.text(), spin=True):
        return False
    time.sleep(rng.uniform(0, 0.5))
    return not (attempt.log / "result.json").exists()


def writing_predictions(attempt: Attempt, rng: Random) -> bool:
    """While predictions.csv is written."""
    until(attempt, lambda: "chosen:" in attempt.text())
    return until(attempt, (attempt.log / "predictions.csv.partial").exists, spin=True)


def inode(path) -> int | None:
    """What tells one file from the next of its name."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def partial_is_left(name: str) -> Callable[[Attempt], bool]:
    """Whether a file that matches `name` in the trial's folder was begun by this attempt and not finished."""
    return lambda attempt: any(path.stat().st_mtime_ns >= attempt.began_ns for path in attempt.folder.rglob(name))


def kill(attempt: Attempt, rng: Random) -> None:
    """End the main process, and nothing else, at once."""
    attempt.process.send(signal.SIGKILL)


def ask(number: int, group: bool = False) -> Callable[[Attempt, Random], None]:
    """Send a signal that can be answered."""
    return lambda attempt, rng: attempt.process.send(number, group)


def kill_a_worker(attempt: Attempt, rng: Random) -> None:
    """End one of the loading processes, as the kernel does when memory is short."""
    os.kill(rng.choice(attempt.process.workers()), signal.SIGKILL)


def kill_an_idle_worker(attempt: Attempt, rng: Random) -> None:
    """End one of those that load for training, the oldest, while they wait for the next epoch."""
    os.kill(min(attempt.process.workers()), signal.SIGKILL)


def interrupt_twice(attempt: Attempt, rng: Random) -> None:
    """Ctrl-C by somebody who does not wait for the first one's answer."""
    for _ in range(2):
        attempt.process.send(signal.SIGINT)
        time.sleep(0.001)


def ask_to_save(attempt: Attempt, rng: Random) -> None:
    """SIGUSR1; when a checkpoint has appeared and training has gone on, kill."""
    before, position = inode(attempt.last), attempt.position()
    attempt.process.send(signal.SIGUSR1)
    saved = until(attempt, lambda: inode(attempt.last) != before)
    if saved and until(attempt, lambda: attempt.position() > position):
        kill(attempt, rng)


@dataclass(frozen=True)
class Fault:
    """stage: BEGINNING, TRAINING or END. moment, blow: when and how. came: whether it came then, seen when all is over.

    status, says: of the process that is hit, its exit status and a part of its one line on stderr. loses: whether steps
    since the last checkpoint may be lost. needs: arguments of Trial.start. own_cache: in a trial that builds its own.
    """

    name: str
    stage: int
    moment: Wait
    came: Callable[[Attempt], bool] = lambda attempt: True
    blow: Callable[[Attempt, Random], None] = kill
    status: int = -signal.SIGKILL
    says: str = "last.pth"
    loses: bool = True
    needs: dict = field(default_factory=dict)
    own_cache: bool = False


def _in_training(attempt: Attempt) -> bool:
    return 0 <= attempt.position() < attempt.shape.total


def faults(seconds: float, best: int) -> list[Fault]:
    """All of them; seconds: what an undisturbed run takes, best: its best epoch."""
    stop = dict(came=_in_training, loses=False)
    return [
        Fault("kill -9 at any time", TRAINING, anywhere(seconds)),
        Fault("kill -9 in a step", TRAINING, in_a_step, _in_training),
        Fault("kill -9 before the first checkpoint", BEGINNING, before_a_checkpoint, lambda attempt: not attempt.last.exists()),
        Fault("kill -9 in the writing of a checkpoint", TRAINING, writing_a_checkpoint, partial_is_left("last.pth.partial")),
        Fault(
            "kill -9 between last.pth and best.pth",
            BEGINNING,
            between_last_and_best(best),
            lambda attempt: inode(attempt.last) != inode(attempt.best),
        ),
        Fault("kill -9 in a plot", TRAINING, drawing, partial_is_left("*.partial.png")),
        Fault("kill -9 in the build of the cache", BEGINNING, building_the_cache, partial_is_left("*.partial"), own_cache=True),
        Fault(
            "kill -9 in evaluation",
            TRAINING,
            evaluating,
            lambda attempt: f"step {attempt.shape.steps}/" in attempt.text().splitlines()[-1],
        ),
        Fault("kill -9 in the writing of the records", TRAINING, writing_records, partial_is_left("log/*/*.partial")),
        Fault("kill -9 in the final report", END, reporting, lambda attempt: not (attempt.log / "result.json").exists()),
        Fault("kill -9 in predictions.csv", END, writing_predictions, partial_is_left("predictions.csv.partial")),
        Fault("kill -9 of a loading process", TRAINING, in_a_step, blow=kill_a_worker, status=3, needs={"workers": 2}, **stop),
        Fault(
            "kill -9 of an idle loading process",
            TRAINING,
            evaluating,
            blow=kill_an_idle_worker,
            status=3,
            needs={"workers": 2},
            **stop,
        ),
        Fault("SIGTERM", TRAINING, in_a_step, blow=ask(signal.SIGTERM), status=143, **stop),
        Fault("SIGTERM to all processes", TRAINING, in_a_step, blow=ask(signal.SIGTERM, group=True), status=143, **stop),
        Fault("SIGINT", TRAINING, in_a_step, blow=ask(signal.SIGINT), status=130, **stop),
        Fault("SIGINT to all processes (Ctrl-C)", TRAINING, in_a_step, blow=ask(signal.SIGINT, group=True), status=130, **stop),
        Fault(
            "SIGINT twice in the writing of a checkpoint",
            TRAINING,
            writing_a_checkpoint,
            lambda attempt: "stopped by SIGINT" in attempt.error_lines()[0],
            interrupt_twice,
            status=130,
            says="stopped",
        ),
        Fault("SIGUSR1, then kill -9", TRAINING, in_a_step, _in_training, ask_to_save, needs={"save_every": 1000}, loses=True),
    ]
