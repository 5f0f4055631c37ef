"""Reading what runs left behind, and refusing what cannot be compared. Every refusal is one line that names the difference."""

import csv
import io
import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_preprocessing.common.class_names import match_names
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TABLE, MOST_TEXT, read_file, reason
from engine.compare.wording import FIGURES
from engine.errors import UsageError
from engine.evaluation.metrics import compute_metrics
from engine.run_folder import layout

_SAME = 1e-9  # figures of one table of predictions, computed twice


@dataclass(frozen=True)
class Run:
    """A finished run or evaluation. facts: of args.json; result: of result.json; history: of metrics.csv, () without one.

    paths (N,), labels and predicted (N,) indices into classes: of predictions.csv, in its order; empty where it was left out.
    """

    name: str
    folder: Path
    facts: dict
    result: dict
    history: tuple[dict[str, float], ...]
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: np.ndarray
    predicted: np.ndarray

    @property
    def settings(self) -> dict:
        """The arguments that ran."""
        return self.facts["arguments"]


def read_run(folder: Path, needs_predictions: bool = True) -> Run:
    """The run in `folder`. Raises UsageError where it has no records, or damaged ones."""
    if not os.path.isdir(folder):  # of any text: Path's own raises for some
        missing = "is no folder" if os.path.exists(folder) else "no such folder"
        raise UsageError(f"{folder}: {missing}; give a run's, such as log/NAME")
    if not (folder / layout.ARGUMENTS).is_file():
        raise UsageError(f"{folder}: holds no records of a run ({layout.ARGUMENTS} is missing)")
    if not (folder / layout.RESULT).is_file():
        raise UsageError(f"{folder}: the run is not complete ({layout.RESULT} is missing); go on with --resume auto")
    facts, result = (_read_object(folder / name) for name in (layout.ARGUMENTS, layout.RESULT))
    _require_fields(folder, facts, result)
    classes = tuple(facts["classes"])
    table = folder / layout.PREDICTIONS
    if table.is_file() or needs_predictions:
        paths, labels, predicted = _read_predictions(table, classes)
        _require_agreement(folder, labels, predicted, result, len(classes))
    else:
        paths, labels, predicted = (), np.empty(0, int), np.empty(0, int)
    history = _read_history(folder / layout.HISTORY)
    return Run(folder.resolve().name, folder, facts, result, history, classes, paths, labels, predicted)


def read_runs(folders: list[Path]) -> list[Run]:
    """The runs in `folders`, those of a series of seeds in place of its own folder, all on the same images.

    Labels, predictions and classes are in the order of the first. Runs of one name are called by their folders. Raises
    UsageError where there are fewer than two, one is given twice, or they are not of the same images and classes.
    """
    found: dict[Path, Run] = {}
    for folder in [member for given in folders for member in _members(given)]:
        run = read_run(folder)
        if folder.resolve() in found:
            raise UsageError(f"{folder}: is given twice")
        found[folder.resolve()] = run
    if len(found) < 2:
        raise UsageError("give two runs or more: python -m engine.compare log/A log/B")
    runs = list(found.values())
    names = [run.name for run in runs]
    runs = [replace(run, name=str(run.folder)) if names.count(run.name) > 1 else run for run in runs]
    return [runs[0], *(_aligned(run, runs[0]) for run in runs[1:])]


def _members(folder: Path) -> list[Path]:
    path = folder / layout.SEEDS
    if not os.path.isfile(path):
        return [folder]
    runs = _read_object(path).get("runs")
    if not isinstance(runs, list) or not all(isinstance(name, str) for name in runs):
        raise UsageError(f"{path}: is damaged (no list of runs); give the runs themselves")
    return [folder.parent / name for name in runs]


def _read_object(path: Path) -> dict:
    try:
        content = json.loads(read_file(path, MOST_TEXT).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is damaged ({reason(error)}); test the checkpoint again with --evaluate") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: is damaged (no JSON object)")
    return content


