"""The whole of report.html, from records, predictions and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_preprocessing.common.html import document, escaped
from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report import sections
from engine.report.confusion import confusion_table, shown_cells
from engine.report.faces import Faces, cell_templates, cell_title
from engine.report.facts import notes, what_ran
from engine.report.selection import cells, confident_mistakes, doubtful_hits
from engine.report.statistics import PooledIntervals, calibration, class_intervals, macro_f1_interval
from engine.report.thumbnails import Thumbnails

_MOST_BYTES = 4_600_000  # of the page, where there are too many pictures for it
_CSS, _SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))


@dataclass(frozen=True)
class Content:
    """What the page tells.

    title: the run's name. status: what the figures are of, in a sentence. record: args.json. weights: facts about the tested
    checkpoint, None while training. warnings: one line each. history: as in metrics.csv, selection: what its "valid" is,
    best: the chosen epoch. timing: as in timing.csv. evaluated: time of the last evaluation, in words. memory: MiB, of the
    process and on the GPU. batch: address, width and height of the first batch as augmented. intervals, folds: of a
    cross-validation, its intervals and its table as HTML.
    """

    title: str
    status: str
    record: dict
    weights: dict | None
    warnings: Sequence[str]
    history: Sequence[dict]
    selection: str
    best: int | None
    timing: Sequence[dict]
    evaluated: str
    memory: tuple[float | None, float | None]
    batch: tuple[str, int, int] | None
    intervals: PooledIntervals | None = None
    folds: str = ""


def render(content: Content, predictions: Predictions, split: Split, classes: Sequence[str], thumbnails: Thumbnails) -> str:
    """The page, below 5 MB. predictions: of the pictures of `split`, in their order. Pictures that cannot be read, or for
    which there is no time, are named alone."""
    metrics, reliability = predictions.metrics(), calibration(predictions)
    macro_f1 = content.intervals.macro_f1 if content.intervals else macro_f1_interval(metrics)
    over = content.intervals.over if content.intervals else "the pictures"
    if content.intervals:
        metrics = replace(metrics, interval=content.intervals.accuracy)
    intervals = class_intervals(metrics)
    shown = shown_cells(cells(predictions), len(classes))
    faces = Faces(predictions, split, classes, thumbnails)
    mistakes, hits = confident_mistakes(predictions), doubtful_hits(predictions)
    parts = [
        _top(content),
        sections.headline(metrics, macro_f1, reliability),
        sections.warnings([*content.warnings, *notes(content.record)]),
        _section("Folds", content.folds and f"{_OF_FOLDS}{content.folds}"),
        _section("Curves", sections.curves(content.history, content.selection, content.best)),
        _section("Confusion matrix", _HOW_TO_OPEN + confusion_table(metrics, shown, classes)),
        _section("Classes", sections.class_figures(metrics, intervals, classes, over)),
        _section("Calibration", sections.calibration_figures(reliability)),
        _section("Most confident mistakes", faces.gallery(mistakes) if mistakes else "<p>No mistakes.</p>"),
        _section("Least confident hits", faces.gallery(hits) if hits else "<p>No hits.</p>"),
        _section("First training batch", _batch(content.batch)),
        _section("What ran", sections.facts(what_ran(content.record, content.weights), content.record.get("arguments", {}))),
        _section("Time and memory", sections.costs(content.timing, content.evaluated, content.memory)),
        _DIALOG,
    ]
    left = _MOST_BYTES - sum(len(part.encode()) for part in parts)
    parts.append(cell_templates(shown, lambda cell: cell_title(cell, classes, metrics.support[cell.true]), faces.item, left))
    return document(content.title, parts, _CSS, _SCRIPT)


_HOW_TO_OPEN = (
    "<p>A cell opens its pictures: click, or Enter; the arrow keys go from cell to cell, Escape closes.</p>"
    "<noscript><p>Cells open in browsers that run scripts; this page's own is switched off here.</p></noscript>"
)
_OF_FOLDS = (
    "<p>Every image is tested once, by the network of its fold. The intervals of accuracy, balanced accuracy and macro F1 draw "
    "whole persons again (bootstrap), where persons are known; those of single classes below take images as independent.</p>"
)
_DIALOG = (
    '<dialog id="cell" aria-labelledby="cell-title"><button id="close" type="button">Close</button>'
    '<div id="cell-content"></div></dialog>'
)
_LINKS = (
    "Folds",
    "Curves",
    "Confusion matrix",
    "Classes",
    "Calibration",
    "Most confident mistakes",
    "What ran",
    "Time and memory",
)


def _top(content: Content) -> str:
    absent = ["Curves"] * (not content.history) + ["Folds"] * (not content.folds)
    links = "".join(f'<li><a href="#{_anchor(name)}">{name}</a></li>' for name in _LINKS if name not in absent)
    return (
        f'<header><h1>{escaped(content.title)}</h1><button id="theme" type="button" hidden>Theme</button></header>'
        f'<p class="status">{escaped(content.status)}</p><nav aria-label="Sections"><ul>{links}</ul></nav>'
    )


def _section(heading: str, content: str) -> str:
    if not content:
        return ""
    return f'<section aria-labelledby="{_anchor(heading)}"><h2 id="{_anchor(heading)}">{heading}</h2>{content}</section>'


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _batch(picture: tuple[str, int, int] | None) -> str:
    if picture is None:
        return ""
    source, width, height = picture
    return (
        "<p>As the network sees it, after the random transforms (train_batch.png).</p>"
        f'<img class="batch" src="{source}" width="{width}" height="{height}" alt="First training pictures, with classes">'
    )
