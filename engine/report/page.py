"""The whole of report.html, from records, predictions and images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data_preprocessing.common.class_names import display_order
from data_preprocessing.common.html import document, render_template
from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report import sections
from engine.report.faces import Faces, cell_templates, cell_title, class_name
from engine.report.facts import notes, what_ran
from engine.report.figures import reliability as reliability_diagram
from engine.report.selection import MOST_CLASSES, Cell, cells, confident_mistakes, doubtful_hits, shown_cells
from engine.report.statistics import PooledIntervals, calibration, class_intervals, macro_f1_interval
from engine.report.thumbnails import Thumbnails

_MOST_BYTES = 4_600_000  # of the page, where there are too many images for it
_PAGE = Path(__file__).with_suffix(".html")
_CSS, _SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))


@dataclass(frozen=True)
class Content:
    """What the page says.

    title: the run's name. status: what the figures are of, in a sentence. record: args.json. weights: facts about the tested
    checkpoint, None while training. warnings: one line each. history: as in metrics.csv, selection: what its "valid" is,
    best: the chosen epoch. timing: as in timing.csv. evaluated: time of the last evaluation, in words. memory: MiB, of the
    process and on the GPU. batch: address, width and height of the first batch as augmented. intervals, folds: of a
    cross-validation, its intervals, and header and rows of the table of its folds.
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
    folds: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None


def render(content: Content, predictions: Predictions, split: Split, classes: Sequence[str], thumbnails: Thumbnails) -> str:
    """The page, below 5 MB. predictions: of the images of `split`, in their order. Images that cannot be read, or for
    which there is no time, are named alone."""
    metrics, reliability = predictions.metrics(), calibration(predictions)
    macro_f1 = content.intervals.macro_f1 if content.intervals else macro_f1_interval(metrics)
    if content.intervals:
        metrics = replace(metrics, interval=content.intervals.accuracy)
    shown = shown_cells(cells(predictions), len(classes))
    faces = Faces(predictions, split, classes, thumbnails)

    def title(cell: Cell) -> str:
        return cell_title(cell, classes, metrics.support[cell.true])

    body = render_template(
        _PAGE,
        page=content,
        metrics=metrics,
        names=[class_name(name) for name in classes],
        cards=sections.cards(metrics, macro_f1, reliability),
        warnings=[*content.warnings, *notes(content.record)],
        charts=sections.charts(content.history, content.selection, content.best),
        epochs=sections.epochs(content.history, content.selection),
        is_matrix=len(classes) <= MOST_CLASSES,
        order=display_order(classes),
        cells={(cell.true, cell.predicted): cell for cell in shown},
        title=title,
        listed=sections.listed_classes(metrics, classes),
        intervals=class_intervals(metrics),
        calibration=reliability,
        reliability=reliability_diagram(reliability),
        bins=sections.bins(reliability),
        mistakes=[faces.item(k) for k in confident_mistakes(predictions)],
        hits=[faces.item(k) for k in doubtful_hits(predictions)],
        facts=what_ran(content.record, content.weights),
        settings=sorted((k, v) for k, v in content.record.get("arguments", {}).items() if v is not None),
        costs=sections.costs(content.timing, content.evaluated, content.memory),
    )
    templates = cell_templates(shown, title, faces.item, _MOST_BYTES - len(body.encode()))
    return document(content.title, body + templates, _CSS, _SCRIPT)
