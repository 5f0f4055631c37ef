"""Curves and the reliability diagram as SVG; colours are those of the page's style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from data_preprocessing.common.html import render_template
from engine.report.statistics import BINS, Calibration

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 348, 26, 192  # of the plotted area
_PLOT = {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM}
_CHART = Path(__file__).with_name("chart.svg")
_MOST_POINTS = 600  # of a curve; more cannot be distinguished


@dataclass(frozen=True)
class Curve:
    """name: for the legend; style: class of the line in page.css; values: one per epoch, those not finite are left out."""

    name: str
    style: str
    values: Sequence[float]


def line_chart(
    what: str, epochs: Sequence[int], curves: Sequence[Curve], best: int | None = None, percent: bool = False
) -> Markup:
    """Curves over the epochs, a dotted line at epoch `best`. percent: values are fractions, shown times 100.

    Losses that differ tenfold, as of a margin head beside plain cross-entropy, get a logarithmic axis.
    """
    scale = 100 if percent else 1
    lines = [[(epoch, scale * v) for epoch, v in zip(epochs, curve.values) if math.isfinite(v)] for curve in curves]
    values = [value for line in lines for _, value in line] or [0.0]
    log = not percent and max(values) > 10 * min(values) > 0
    ticks = _log_ticks(min(values), max(values)) if log else _ticks(min(values), max(values))
    bounds = (min(ticks[0], *values), max(ticks[-1], *values))

    def x(epoch: float) -> float:
        first, last = min(epochs), max(epochs)
        return (_LEFT + _RIGHT) / 2 if first == last else _LEFT + 8 + (epoch - first) / (last - first) * (_RIGHT - _LEFT - 16)

    def y(value: float) -> float:
        low, high, value = map(math.log, (*bounds, value)) if log else (*bounds, value)
        return _BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP)

    lines = [[(x(epoch), y(value)) for epoch, value in line[:: -(-len(line) // _MOST_POINTS) or 1]] for line in lines]
    legend = [(curve.style, curve.name) for curve in curves]
    return _chart(
        f"{what} over {len(epochs)} epochs of {' and '.join(curve.name for curve in curves)}; the table has the figures",
        grid=[(y(tick), f"{tick:g}") for tick in ticks],
        ticks=[(x(epoch), epoch) for epoch in _whole_ticks(min(epochs), max(epochs))],
        axis="epoch",
        dotted=None if best is None else (x(best), x(best)),
        lines=[(curve.style, line) for curve, line in zip(curves, lines)],
        circles=[(curve.style, *point) for curve, line in zip(curves, lines) if len(line) < 30 for point in line],
        legend=legend if best is None else [*legend, ("best", "chosen epoch")],
    )


def reliability(calibration: Calibration) -> Markup:
    """Accuracy over confidence, a bar per bin, beside the diagonal on which both agree; bars of few images are pale."""
    step, few = (_RIGHT - _LEFT) / BINS, 0.02 * calibration.counts.sum()
    bars, circles = [], []
    for k in np.flatnonzero(calibration.counts):
        top = _percent_y(100 * calibration.accuracy[k])
        bars.append((_LEFT + k * step + 0.5, top, step - 1, max(_BOTTOM - top, 1), calibration.counts[k] < few))
        circles.append(("valid", _LEFT + calibration.confidence[k] * (_RIGHT - _LEFT), top))
    return _chart(
        "Reliability: accuracy of each of 15 bins of confidence; the table has the figures",
        grid=[(_percent_y(share), share) for share in range(0, 101, 20)],
        bars=bars,
        ticks=[(_LEFT + share / 100 * (_RIGHT - _LEFT), share) for share in range(0, 101, 20)],
        axis="confidence (%)",
        dotted=(_LEFT, _RIGHT),
        circles=circles,
        heading="accuracy (%)",
    )


def _chart(label: str, **parts) -> Markup:
    empty = {"bars": (), "lines": (), "legend": (), "heading": ""}
    return render_template(_CHART, label=label, **_PLOT, **empty | parts)


def _percent_y(value: float) -> float:
    return _BOTTOM - value / 100 * (_BOTTOM - _TOP)


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers that span `low` to `high`."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-9):
        low, high = low - max(abs(low), 1) / 10, high + max(abs(high), 1) / 10
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * number, 12) for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) < 4 else (1,)
    every = [factor * 10.0**power for power in powers for factor in factors]
    first = max(k for k, tick in enumerate(every) if tick <= low * 1.001)
    last = next((k for k, tick in enumerate(every) if tick >= high * 0.999), len(every) - 1)
    return every[first : last + 1]


def _whole_ticks(low: int, high: int) -> list[int]:
    if high - low < 9:
        return list(range(low, high + 1))
    return [round(tick) for tick in _ticks(low, high) if low <= tick <= high]
