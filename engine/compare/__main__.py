"""Compare runs, record them, and make the table of recorded runs.

python -m engine.compare log/A log/B ...       is the difference more than chance?
python -m engine.compare --record log/RUN      keep a small record of a run in benchmarks/records/
python -m engine.compare --table               write the recorded runs into REPRODUCTION.md
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.errors import one_line, printable
from data_preprocessing.common.files import reason, replacing
from engine.compare import recording, report, results_table
from engine.compare.comparison import compare
from engine.compare.runs import read_runs
from engine.errors import UsageError

NAMES = ("compare.md", "compare.html", "compare.png")


def get_args_parser() -> argparse.ArgumentParser:
    """The command line of `python -m engine.compare`."""
    parser = OneLineParser(
        prog="python -m engine.compare",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", type=path, metavar="DIR", help="folder of a run, or of a series of seeds")
    parser.add_argument("--out", type=path, metavar="DIR", help=f"write {', '.join(NAMES)} there as well")
    parser.add_argument("--record", type=path, metavar="DIR", help="keep a record of this run")
    parser.add_argument("--name", help="of the record (default: the run's)")
    parser.add_argument("--table", action="store_true", help="write the table of recorded runs")
    parser.add_argument("--check", action="store_true", help="with --table: write nothing; 1 where it is not up to date")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 with --check and another table, 2 for wrong arguments or runs."""
    args = get_args_parser().parse_args(argv)
    try:
        _check(args)
        if args.record:
            print(f"written: {recording.record_run(args.record, args.name)}/")
        elif args.table:
            return _table(args.check)
        else:
            _compare(args.runs, args.out)
    except UsageError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(f"error: {error.filename or 'output'}: {reason(error)}"), file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def _check(args: argparse.Namespace) -> None:
    """Raises UsageError for arguments that do not go together."""
    if bool(args.runs or args.out) + bool(args.record) + args.table > 1:
        raise UsageError("give runs to compare, or --record DIR, or --table: one at a time")
    if args.name is not None and not args.record:
        raise UsageError("--name is of a record: --record log/RUN --name NAME")
    if args.check and not args.table:
        raise UsageError("--check belongs to --table")


def _table(check: bool) -> int:
    text = results_table.updated()
    path = results_table.DOCUMENT
    if text == path.read_text(encoding="utf-8"):
        print(f"{path.name}: its table is that of the records")
        return 0
    if check:
        print(f"error: {path.name}: its table is not that of the records; python -m engine.compare --table", file=sys.stderr)
        return 1
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"written: {path.name}")
    return 0


def _compare(folders: list[Path], out: Path | None) -> None:
    runs = read_runs(folders)
    found = compare(runs, _bar)
    parts = report.sections(found)
    heading = f"{len(runs)} runs compared"
    print(report.markdown(parts, heading))
    if not out:
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is no folder; choose another")
    from engine.compare.curves import plot_learning_curves  # matplotlib takes a second

    out.mkdir(parents=True, exist_ok=True)
    picture = out / NAMES[2]
    missing = plot_learning_curves(found.configurations, picture)
    drawn = len(missing) < len(runs)
    if missing:
        print(f"without metrics.csv, not in {NAMES[2]}: {', '.join(missing)}")
    texts = (
        report.markdown(parts, heading, NAMES[2] * drawn),
        report.html(parts, heading, picture.read_bytes() if drawn else None),
    )
    for name, text in zip(NAMES, texts):
        with replacing(out / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    print(f"written: {out}/ ({', '.join(NAMES[: 2 + drawn])})")


def _bar(items: Iterable) -> tqdm:
    return tqdm(items, desc="resampling pictures", leave=False, disable=not sys.stderr.isatty())


if __name__ == "__main__":
    sys.exit(main())
