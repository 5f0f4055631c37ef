"""Each track's probabilities over the time of a video, as a figure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from engine.figures.plots import save_plot
from engine.prediction.faces.rows import FaceRow

_TRACKS = 6  # drawn, those seen longest
_BINS = 1000  # points of a line: a longer video's neighbouring moments are averaged


def plot_tracks(rows: Callable[[], Iterable[FaceRow]], classes: Sequence[str], title: str, path: Path) -> None:
    """Draw the probability of each class over time, one panel per track, as a PNG at `path`; nothing without a face.

    rows: gives a video's faces anew each time it is called; they are gone through twice, and never held.
    """
    counts, last = Counter(), 0.0
    for row in rows():
        counts[row.track] += 1
        last = max(last, row.time)
    tracks = sorted(number for number, _ in counts.most_common(_TRACKS))
    if not tracks:
        return
    sums = {track: np.zeros((_BINS, len(classes) + 1)) for track in tracks}
    for row in rows():
        if row.track in sums:
            cell = sums[row.track][min(_BINS - 1, int(row.time / max(last, 1e-9) * (_BINS - 1) + 0.5))]
            cell += (*row.probabilities, 1)
    note = f" ({len(tracks)} of {len(counts)} tracks)" if len(counts) > len(tracks) else ""
    save_plot(lambda figure: _draw(figure, sums, last, classes, title + note), path, (11, 1.2 + 2.1 * len(tracks)))


def _draw(figure: Figure, sums: dict[int, np.ndarray], last: float, classes: Sequence[str], title: str) -> None:
    panels = figure.subplots(len(sums), 1, sharex=True, squeeze=False)[:, 0]
    times = np.linspace(0, last, _BINS)
    for axes, (track, cells) in zip(panels, sums.items()):
        seen = cells[:, -1] > 0
        for k, name in enumerate(classes):
            values = cells[seen, k] / cells[seen, -1]
            style = dict(color=f"C{k % 10}", linestyle="-" if k < 10 else "--", marker="." if seen.sum() < 30 else None)
            axes.plot(*_with_gaps(times[seen], values), label=name, **style)
        axes.set(ylim=(0, 1), ylabel=f"track {track}")
        axes.grid(alpha=0.3)
    panels[-1].set(xlabel="time (s)", xlim=(0, max(last, 1e-3)))
    figure.suptitle(title)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")


def _with_gaps(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The line broken where nothing was seen for much longer than from one point to the next."""
    steps = np.diff(times)
    if not len(steps):
        return times, values
    breaks = np.flatnonzero(steps > 4 * np.median(steps)) + 1
    return np.insert(times, breaks, np.nan), np.insert(values, breaks, np.nan)
