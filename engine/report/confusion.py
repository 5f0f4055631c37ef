"""The confusion matrix as a table of buttons, which open a cell's pictures."""

from collections.abc import Sequence

import numpy as np

from data_preprocessing.common.class_names import display_order
from engine.evaluation.metrics import Metrics
from engine.report.faces import cell_title, class_name
from engine.report.selection import Cell

MOST_CLASSES = 30  # a matrix of more is no table that anybody reads
MOST_PAIRS = 100
_SHADES = 10


def shown_cells(cells: Sequence[Cell], number_of_classes: int) -> list[Cell]:
    """Those that the page has: all, or of many classes the largest mistakes."""
    if number_of_classes <= MOST_CLASSES:
        return list(cells)
    return [cell for cell in cells if cell.true != cell.predicted][:MOST_PAIRS]


def confusion_table(metrics: Metrics, cells: Sequence[Cell], classes: Sequence[str]) -> str:
    """Counts and row percentages, rows the true classes; of more than 30 classes a list of the largest mistakes.

    cells: as `shown_cells` gives.
    """
    if len(classes) > MOST_CLASSES:
        return _pairs(metrics, cells, classes)
    by_place = {(cell.true, cell.predicted): cell for cell in cells}
    order = display_order(classes)
    head = "".join(f'<th scope="col"><span>{class_name(classes[k])}</span></th>' for k in order)
    lines = []
    for row in order:
        total = int(metrics.support[row])
        entries = "".join(_entry(by_place.get((row, column)), row == column, total, classes, column) for column in order)
        lines.append(
            f'<tr><th scope="row"><span>{class_name(classes[row])}</span> <small>{total:,}</small></th>{entries}'
            f'<td class="rate">{_percent(metrics.recall[row], total)}</td></tr>'
        )
    called = metrics.confusion.sum(axis=0)
    last = "".join(f'<td class="rate">{_percent(metrics.precision[k], called[k])}</td>' for k in order)
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">'
        '<table class="matrix"><caption>Rows: true class. Columns: taken for.</caption>'
        f'<tr><td></td>{head}<th scope="col"><span>recall</span></th></tr>{"".join(lines)}'
        f'<tr><th scope="row">precision</th>{last}<td></td></tr></table></div>'
    )


def _entry(cell: Cell | None, is_hit: bool, total: int, classes: Sequence[str], column: int) -> str:
    kind = "hit" if is_hit else "miss"
    if cell is None:
        return f'<td class="{kind} s0">{"0" if total else "–"}</td>'
    share = cell.pictures / total
    shade = int(np.ceil(_SHADES * share))
    return f'<td class="{kind} s{shade}">{_button(cell, classes, total)}</td>'


def _button(cell: Cell, classes: Sequence[str], total: int) -> str:
    return (
        f'<button type="button" data-cell="c{cell.true}-{cell.predicted}" aria-haspopup="dialog" '
        f'aria-label="{cell_title(cell, classes, total)}"><b>{cell.pictures:,}</b>'
        f"<small>{_percent(cell.pictures / total, total)}</small></button>"
    )


def _percent(share: float, trials: int) -> str:
    return f"{100 * share:.1f} %" if trials else "–"


def _pairs(metrics: Metrics, cells: Sequence[Cell], classes: Sequence[str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{class_name(classes[cell.true])}</th><td>{class_name(classes[cell.predicted])}</td>'
        f'<td class="miss s{int(np.ceil(_SHADES * cell.pictures / metrics.support[cell.true]))}">'
        f"{_button(cell, classes, int(metrics.support[cell.true]))}</td></tr>"
        for cell in cells
    )
    return (
        f'<div class="scroll"><table class="matrix"><caption>The largest mistakes among {len(classes):,} classes</caption>'
        f'<tr><th scope="col">class</th><th scope="col">taken for</th><th scope="col">pictures</th></tr>{rows}</table></div>'
    )
