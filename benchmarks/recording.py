"""Records of runs: small folders that are kept with the program, without paths and names of machines, so that figures which
are reported can be looked up and compared again.

    python -m benchmarks.recording log/RUN     keep a small record of a run in benchmarks/records/
"""

import argparse
import csv
import io
import os
import shutil
import sys
from dataclasses import fields
from pathlib import Path

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.errors import one_line, printable
from data_preprocessing.common.files import MOST_TABLE, read_file, reason
from engine.compare.comparison import PLACES
from engine.compare.runs import Run, read_run
from engine.config.flag import MACHINE
from engine.config.flags import DEFAULTS, flag_of, of_lifetime
from engine.config.recipes import Recipe
from engine.config.settings import check_flags, resolve
from engine.errors import UsageError
from engine.report import timing
from engine.run_folder import layout
from engine.run_folder.manifest import read_manifest
from models import MODELS

RECORDS = Path(__file__).resolve().parent / "records"
MOST_PREDICTIONS, MOST_DECISIONS = 100_000, 250_000  # bytes of predictions.csv with the probabilities, and without them
_IDENTITY = ("data", "data_type", "model", "head")  # what the other settings' defaults follow from
_WITHOUT_FLAG = {"more", "eval_transform"}
_SETTINGS = ({*DEFAULTS} | {field.name for field in fields(Recipe)}) - _WITHOUT_FLAG - {*of_lifetime(MACHINE), "seed"}


def record_run(folder: Path, name: str | None = None) -> Path:
    """Keep the finished training run in `folder` as benchmarks/records/<name>/; returns that folder.

    It gets args.json (settings, the command that repeats the run, versions, images per split, time), result.json, metrics.csv
    and predictions.csv: above 100 kB without the probabilities, and not at all where it has more than 250 kB without them.
    Raises UsageError for what is no finished training run, and where the record exists.
    """
    run = read_run(folder)
    if run.settings.get("evaluate"):
        raise UsageError(f"{folder}: is an evaluation; record the training run that it tests")
    if run.settings.get("model") not in MODELS or not isinstance(run.settings.get("seed"), int):
        raise UsageError(f"{folder / layout.ARGUMENTS}: is damaged (no known model, or no seed)")
    name = run.name if name is None else name
    try:
        check_flags({"run": name})
    except UsageError as error:
        raise UsageError(str(error).replace("--run", "--name", 1)) from None
    target = RECORDS / name
    if target.exists():
        raise UsageError(f"benchmarks/records/{name}: exists; choose another --name, or remove it first")
    partial = RECORDS / f".{name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        layout.write_json(partial / layout.ARGUMENTS, _facts(run))
        layout.write_json(partial / layout.RESULT, {**run.result, "run": name, "checkpoint": None})
        if (folder / layout.HISTORY).is_file():
            (partial / layout.HISTORY).write_bytes(read_file(folder / layout.HISTORY, MOST_TABLE))
        predictions = _predictions(folder / layout.PREDICTIONS)
        if predictions:
            (partial / layout.PREDICTIONS).write_bytes(predictions)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _predictions(path: Path) -> bytes:
    """What a record keeps of predictions.csv: all, without the probabilities, or nothing."""
    content = read_file(path, MOST_TABLE)
    if len(content) < MOST_PREDICTIONS:
        return content
    text = io.StringIO(newline="")
    rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline=""))
    csv.writer(text, lineterminator="\n").writerows(row[:3] for row in rows)
    decisions = text.getvalue().encode("utf-8", "surrogateescape")
    return decisions if len(decisions) < MOST_DECISIONS else b""


def _facts(run: Run) -> dict:
    """args.json of a record: of the run's what holds on any machine."""
    settings = run.settings | {"data": _data_name(run.settings.get("data"))}
    for name in (*PLACES, "class_weights"):
        if os.path.isabs(settings.get(name) or ""):
            settings[name] = Path(settings[name]).name
    kept = [*_IDENTITY, *sorted(_SETTINGS - set(_IDENTITY)), "seed", "augmentation", "variant", "eval_transform"]
    machine, epochs = run.facts.get("machine") or {}, timing.read_timing(run.folder / timing.NAME)
    return {
        "command": command_of(settings, str(settings["seed"])),
        "arguments": {name: settings[name] for name in kept if name in settings},
        "classes": list(run.classes),
        "fingerprints": run.facts["fingerprints"],
        "pictures": {split: len(stamps) for split, stamps in read_manifest(run.folder / layout.MANIFEST).items()},
        "device": run.facts.get("device"),
        "seconds": sum(row["seconds"] or 0 for row in epochs) if len(epochs) == len(run.history) else None,
        "processor": {name: machine.get(name) for name in ("cpu", "gpu", "threads")},
        "versions": run.facts.get("versions"),
        "git": run.facts.get("git"),
        "audit": run.facts.get("audit"),
    }


def _data_name(data: str | None) -> str | None:
    """What a record calls the data: a folder's own name in capitals, a file's as it is."""
    if data is None:
        return None
    name = Path(os.path.abspath(data)).name
    return name if Path(name).suffix else name.upper()


def command_of(settings: dict, seeds: str) -> str:
    """The shortest command line that trains with `settings`, whatever the run was started and continued by.

    settings: of args.json. seeds: "1" for --seed, "0,1" for --seeds.
    """
    identity = {name: settings[name] for name in _IDENTITY if settings.get(name) is not None}
    usual = vars(resolve({"data": settings.get("data")} if settings.get("data") else {}, {}))
    words = [] if settings.get("data") is None else ["--data", settings["data"]]
    for name in _IDENTITY[1:]:
        if identity.get(name, usual[name]) != usual[name]:
            words += [flag_of(name), identity[name]]
    usual = vars(resolve(identity, {}))
    for name in sorted(_SETTINGS - set(_IDENTITY)):
        value = settings.get(name, usual[name])
        if value is True and not usual[name]:
            words.append(flag_of(name))
        elif value != usual[name]:
            words += [flag_of(name), f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)]
    script = "main.py" if settings.get("augmentation", True) else "main_no_augmentation.py"
    return " ".join(["python", script, *words, "--seeds" if "," in seeds else "--seed", seeds])


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments or runs, 3 where nothing can be written."""
    parser = OneLineParser(
        prog="python -m benchmarks.recording",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=path, metavar="DIR", help="folder of a finished training run")
    parser.add_argument("--name", help="of the record (default: the run's)")
    args = parser.parse_args(argv)
    try:
        print(f"written: {record_run(args.run, args.name)}/")
    except UsageError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(f"error: {error.filename or 'output'}: {reason(error)}"), file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
