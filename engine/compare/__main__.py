"""Compare runs on the same test images.

python -m engine.compare log/A log/B ...       is the difference more than chance?
"""

import argparse
import sys
from pathlib import Path

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.console import progress
from data_preprocessing.common.errors import one_line, printable
from data_preprocessing.common.files import reason, replacing
from engine.compare import report
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
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments or runs, 3 where nothing can be written."""
    args = get_args_parser().parse_args(argv)
    try:
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


def _compare(folders: list[Path], out: Path | None) -> None:
    runs = read_runs(folders)
    found = compare(runs, lambda parts: progress(parts, None, "resampling images"))
    parts = report.sections(found)
    heading = f"{len(runs)} runs compared"
    print(report.markdown(parts, heading))
    if not out:
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is no folder; choose another")
    from engine.compare.curves import plot_learning_curves  # matplotlib takes a second

    out.mkdir(parents=True, exist_ok=True)
    image = out / NAMES[2]
    missing = plot_learning_curves(found.configurations, image)
    drawn = len(missing) < len(runs)
    if missing:
        print(f"without metrics.csv, not in {NAMES[2]}: {', '.join(missing)}")
    texts = (
        report.markdown(parts, heading, NAMES[2] * drawn),
        report.html(parts, heading, image.read_bytes() if drawn else None),
    )
    for name, text in zip(NAMES, texts):
        with replacing(out / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    print(f"written: {out}/ ({', '.join(NAMES[: 2 + drawn])})")


if __name__ == "__main__":
    sys.exit(main())
