"""The tables of recorded runs in docs/results.md: made from benchmarks/records/ alone, each row naming its run.

python -m benchmarks.results_table [--check]     write it; with --check write nothing, 1 where it is not up to date
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.recording import RECORDS, command_of
from data_preprocessing.common.command_line import OneLineParser
from data_preprocessing.common.errors import one_line
from data_preprocessing.common.files import replacing
from data_preprocessing.common.words import quantity
from engine.compare.comparison import Configuration, compare_configurations, find_configurations
from engine.compare.runs import Run, read_run
from engine.compare.statistics import mcnemar
from engine.compare.wording import FIGURES, shown, shown_difference, shown_interval, shown_p
from engine.errors import UsageError
from engine.evaluation.metrics import wilson_interval
from engine.training.remaining import duration

DOCUMENT = RECORDS.parents[1] / "docs/results.md"
BEGIN = "<!-- recorded runs: begin (python -m benchmarks.results_table) -->"
END = "<!-- recorded runs: end -->"


def updated() -> str:
    """The text of the document with the table of the records between its two markers.

    Raises UsageError where a marker is missing or a record is damaged.
    """
    text = DOCUMENT.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UsageError(f"{DOCUMENT.name}: needs the lines {BEGIN} and {END}, once each")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return f"{before}{BEGIN}\n{results(RECORDS)}\n{END}{after}"


def results(records: Path) -> str:
    """The tables and commands of every record in the folder `records`, by data set and configuration."""
    folders = sorted(folder for folder in records.glob("*") if folder.is_dir() and not folder.name.startswith("."))
    if not folders:
        raise UsageError(f"{records}: holds no records; python -m benchmarks.recording log/RUN")
    by_data: dict[str, list[Run]] = {}
    for run in (read_run(folder, needs_predictions=False) for folder in folders):
        by_data.setdefault(run.settings.get("data") or "drawn faces", []).append(run)
    return "\n".join(_section(data, find_configurations(runs)) for data, runs in by_data.items())


def _section(data: str, configurations: list[Configuration]) -> str:
    rows = []
    for configuration in configurations:
        rows += [_row(run) for run in (*configuration.runs, *configuration.repeats)]
        if configuration.summaries:
            rows.append(_mean_row(configuration))
    header = "run", "images", "steps", "epoch chosen", "accuracy (95 %)", "balanced accuracy", "macro F1", "time", "machine"
    lines = [f"\n## {data}\n", *_table(header, rows)]
    differences = _differences(configurations)
    if differences:
        header = "first", "second", "accuracy, points (95 %)", "Welch's t: p", "McNemar's p per seed"
        lines += ["\nDifferences of the means, first - second; p after Holm's correction:\n", *_table(header, differences)]
    commands = [command_of(c.runs[0].settings, ",".join(str(run.settings["seed"]) for run in c.runs)) for c in configurations]
    return "\n".join([*lines, "", "```", *commands, "```", ""])


def _table(header: Sequence[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]


def _row(run: Run) -> list[str]:
    images, split = run.result["pictures"], run.result["split"]
    interval = wilson_interval(round(run.result["accuracy"] * images), images)
    cells = {name: shown(name, run.result[name]) for name in FIGURES}
    cells["accuracy"] += f" ({shown_interval('accuracy', interval)})"
    name = f"[{run.folder.name}](../benchmarks/records/{run.folder.name}/result.json)"
    epoch = str(run.result.get("epoch", "-"))
    return [name, f"{images:,} of {split}", _steps(run), epoch, *cells.values(), _time(run), _machine(run)]


def _mean_row(configuration: Configuration) -> list[str]:
    """Mean, deviation and interval over the seeds of the rows above."""
    cells = [
        f"{shown(name, s.mean)}, {shown(name, s.sd).removesuffix(' %')} ({shown_interval(name, s.interval)})"
        for name, s in configuration.summaries.items()
    ]
    return [f"*{configuration.name}*: mean, deviation (95 %) of these {len(configuration.runs)}", "", "", "", *cells, "", ""]


def _differences(configurations: list[Configuration]) -> list[list[str]]:
    """A row for every two configurations with several seeds: Welch's test over seeds, McNemar's on the images of each seed."""
    by_name = {configuration.name: configuration for configuration in configurations}
    rows = []
    for pair in compare_configurations(configurations):
        if pair.figure != "accuracy":
            continue
        first, second = ({run.settings["seed"]: run for run in by_name[name].runs} for name in (pair.first, pair.second))
        tests = [_paired(run, second[seed]) for seed, run in first.items() if seed in second]
        difference = "-"
        if pair.welch:
            interval = shown_interval("accuracy", pair.welch.interval, "+")
            difference = f"{shown_difference('accuracy', pair.welch.difference)} ({interval})"
        rows.append([pair.first, pair.second, difference, shown_p(pair.p), ", ".join(tests) or "-"])
    return rows


def _paired(first: Run, second: Run) -> str:
    if first.paths != second.paths or not first.paths:
        return "-"
    return shown_p(mcnemar(first.predicted == first.labels, second.predicted == second.labels).p)


def _steps(run: Run) -> str:
    """Optimiser steps of the whole training; a last batch of a single image joins the one before it."""
    number, size = (run.facts.get("pictures") or {}).get("train"), run.settings.get("batch_size")
    if not number or not size:
        return "-"
    an_epoch = -(-number // size) - (number % size == 1 and number > size > 1)
    epochs = int(run.history[-1]["epoch"]) if run.history else run.settings["epochs"]  # --patience may have ended it before
    return f"{epochs * an_epoch:,}"


def _time(run: Run) -> str:
    """Of training and validation; "-" in records that do not have it."""
    return duration(run.facts["seconds"]) if run.facts.get("seconds") else "-"


def _machine(run: Run) -> str:
    processor = run.facts.get("processor") or {}
    if processor.get("gpu"):
        return processor["gpu"]
    threads = processor.get("threads")
    return f"{processor.get('cpu') or '-'}" + (f", {quantity(threads, 'thread')}" if threads else "")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 with --check and another table, 2 for damaged records."""
    parser = OneLineParser(
        prog="python -m benchmarks.results_table",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where the table is not up to date")
    check = parser.parse_args(argv).check
    try:
        text = updated()
    except UsageError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    if text == DOCUMENT.read_text(encoding="utf-8"):
        print(f"{DOCUMENT.name}: its table is that of the records")
        return 0
    if check:
        remedy = "python -m benchmarks.results_table"
        print(f"error: {DOCUMENT.name}: its table is not that of the records; {remedy}", file=sys.stderr)
        return 1
    with replacing(DOCUMENT) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"written: {DOCUMENT.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
