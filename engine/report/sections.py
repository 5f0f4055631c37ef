"""The sections of the page but for the confusion matrix, each from plain figures to HTML."""

import math
from collections.abc import Sequence

from data_preprocessing.common.class_names import display_order
from data_preprocessing.common.html import escaped, table
from engine.evaluation.metrics import Metrics
from engine.report.faces import class_name
from engine.report.figures import Curve, line_chart, reliability
from engine.report.statistics import BINS, Calibration, ClassIntervals, Interval

_MOST_ROWS = 300  # of a table of epochs or classes


def headline(metrics: Metrics, macro_f1: tuple[float, float], calibration: Calibration) -> str:
    """The figures that one looks for first, with their 95 % intervals."""
    cards = [
        ("accuracy", f"{100 * metrics.accuracy:.2f} %", _percent_range(metrics.interval)),
        ("macro F1", f"{metrics.macro_f1:.4f}", f"{macro_f1[0]:.4f} to {macro_f1[1]:.4f}"),
        ("balanced accuracy", f"{100 * metrics.balanced_accuracy:.2f} %", f"mean recall of the {_scored(metrics)}"),
        ("calibration error", f"{100 * calibration.ece:.2f} %", "ECE, 15 bins"),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd><b>{value}</b><small>{more}</small></dd></div>" for name, value, more in cards)
    return f'<dl class="cards">{items}</dl>'


def _scored(metrics: Metrics) -> str:
    """The classes that balanced accuracy and macro F1 are means over."""
    present, every = int((metrics.support > 0).sum()), len(metrics.support)
    return "classes" if present == every else f"{present} of {every} classes that have pictures"


def warnings(texts: Sequence[str]) -> str:
    """What takes away from the figures."""
    if not texts:
        return ""
    items = "".join(f"<li>{escaped(one)}</li>" for one in texts)
    return f'<section class="warnings" aria-labelledby="warnings"><h2 id="warnings">Warnings</h2><ul>{items}</ul></section>'


def facts(rows: Sequence[tuple[str, str]], arguments: dict) -> str:
    """What ran."""
    lines = "".join(f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>' for name, value in rows)
    settings = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td>{escaped(value)}</td></tr>'
        for name, value in sorted(arguments.items())
        if value is not None
    )
    return (
        f'<table class="facts"><caption>Command, data, network, machine</caption>{lines}</table>'
        f'<details><summary>All settings</summary><table class="facts"><caption>Settings</caption>{settings}</table></details>'
    )


def curves(history: Sequence[dict], selection: str, best: int | None) -> str:
    """Loss and accuracy of both splits, and all the figures of each epoch."""
    if not history:
        return ""
    epochs = [row["epoch"] for row in history]
    charts = ""
    for what in ("loss", "accuracy"):
        pair = [Curve("train", "train", _column(history, f"train_{what}"))]
        pair.append(Curve(selection, "valid", _column(history, f"valid_{what}")))
        percent = what == "accuracy"
        chart = line_chart(what, epochs, pair, best, percent)
        charts += f"<figure><figcaption>{what}{' (%)' * percent}</figcaption>{chart}</figure>"
    more = f"<details><summary>Figures of each epoch</summary>{_epochs(history, selection)}</details>"
    return f'<div class="charts">{charts}</div>{more}'


def _column(history: Sequence[dict], name: str) -> list[float]:
    return [float(row.get(name, math.nan)) for row in history]


def _epochs(history: Sequence[dict], selection: str) -> str:
    columns = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "valid_balanced_accuracy", "valid_macro_f1")
    names = [name.replace("valid_", f"{selection} ").replace("_", " ") for name in columns]
    every = -(-len(history) // _MOST_ROWS)
    lines = "".join(
        f'<tr><th scope="row">{row["epoch"]}</th><td class="number">{row.get("learning_rate", math.nan):.3g}</td>'
        + "".join(f'<td class="number">{row[name]:.4f}</td>' if name in row else "<td>–</td>" for name in columns)
        + "</tr>"
        for row in history[::-every][::-1]
    )
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in ("epoch", "learning rate", *names))
    more = f" (one in {every}; metrics.csv has all)" * (every > 1)
    return f'<div class="scroll"><table><caption>Epochs{more}</caption><tr>{head}</tr>{lines}</table></div>'


