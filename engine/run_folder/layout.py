"""The folder of a run: its log, its arguments, its table of epochs."""

import contextlib
import csv
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from data_preprocessing.common.console import output_gone
from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import read_json, replacing
from engine.errors import UsageError

LOG_ROOT, CHECKPOINT_ROOT = Path("log"), Path("checkpoint")
ARGUMENTS, HISTORY, RESULT, MANIFEST = "args.json", "metrics.csv", "result.json", "pictures.csv"
FIRST_BATCH, PREDICTIONS = "train_batch.png", "predictions.csv"
SEEDS, FOLDS = "seeds.json", "folds.json"  # what a finished series leaves in its folder
WARNING = "warning: "  # before a line that report.html and result.json repeat
START_ELSEWHERE = "start the program in a folder that can be written to"
_CHOOSE_OUT = "choose by --out DIR where the results go"
COLUMNS = (
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "valid_loss",
    "valid_accuracy",
    "valid_balanced_accuracy",
    "valid_macro_f1",
)


class Log:
    """Says a line on the console and keeps it; once `open` names a file, every line so far and to come is in it.

    Where nobody reads the console any more, the file goes on.

    speaks: False keeps silence, in all but the main one of several processes.
    """

    def __init__(self, speaks: bool = True):
        self._speaks, self._silent = speaks, False
        self._early: list[str] = []
        self._path: Path | None = None

    def say(self, text: str) -> None:
        """Print `text` and add it to the log with the time."""
        if not self._speaks:
            return
        print("\n".join(map(printable, text.split("\n"))), flush=True)
        gone = "" if self._silent else output_gone()
        if gone:
            self._silent = True
            text += f"\nnobody reads the output any more ({gone}): from here on it is in this file alone"
        self._add(text)

    def keep(self, text: str) -> None:
        """Add the last word to the log, where that can still be written, without printing it."""
        if self._speaks:
            with contextlib.suppress(OSError):
                self._add(text)

    def _add(self, text: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._early += [f"{stamp}  {line}" for line in text.splitlines()]
        self._write()

    def open(self, path: Path) -> None:
        """Keep the log at `path` from now on, after what is there already."""
        self._path = path
        self._write()

    def _write(self) -> None:
        if self._path:
            with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(line + "\n" for line in self._early)
            self._early = []


def require_place(out: str | None) -> None:
    """Raises UsageError where no folder can be made for results: the one of --out, new or empty, or without it one in log/."""
    if out is None:
        require_writable(LOG_ROOT, _CHOOSE_OUT)
        return
    try:
        if any(Path(out).iterdir()):
            raise UsageError(f"--out {out}: is not empty; choose another folder, or empty this one: nothing is overwritten")
    except FileNotFoundError:
        if os.path.islink(out):
            raise UsageError(f"--out {out}: is a link to nothing; choose another folder") from None
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be read as a folder ({error.strerror}); choose another") from None
    require_writable(Path(out), f"choose another folder for --out {out}")


def require_writable(folder: Path, remedy: str) -> None:
    """Raises UsageError with `remedy` where the folder, or the nearest one above it, cannot be written to or is a file."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UsageError(f"{there.absolute()}: is a file, where a folder of runs should be; move it away")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{there.absolute()}: cannot be written to; {remedy}")


def results_folder(kind: str, name: str | None, out: str | None) -> Path:
    """The folder of an evaluation or a prediction, newly made: `out` where it is given, else as create_run names it.

    Raises UsageError where it cannot be made, or is there already and not empty.
    """
    if out is None:
        return LOG_ROOT / create_run(kind, name, _CHOOSE_OUT)
    require_place(out)
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be made ({error.strerror}); choose another folder") from None
    return Path(out)


def create_run(kind: str, name: str | None = None, remedy: str = START_ELSEWHERE) -> str:
    """Make a new folder log/<run> and return its name: `name`, or the time and `kind`, numbered where that exists.

    Raises UsageError where a folder for the given `name` exists, or with `remedy` where none can be made.
    """
    base = name or f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{kind}"
    for number in range(1, 1000):
        run = base if number == 1 else f"{base}_{number}"
        if (CHECKPOINT_ROOT / run).exists():
            taken = CHECKPOINT_ROOT / run
        else:
            try:
                (LOG_ROOT / run).mkdir(parents=True)
                return run
            except FileExistsError:
                taken = LOG_ROOT / run
            except OSError as error:
                where = Path(error.filename or LOG_ROOT / run).absolute()
                raise UsageError(f"{where}: cannot be made ({error.strerror}); {remedy}") from None
        if name:
            raise UsageError(f"--run {name}: {taken} exists; choose another name, or --resume that run's last.pth")
    raise UsageError(f"{LOG_ROOT / base}: a thousand runs of this second exist")


def unmarked(warnings: Iterable[str]) -> list[str]:
    """Warnings as files keep them: without their mark, each once."""
    return list(dict.fromkeys(text.removeprefix(WARNING) for text in warnings))


def write_json(path: Path, content: dict) -> None:
    """`content` as JSON in one move."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_arguments(folder: Path, arguments: dict, **facts) -> None:
    """args.json: the settings that ran, the command, and `facts` such as fingerprints and versions.

    Where a run goes on, the commands that it was run by before stay in it, under "earlier".
    """
    former = read_json(folder / ARGUMENTS)
    earlier = former.get("earlier", []) if isinstance(former.get("earlier", []), list) else []
    if former:
        earlier.append({name: former.get(name) for name in ("started", "command", "continues", "git", "machine")})
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    content = {"started": started, "command": sys.argv, "arguments": arguments, **facts, "earlier": earlier}
    write_json(folder / ARGUMENTS, content)


def write_history(folder: Path, history: list[dict]) -> None:
    """metrics.csv: a row per epoch; train_loss is of the objective, valid_loss cross-entropy; accuracies are fractions."""
    with replacing(folder / HISTORY) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(history)
