"""The deletion curves as a figure."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from engine.explain.deletion import STEPS, Curve, area
from engine.figures.plots import TRAIN_COLOUR, VALID_COLOUR, font_families, save_figure

_STYLES = {
    "most": ("most attended first", VALID_COLOUR, "-", "o"),
    "least": ("least attended first", TRAIN_COLOUR, "-", "s"),
    "another": ("most of another's map first", "#7b3294", ":", None),
}


def plot_deletion(found: dict[str, dict[str, Curve]], random: Curve, title: str, path: Path) -> None:
    """A row a map: accuracy, and the mean probability of the class first predicted, over the share that is blank.

    found: by the map's name the curves of `engine.explain.deletion.ORDERS`. The legends give the areas.
    """
    blanked = 100 * np.arange(STEPS + 1) / STEPS
    style = {"font.family": font_families(), "font.size": 10, "text.parse_math": False}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(10.5, 0.5 + 3.6 * len(found)), dpi=110, layout="constrained")
        grid = figure.subplots(len(found), 2, squeeze=False, sharex=True, sharey="col")
        for row, (name, curves) in zip(grid, found.items()):
            for axes, what in zip(row, ("accuracy", "probability")):
                for order, (label, colour, line, marker) in _STYLES.items():
                    values = getattr(curves[order], what)
                    label = f"{label}, area {area(values):.3f}"
                    axes.plot(blanked, 100 * values, color=colour, linestyle=line, marker=marker, markersize=4, label=label)
                values = getattr(random, what)
                axes.plot(blanked, 100 * values, color="grey", linestyle="--", label=f"random, area {area(values):.3f}")
                axes.set_title(f"{name}: {'accuracy' if what == 'accuracy' else 'probability of the first prediction'}")
                axes.set(ylabel="%", xticks=blanked[::2])
                axes.grid(alpha=0.3)
                axes.legend(fontsize=9, loc="upper right")
        for axes in grid[0]:  # each shares its scale with those below
            axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # room for the legends
        for axes in grid[-1]:
            axes.set_xlabel("pixels blanked (%)")
        figure.suptitle(title)
        save_figure(figure, path)