def _require_fields(folder: Path, facts: dict, result: dict) -> None:
    """Raises UsageError where args.json or result.json lack what a comparison reads."""
    classes, split = facts.get("classes"), result.get("split")
    if not isinstance(classes, list) or len(classes) < 2 or not all(isinstance(name, str) for name in classes):
        raise UsageError(f"{folder / layout.ARGUMENTS}: is damaged (no list of classes)")
    for name in ("arguments", "fingerprints"):
        if not isinstance(facts.get(name), dict):
            raise UsageError(f"{folder / layout.ARGUMENTS}: is damaged (no {name})")
    if not isinstance(split, str):
        raise UsageError(f"{folder / layout.RESULT}: is damaged (no split)")
    for name in FIGURES:
        value = result.get(name)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise UsageError(f"{folder / layout.RESULT}: is damaged ({name} is no fraction)")
    if not isinstance(result.get("pictures"), int) or result["pictures"] < 1:
        raise UsageError(f"{folder / layout.RESULT}: is damaged (no number of images)")


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, all of one length."""
    try:
        text = read_file(path, MOST_TABLE).decode("utf-8", "surrogateescape")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; test the checkpoint again with --evaluate") from None
    except (OSError, csv.Error) as error:
        raise UsageError(f"{path}: is damaged ({reason(error)})") from None
    if len(rows) < 2:
        raise UsageError(f"{path}: is damaged (no rows)")
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise UsageError(f"{path}: is damaged (row {number} has {len(row)} fields in place of {len(rows[0])})")
    return rows[0], rows[1:]


def _read_predictions(path: Path, classes: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    header, rows = _read_table(path)
    expected = ["path", "true", "predicted", *(f"p_{name}" for name in classes)]
    if header not in (expected, expected[:3]):  # a record of many images has no probabilities
        raise UsageError(f"{path}: is damaged (its first line does not name {layout.ARGUMENTS}'s classes)")
    index = {name: k for k, name in enumerate(classes)}
    for number, row in enumerate(rows, 2):
        unknown = [name for name in row[1:3] if name not in index]
        if unknown:
            raise UsageError(f"{path}: is damaged (row {number}: {unknown[0][:60]!r} is none of its classes)")
    paths = tuple(row[0] for row in rows)
    if len(set(paths)) < len(paths):
        raise UsageError(f"{path}: is damaged (an image has two rows)")
    labels, predicted = (np.array([index[row[k]] for row in rows]) for k in (1, 2))
    return paths, labels, predicted


def _require_agreement(folder: Path, labels: np.ndarray, predicted: np.ndarray, result: dict, num_classes: int) -> None:
    """Raises UsageError where predictions.csv and result.json are not of one evaluation."""
    metrics = compute_metrics(labels, predicted, num_classes)
    found = {name: getattr(metrics, name) for name in FIGURES} | {"pictures": len(labels)}
    for name, value in found.items():
        if not math.isclose(value, result[name], abs_tol=_SAME, rel_tol=0):
            raise UsageError(
                f"{folder}: {layout.PREDICTIONS} and {layout.RESULT} are not of one evaluation ({name} {value:.6g} and "
                f"{result[name]:.6g}); test the checkpoint again with --evaluate"
            )


def _read_history(path: Path) -> tuple[dict[str, float], ...]:
    if not path.is_file():
        return ()
    header, rows = _read_table(path)
    if header != list(layout.COLUMNS):
        raise UsageError(f"{path}: is damaged (its first line is not {','.join(layout.COLUMNS)})")
    try:
        return tuple({name: float(cell or "nan") for name, cell in zip(header, row)} for row in rows)
    except ValueError as error:
        raise UsageError(f"{path}: is damaged ({error})") from None


def _class_names(run: Run, first: Run) -> tuple[str, ...]:
    """The classes of `run` as `first` writes them: one network's run has "happiness" where another's folders say "happy"."""
    try:
        matches = match_names(first.classes, run.classes)
    except DataError:
        return run.classes
    return tuple(matches.get(name, name) for name in run.classes)


def _aligned(run: Run, first: Run) -> Run:
    """`run` with classes, images and labels in the order of `first`. Raises UsageError naming what differs."""
    pair = f"{first.name} and {run.name} cannot be compared"
    split, other = first.result["split"], run.result["split"]
    if split != other:
        raise UsageError(f"{pair}: they are of {split} and of {other}; test both on one split with --evaluate --split")
    names = _class_names(run, first)
    if set(names) != set(first.classes):
        only = [sorted(set(a) - set(b)) for a, b in ((first.classes, run.classes), (run.classes, first.classes))]
        said = [f"{name} alone has {', '.join(more)}" for name, more in zip((first.name, run.name), only) if more]
        raise UsageError(f"{pair}: their classes differ, {' and '.join(said)}")
    position = {path: k for k, path in enumerate(run.paths)}
    if position.keys() != set(first.paths):
        more, less = sorted(position.keys() - set(first.paths)), sorted(set(first.paths) - position.keys())
        example = f"{run.name if more else first.name} alone has {(more or less)[0]}"
        raise UsageError(
            f"{pair}: their test images differ ({len(first.paths)} and {len(run.paths)}, "
            f"{len(first.paths) - len(less)} in common; {example})"
        )
    contents = [facts["fingerprints"].get(split) for facts in (first.facts, run.facts)]
    if None not in contents and contents[0] != contents[1]:
        raise UsageError(f"{pair}: their {split} images have the same names and other contents (fingerprints in args.json)")
    order = np.array([position[path] for path in first.paths])
    index = np.array([first.classes.index(name) for name in names])
    labels, predicted = index[run.labels[order]], index[run.predicted[order]]
    if (labels != first.labels).any():
        k = int((labels != first.labels).argmax())
        classes = first.classes[first.labels[k]], first.classes[labels[k]]
        raise UsageError(f"{pair}: the true class of {first.paths[k]} is {classes[0]} in one and {classes[1]} in the other")
    return replace(run, classes=first.classes, paths=first.paths, labels=labels, predicted=predicted)
