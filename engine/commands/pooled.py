"""What the runs of `--folds` come to: all test images together, with intervals that respect persons, beside the mean of folds.

CK+ and JAFFE are reported so: every image is tested once, by a network that has not seen its person.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_preprocessing.common.files import read_json, replacing
from data_preprocessing.common.words import only_if, quantity
from data_preprocessing.sources.folders import Split
from data_preprocessing.sources.folds import ALONE, Folds, part_of
from engine.commands.results import draw, result
from engine.commands.series import result_of
from engine.compare.statistics import summarise_seeds
from engine.compare.wording import FIGURES, shown, shown_interval, title
from engine.config.flags import Settings
from engine.errors import UsageError
from engine.evaluation.metrics import Metrics, format_table
from engine.evaluation.predictions import Predictions, read_predictions, write_predictions
from engine.network import model_title
from engine.report.pooled_page import write_pooled_page
from engine.report.statistics import PooledIntervals, pooled_intervals
from engine.run_folder import layout
from engine.run_folder.manifest import read_manifest

ASSIGNMENT = "folds.csv"
_FEW_PERSONS = 10
_FACTS = ("device", "git", "versions", "machine")  # of the first run's args.json


@dataclass(frozen=True)
class Pooled:
    """All test images, in the pool's order. where: (N,) their indices in the pool; results: of the folds' runs.

    metrics: their accuracy's interval is that of `intervals`.
    """

    folds: Folds
    runs: list[str]
    results: list[dict]
    split: Split
    where: np.ndarray
    predictions: Predictions
    metrics: Metrics
    intervals: PooledIntervals


def summarise(name: str, folds: Folds, runs: list[str], settings: Settings) -> str:
    """Write log/<name>/ and return its tables as text. Raises UsageError where a run has no result, or one of other images."""
    pooled = _pool(name, folds, runs)
    folder, classes = layout.LOG_ROOT / name, pooled.split.classes
    folder.mkdir(parents=True, exist_ok=True)
    warnings = _warnings(pooled)
    write_predictions(folder / layout.PREDICTIONS, pooled.predictions, pooled.split.paths, classes)
    _write_assignment(folder / ASSIGNMENT, folds)
    draw(folder, f"{model_title(settings)}, {len(runs)} folds", pooled.metrics, classes)
    first = read_json(layout.LOG_ROOT / runs[0] / layout.ARGUMENTS)
    facts = {key: first[key] for key in _FACTS if key in first}
    facts |= {"run": name, "classes": classes, "fingerprints": {"folds": _fingerprint(runs)}, "warnings": warnings}
    layout.write_arguments(folder, vars(settings), **facts)
    layout.write_json(folder / layout.RESULT, _result(name, pooled, warnings, model_title(settings), settings.seed))
    layout.write_json(folder / layout.FOLDS, _summary(pooled, warnings))
    status = (
        f"{model_title(settings)}, {len(runs)} folds: {quantity(len(pooled.where), 'image')}, each tested once by the run of "
        f"its fold. Intervals: bootstrap over {pooled.intervals.over}."
    )
    said: list[str] = []
    head, rows = _table(pooled)
    table = ["", *head], [[label, *cells] for label, cells in rows]
    write_pooled_page(folder, status, pooled.split, pooled.predictions, pooled.intervals, table, warnings, said.append)
    names = ", ".join(sorted(file.name for file in folder.iterdir() if not file.name.startswith(".")))
    lines = [format_table(pooled.metrics, classes), *_as_text(head, rows), *(f"{layout.WARNING}{text}" for text in warnings)]
    tail = f"over {len(runs)} folds; intervals: bootstrap over {pooled.intervals.over}; written: {folder}/ ({names})"
    return "\n".join([*lines, *said, tail])


def _pool(name: str, folds: Folds, runs: list[str]) -> Pooled:
    results = [result_of(run, name, FIGURES) for run in runs]
    pool = folds.pool.split
    places = {path: k for k, path in enumerate(pool.paths)}
    where, parts = [], []
    for fold, run in enumerate(runs):
        file = layout.LOG_ROOT / run / layout.PREDICTIONS
        paths, found = read_predictions(file, pool.classes)
        own = [places.get(path, -1) for path in paths]
        if -1 in own or (folds.test[own] != fold).any() or (np.array(pool.labels)[own] != found.labels).any():
            raise UsageError(f"{file}: is not of the images of fold {fold + 1}: the data have changed; choose another --run")
        where += own
        parts.append(found)
    order = np.argsort(where)
    labels, probabilities = (np.concatenate([getattr(p, key) for p in parts])[order] for key in ("labels", "probabilities"))
    loss = sum(one["loss"] * len(part.labels) for one, part in zip(results, parts)) / len(labels)
    predictions, where = Predictions(labels, probabilities, loss), np.array(where)[order]
    persons = [folds.persons[k] for k in where] if folds.grouped else None
    intervals = pooled_intervals(labels, predictions.predicted, len(pool.classes), persons)
    metrics = replace(predictions.metrics(), interval=intervals.accuracy)
    return Pooled(folds, runs, results, part_of(pool, where, "folds"), where, predictions, metrics, intervals)


def _warnings(pooled: Pooled) -> list[str]:
    """What the runs warned of, each once with its runs, and what is to be said of all together."""
    found: dict[str, list[str]] = {}
    for number, one in enumerate(pooled.results, 1):
        for text in one.get("warnings", []):
            found.setdefault(text, []).append(str(number))
    every = len(pooled.results)
    texts = only_if(not pooled.folds.grouped, ALONE)
    texts += [
        text if len(numbers) == every else f"fold {', '.join(numbers)}: {text}"
        for text, numbers in found.items()
        if ALONE not in text
    ]
    missing = len(pooled.folds.test) - len(pooled.where)
    texts += only_if(
        missing, f"{quantity(missing, 'image')} of {len(pooled.folds.test):,} could not be read and are not tested"
    )
    persons = len(set(pooled.folds.persons))
    if pooled.folds.grouped and persons < _FEW_PERSONS:
        texts.append(f"{quantity(persons, 'person')} are few for a bootstrap: the intervals may be too narrow")
    return layout.unmarked(texts)


def _table(pooled: Pooled) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Headings and labelled rows: each fold, their mean and deviation, all images together with intervals."""
    rows = [
        (run, [*(shown(figure, one[figure]) for figure in FIGURES), f"{one['pictures']:,}"])
        for run, one in zip(pooled.runs, pooled.results)
    ]
    found = {figure: summarise_seeds([one[figure] for one in pooled.results]) for figure in FIGURES}
    rows.append(("mean of the folds", [*(shown(figure, one.mean) for figure, one in found.items()), ""]))
    rows.append(("standard deviation", [*(shown(figure, one.sd) for figure, one in found.items()), ""]))
    whole = [shown(figure, getattr(pooled.metrics, figure)) for figure in FIGURES]
    rows.append(("all images together", [*whole, f"{len(pooled.where):,}"]))
    rows.append(("95 % interval", [*(shown_interval(figure, getattr(pooled.intervals, figure)) for figure in FIGURES), ""]))
    return [*map(title, FIGURES), "images"], rows