def class_figures(
    metrics: Metrics, intervals: Sequence[ClassIntervals], classes: Sequence[str], over: str = "the pictures"
) -> str:
    """Precision, recall and F1 of each class with their intervals."""
    shown = display_order(classes)
    more = ""
    if len(classes) > _MOST_ROWS:
        shown = sorted(shown, key=lambda k: (metrics.support[k] == 0, metrics.f1[k]))[:_MOST_ROWS]
        more = f"; the {_MOST_ROWS} with the lowest F1"
    lines = "".join(
        f'<tr><th scope="row">{class_name(classes[k])}</th>'
        f"{_bounded(metrics.precision[k], intervals[k].precision)}{_bounded(metrics.recall[k], intervals[k].recall)}"
        f'{_bounded(metrics.f1[k], intervals[k].f1)}<td class="number">{metrics.support[k]:,}</td></tr>'
        for k in shown
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("class", "precision", "recall", "F1", "pictures"))
    return (
        f'<div class="scroll"><table class="figures"><caption>In per cent, with 95 % intervals{more}</caption>'
        f"<tr>{head}</tr>{lines}</table></div>"
        "<p>Precision and recall: Wilson's interval. F1: Wilson's interval of TP / (TP + FP + FN), carried over (Lam, Gopal "
        f"and Qian, 2023). Macro F1 above: bootstrap over {over}, 10,000 resamples.</p>"
    )


def _bounded(value: float, interval: Interval) -> str:
    if interval is None:
        return '<td class="number">–</td>'
    bounds = f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"
    return f'<td class="number"><b>{100 * value:.1f}</b> <small>{bounds}</small></td>'


def _percent_range(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"


def calibration_figures(calibration: Calibration) -> str:
    """How far the probabilities can be believed: a sentence, the diagram and its table."""
    way = "more" if calibration.gap > 0 else "less"
    rows = [
        [f"{k / BINS:.3f} to {(k + 1) / BINS:.3f}", int(n), f"{100 * c:.1f} %", f"{100 * a:.1f} %"]
        for k, (n, c, a) in enumerate(zip(calibration.counts, calibration.confidence, calibration.accuracy))
        if n
    ]
    return (
        f"<p>Expected calibration error {100 * calibration.ece:.2f} % (Guo et al., 2017, 15 bins): on average the network is "
        f"{100 * abs(calibration.gap):.1f} points {way} confident than it is right.</p><figure>{reliability(calibration)}"
        "<figcaption>Bars: accuracy of the pictures of a bin (pale: fewer than 2 % of them). Points: at their mean confidence. "
        "Dotted: where both would agree.</figcaption></figure><details><summary>Figures of each bin</summary>"
        f"{table('Bins of confidence that have pictures', ['confidence', 'pictures', 'mean confidence', 'accuracy'], rows)}"
        "</details>"
    )


def costs(rows: Sequence[dict], evaluated: str, memory: tuple[float | None, float | None]) -> str:
    """Time and memory: a line, and a table of the epochs. rows: of timing.csv. evaluated: about the last evaluation."""
    peak, gpu = memory
    parts = [f"<li>{escaped(evaluated)}</li>"]
    if rows:
        mean = sum(row["seconds"] or 0 for row in rows) / len(rows)
        speeds = sorted(row["train_pictures_per_s"] for row in rows if row["train_pictures_per_s"])
        speed = f", training at {speeds[len(speeds) // 2]:,.1f} pictures/s (median)" if speeds else ""
        parts.append(f"<li>An epoch, with its evaluation and saving: {mean:,.1f} s on average{speed}</li>")
    if peak:
        parts.append(f"<li>Most memory of the main process: {peak:,.0f} MiB</li>")
    if gpu:
        parts.append(f"<li>Most memory on the GPU: {gpu:,.0f} MiB</li>")
    every = -(-len(rows) // 50) or 1
    cells = [
        [row["epoch"], *("–" if row[name] is None else f"{row[name]:,.1f}" for name in list(row)[1:])]
        for row in rows[::-every][::-1]
    ]
    head = ["epoch", "seconds", "training, pictures/s", "peak memory, MiB", "peak on the GPU, MiB"]
    caption = f"Epochs{f' (one in {every}; timing.csv has all)' * (every > 1)}"
    more = f"<details><summary>Time of each epoch</summary>{table(caption, head, cells)}</details>" if rows else ""
    return f"<ul>{''.join(parts)}</ul>{more}"
