"""The table of recorded runs in docs/reproduction/photographs.md: made from benchmarks/records/ alone, each row naming its run.

python -m benchmarks.results_table [--check]     write it; with --check write nothing, 1 where it is not up to date
"""

import argparse
import sys
from pathlib import Path

from benchmarks.recording import RECORDS, command_of
from data_preprocessing.common.command_line import OneLineParser
from data_preprocessing.common.errors import one_line
from data_preprocessing.common.files import replacing
from engine.compare.comparison import Configuration, find_configurations
from engine.compare.runs import Run, read_run
from engine.compare.wording import FIGURES, shown, shown_interval
from engine.errors import UsageError
from engine.evaluation.metrics import wilson_interval

DOCUMENT = RECORDS.parents[1] / "docs/reproduction/photographs.md"
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
    """The table and the commands of every record in the folder `records`, by configuration."""
    folders = sorted(folder for folder in records.glob("*") if folder.is_dir() and not folder.name.startswith("."))
    if not folders:
        raise UsageError(f"{records}: holds no records; python -m benchmarks.recording log/RUN")
    configurations = find_configurations([read_run(folder, needs_predictions=False) for folder in folders])
    header = ["run", "data", "steps", "epoch chosen", "accuracy (95 %)", "balanced accuracy", "macro F1"]
    rows = []
    for configuration in configurations:
        rows += [_row(run) for run in (*configuration.runs, *configuration.repeats)]
        if configuration.summaries:
            rows.append(_mean_row(configuration))
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    commands = [command_of(c.runs[0].settings, ",".join(str(run.settings["seed"]) for run in c.runs)) for c in configurations]
    return "\n".join(["", *lines, "", "```", *commands, "```", ""])


def _row(run: Run) -> list[str]:
    pictures, split = run.result["pictures"], run.result["split"]
    interval = wilson_interval(round(run.result["accuracy"] * pictures), pictures)
    cells = {name: shown(name, run.result[name]) for name in FIGURES}
    cells["accuracy"] += f" ({shown_interval('accuracy', interval)})"
    data = f"{run.settings.get('data') or 'drawn faces'}, {pictures:,} of {split}"
    name = f"[{run.folder.name}](../../benchmarks/records/{run.folder.name}/result.json)"
    return [name, data, _steps(run), str(run.result.get("epoch", "-")), *cells.values()]


def _mean_row(configuration: Configuration) -> list[str]:
    """Mean, deviation and interval over the seeds of the rows above."""
    cells = [
        f"{shown(name, s.mean)}, {shown(name, s.sd).removesuffix(' %')} ({shown_interval(name, s.interval)})"
        for name, s in configuration.summaries.items()
    ]
    return [f"*{configuration.name}*: mean, deviation (95 %) of these {len(configuration.runs)}", "", "", "", *cells]


def _steps(run: Run) -> str:
    """Optimiser steps of the whole training; a last batch of a single image joins the one before it."""
    number, size = (run.facts.get("pictures") or {}).get("train"), run.settings.get("batch_size")
    if not number or not size:
        return "-"
    an_epoch = -(-number // size) - (number % size == 1 and number > size > 1)
    epochs = int(run.history[-1]["epoch"]) if run.history else run.settings["epochs"]  # --patience may have ended it before
    return f"{epochs * an_epoch:,}"


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