def _as_text(head: Sequence[str], rows: Sequence[tuple[str, list[str]]]) -> list[str]:
    width = max(len(label) for label, _ in rows)
    cells = [("", head), *rows]
    return [f"{label:<{width}}" + "".join(f"{cell:>22}" for cell in row[:-1]) + f"{row[-1]:>9}" for label, row in cells]


def _summary(pooled: Pooled, warnings: list[str]) -> dict:
    """folds.json."""
    content = {"runs": pooled.runs, "folds": pooled.folds.names, "pictures": len(pooled.where), "warnings": warnings}
    content |= {"persons": len(set(pooled.folds.persons)) if pooled.folds.grouped else None, "over": pooled.intervals.over}
    for figure in FIGURES:
        values = [one[figure] for one in pooled.results]
        found = summarise_seeds(values)
        whole = {"all": getattr(pooled.metrics, figure), "interval": getattr(pooled.intervals, figure)}
        content[figure] = {"values": values, "mean": found.mean, "sd": found.sd, **whole}
    return content | {"classes": pooled.split.classes, "confusion": pooled.metrics.confusion.tolist()}


def _result(name: str, pooled: Pooled, warnings: list[str], model: str, seed: int) -> dict:
    """result.json as of any run, with the intervals of all images together."""
    intervals = {
        "interval": pooled.intervals.accuracy,
        "balanced_accuracy_interval": pooled.intervals.balanced_accuracy,
        "macro_f1_interval": pooled.intervals.macro_f1,
        "intervals": f"bootstrap over {pooled.intervals.over}",
    }
    facts = {"run": name, "model": model, "seed": seed, "split": "folds", "warnings": warnings}
    return {**facts, **result(pooled.predictions, pooled.split.classes), **intervals}


def _write_assignment(path: Path, folds: Folds) -> None:
    """folds.csv: the fold in which each image is tested, and who is seen, so that others can use the same folds."""
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "subject", "fold"])
        pool = folds.pool.split
        rows = zip(pool.paths, pool.labels, folds.persons, folds.test)
        writer.writerows((name, pool.classes[label], who or "", fold + 1) for name, label, who, fold in rows)


def _fingerprint(runs: list[str]) -> str:
    """SHA-256 over names and contents of all test images, whatever the folds."""
    lines = []
    for run in runs:
        stamps = read_manifest(layout.LOG_ROOT / run / layout.MANIFEST).get("test", {})
        lines += [f"{path} {digest}\n" for path, (*_, digest) in stamps.items()]
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
