"""Curves and the reliability diagram as SVG; colours are those of the page's style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_preprocessing.common.html import escaped
from engine.report.statistics import BINS, Calibration

_WIDTH, _HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 348, 26, 192  # of the plotted area
_MOST_POINTS = 600  # of a curve; more cannot be told apart


@dataclass(frozen=True)
class Curve:
    """name: for the legend; style: class of the line in page.css; values: one an epoch, those not finite are left out."""

    name: str
    style: str
    values: Sequence[float]


def line_chart(
    what: str, epochs: Sequence[int], curves: Sequence[Curve], best: int | None = None, percent: bool = False
) -> str:
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

    parts = [_y_axis(ticks, y)]
    parts += [_x_label(x(epoch), f"{epoch}") for epoch in _whole_ticks(min(epochs), max(epochs))]
    parts.append(f'<text class="middle" x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 34}">epoch</text>')
    if best is not None:
        parts.append(f'<line class="best" x1="{x(best):.1f}" x2="{x(best):.1f}" y1="{_TOP}" y2="{_BOTTOM}"/>')
    for curve, line in zip(curves, lines):
        line = line[:: -(-len(line) // _MOST_POINTS) or 1]
        path = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in line)
        parts.append(f'<polyline class="line {curve.style}" points="{path}"/>')
        if len(line) < 30:
            parts += [f'<circle class="{curve.style}" cx="{x(e):.1f}" cy="{y(v):.1f}" r="3"/>' for e, v in line]
    parts.append(_legend(curves, best is not None))
    label = f"{what} over {len(epochs)} epochs of {' and '.join(curve.name for curve in curves)}; the table has the figures"
    return _svg(label, parts)


def reliability(calibration: Calibration) -> str:
    """Accuracy over confidence, a bar a bin, beside the diagonal on which both agree; bars of few pictures are pale."""
    parts = [_y_axis([0, 20, 40, 60, 80, 100], _percent_y)]
    step = (_RIGHT - _LEFT) / BINS
    for number, (count, accuracy) in enumerate(zip(calibration.counts, calibration.accuracy)):
        if count:
            top = _percent_y(100 * accuracy)
            pale = " pale" * bool(count < 0.02 * calibration.counts.sum())
            parts.append(
                f'<rect class="train{pale}" x="{_LEFT + number * step + 0.5:.1f}" y="{top:.1f}" width="{step - 1:.1f}" '
                f'height="{max(_BOTTOM - top, 1):.1f}"/>'
            )
    used = np.flatnonzero(calibration.counts)
    centres = [(_LEFT + calibration.confidence[k] * (_RIGHT - _LEFT), _percent_y(100 * calibration.accuracy[k])) for k in used]
    parts.append(f'<line class="best" x1="{_LEFT}" y1="{_BOTTOM}" x2="{_RIGHT}" y2="{_TOP}"/>')
    parts += [f'<circle class="valid" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in centres]
    parts += [_x_label(_LEFT + share / 100 * (_RIGHT - _LEFT), f"{share}") for share in range(0, 101, 20)]
    parts.append(f'<text class="middle" x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 34}">confidence (%)</text>')
    parts.append(f'<text x="{_LEFT}" y="14">accuracy (%)</text>')
    return _svg("Reliability: accuracy of each of 15 bins of confidence; the table has the figures", parts)


def _percent_y(value: float) -> float:
    return _BOTTOM - value / 100 * (_BOTTOM - _TOP)


def _y_axis(ticks: Sequence[float], y) -> str:
    return "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text class="end" x="{_LEFT - 5}" y="{y(tick) + 4:.1f}">{tick:g}</text>'
        for tick in ticks
    )


def _x_label(x: float, label: str) -> str:
    return f'<text class="middle" x="{x:.1f}" y="{_BOTTOM + 16}">{label}</text>'


def _legend(curves: Sequence[Curve], with_best: bool) -> str:
    parts, x = [], _LEFT
    for curve in curves:
        parts.append(f'<rect class="{curve.style}" x="{x}" y="4" width="11" height="11"/>')
        parts.append(f'<text x="{x + 16}" y="14">{escaped(curve.name)}</text>')
        x += 70
    if with_best:
        parts.append(
            f'<line class="best" x1="{x + 5}" x2="{x + 5}" y1="3" y2="16"/><text x="{x + 14}" y="14">chosen epoch</text>'
        )
    return "".join(parts)


def _svg(label: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escaped(label)}">{"".join(parts)}</svg>'


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
