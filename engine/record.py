"""The folder of a run: its log, its arguments, its table of epochs."""

import csv
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from data_preprocessing.errors import printable
from data_preprocessing.files import replacing
from engine.errors import UsageError

LOG_ROOT, CHECKPOINT_ROOT = Path("log"), Path("checkpoint")
ARGUMENTS, HISTORY, RESULT, MANIFEST = "args.json", "metrics.csv", "result.json", "pictures.csv"
FIRST_BATCH = "train_batch.png"
WARNING = "warning: "  # before a line that report.html and result.json repeat
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

    speaks: False keeps silence, in all but the main one of several processes.
    """

    def __init__(self, speaks: bool = True):
        self._speaks = speaks
        self._early: list[str] = []
        self._path: Path | None = None

    def say(self, text: str) -> None:
        """Print `text` and add it to the log with the time."""
        if not self._speaks:
            return
        print("\n".join(map(printable, text.split("\n"))), flush=True)
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


def create_run(kind: str, name: str | None = None) -> str:
    """Make a new folder log/<run> and return its name: `name`, or the time and `kind`, numbered where that exists.

    Raises UsageError where a folder for the given `name` exists.
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
                raise UsageError(f"{LOG_ROOT / run}: cannot be written ({error.strerror})") from None
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


def read_json(path: Path) -> dict:
    """A JSON file's content, {} where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


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
    """metrics.csv: a row an epoch; losses are cross-entropies, accuracies fractions."""
    with replacing(folder / HISTORY) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(history)
