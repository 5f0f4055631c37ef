"""What copies of training images are worth: a run's accuracy on its test images with and without them.

python -m benchmarks.duplicates AUDIT.csv log/RUN...     audit.csv is of python -m data_preprocessing.audit DIR --out FOLDER

A test image counts as a copy where audit.csv names one of it in train, exact (same SHA-256) or near. Nothing is written.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.errors import one_line
from data_preprocessing.common.files import reason
from engine.compare.runs import Run, read_run
from engine.compare.wording import shown, shown_interval
from engine.errors import UsageError
from engine.evaluation.metrics import wilson_interval


def copies_of_training(audit: Path, split: str) -> tuple[set[str], set[str]]:
    """The images of `split`, by their paths in it, that have an exact copy in train, and those that have a near copy alone.

    Raises UsageError where `audit` cannot be read or is no audit.csv.
    """
    try:
        with open(audit, newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = list(csv.DictReader(file))
        trained = {row["group"] for row in rows if row["kind"] == "exact" and "train" in (row["split"], row["copy_split"])}
        exact = {row["image"] for row in rows if row["kind"] == "exact" and row["split"] == split and row["group"] in trained}
        near = {row["image"] for row in rows if row["split"] == split and row["copy_split"] == "train"}
        near |= {row["copy"] for row in rows if row["copy_split"] == split and row["split"] == "train"}
    except OSError as error:
        raise UsageError(f"{audit}: {reason(error)}") from None
    except (KeyError, csv.Error):
        raise UsageError(f"{audit}: is no audit.csv; python -m data_preprocessing.audit writes one") from None
    return tuple({name.removeprefix(f"{split}/") for name in names} for names in (exact, near - exact))


def accuracies(run: Run, exact: set[str], near: set[str]) -> dict[str, str]:
    """Group of test images -> the run's accuracy on it with Wilson's 95 % interval and the number of images."""
    right = run.predicted == run.labels
    is_exact, is_near = (np.array([name in names for name in run.paths]) for names in (exact, near))
    groups = {
        "all": np.ones(len(right), bool),
        "without exact copies": ~is_exact,
        "without exact and near copies": ~is_exact & ~is_near,
        "exact copies": is_exact,
        "near copies": is_near,
    }
    return {name: _shown(right[chosen]) for name, chosen in groups.items()}


def _shown(right: np.ndarray) -> str:
    if not len(right):
        return "no images"
    interval = wilson_interval(int(right.sum()), len(right))
    return f"{shown('accuracy', right.mean())} ({shown_interval('accuracy', interval)}), n = {len(right):,}"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for wrong arguments, runs or tables."""
    parser = OneLineParser(prog="python -m benchmarks.duplicates", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("audit", type=path, metavar="AUDIT.csv", help="of python -m data_preprocessing.audit")
    parser.add_argument("runs", type=path, nargs="+", metavar="DIR", help="folders of finished runs or evaluations")
    args = parser.parse_args(argv)
    try:
        for folder in args.runs:
            run = read_run(folder)
            print(run.name)
            for name, figure in accuracies(run, *copies_of_training(args.audit, run.result["split"])).items():
                print(f"  {name}: {figure}", flush=True)
    except UsageError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
