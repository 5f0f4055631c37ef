"""What the sections of the page show, as plain texts and rows; page.html lays them out."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from data_preprocessing.common.class_names import display_order
from engine.evaluation.metrics import Metrics
from engine.report.figures import Curve, line_chart
from engine.report.statistics import BINS, Calibration

_MOST_ROWS, _MOST_TIMES = 300, 50  # of a table of epochs or classes, and of the times of epochs


def cards(metrics: Metrics, macro_f1: tuple[float, float], calibration: Calibration) -> list[tuple[str, str, str]]:
    """The figures that one looks for first: name, value, and their 95 % intervals or what they are."""
    low, high = metrics.interval
    present, every = int((metrics.support > 0).sum()), len(metrics.support)
    scored = "classes" if present == every else f"{present} of {every} classes that have images"
    return [
        ("accuracy", f"{100 * metrics.accuracy:.2f} %", f"{100 * low:.2f} to {100 * high:.2f}"),
        ("macro F1", f"{metrics.macro_f1:.4f}", f"{macro_f1[0]:.4f} to {macro_f1[1]:.4f}"),
        ("balanced accuracy", f"{100 * metrics.balanced_accuracy:.2f} %", f"mean recall of the {scored}"),
        ("calibration error", f"{100 * calibration.ece:.2f} %", f"ECE, {BINS} bins"),
    ]


def charts(history: Sequence[dict], selection: str, best: int | None) -> list[tuple[str, Markup]]:
    """Loss and accuracy of both splits: caption and curves."""

    def chart(what: str, percent: bool = False) -> Markup:
        columns = [[float(row.get(f"{split}_{what}", math.nan)) for row in history] for split in ("train", "valid")]
        pair = [Curve("train", "train", columns[0]), Curve(selection, "valid", columns[1])]
        return line_chart(what, [row["epoch"] for row in history], pair, best, percent)

    return [("loss", chart("loss")), ("accuracy (%)", chart("accuracy", percent=True))] if history else []


def epochs(history: Sequence[dict], selection: str) -> dict:
    """The figures of each epoch, or where there are many of one in several: header and rows, and which ones they are."""
    columns = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "valid_balanced_accuracy", "valid_macro_f1")
    rows, more = _thinned(history, _MOST_ROWS, "metrics.csv")
    cells = [[f"{row[name]:.4f}" if name in row else "–" for name in columns] for row in rows]
    return {
        "header": ["epoch", "learning rate", *(c.replace("valid_", f"{selection} ").replace("_", " ") for c in columns)],
        "rows": [[r["epoch"], f"{r.get('learning_rate', math.nan):.3g}", *texts] for r, texts in zip(rows, cells)],
        "more": more,
    }


def _thinned(rows: Sequence[dict], most: int, file: str) -> tuple[Sequence[dict], str]:
    """At most `most` rows at even distances, the last among them, and a note where that is not all."""
    every = -(-len(rows) // most) or 1
    return rows[::-every][::-1], f" (one in {every}; {file} has all)" if every > 1 else ""


def listed_classes(metrics: Metrics, classes: Sequence[str]) -> list[int]:
    """The classes of the table: all, or of many those with the lowest F1."""
    shown = display_order(classes)
    if len(classes) <= _MOST_ROWS:
        return list(shown)
    return sorted(shown, key=lambda k: (metrics.support[k] == 0, metrics.f1[k]))[:_MOST_ROWS]


def bins(calibration: Calibration) -> list[list]:
    """The bins of confidence that have images: bounds, images, mean confidence, accuracy."""
    return [
        [f"{k / BINS:.3f} to {(k + 1) / BINS:.3f}", int(n), f"{100 * c:.1f} %", f"{100 * a:.1f} %"]
        for k, (n, c, a) in enumerate(zip(calibration.counts, calibration.confidence, calibration.accuracy))
        if n
    ]


def costs(timing: Sequence[dict], evaluated: str, memory: tuple[float | None, float | None]) -> dict:
    """Time and memory: lines, and rows of the epochs. timing: as in timing.csv. evaluated: about the last evaluation."""
    lines = [evaluated]
    if timing:
        mean = sum(row["seconds"] or 0 for row in timing) / len(timing)
        speeds = sorted(row["train_pictures_per_s"] for row in timing if row["train_pictures_per_s"])
        speed = f", training at {speeds[len(speeds) // 2]:,.1f} images/s (median)" if speeds else ""
        lines.append(f"An epoch, with its evaluation and saving: {mean:,.1f} s on average{speed}")
    named = zip(("Most memory of the main process", "Most memory on the GPU"), memory)
    lines += [f"{name}: {mib:,.0f} MiB" for name, mib in named if mib]
    shown, more = _thinned(timing, _MOST_TIMES, "timing.csv")
    rows = [[row["epoch"], *("–" if v is None else f"{v:,.1f}" for v in list(row.values())[1:])] for row in shown]
    return {"lines": lines, "rows": rows, "more": more}
