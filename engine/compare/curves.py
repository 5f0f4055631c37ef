"""The learning curves of several runs in one image."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from engine.compare.comparison import Configuration
from engine.figures.plots import font_families, save_figure

_LONGEST = 40  # letters of a name in the legend


def plot_learning_curves(configurations: list[Configuration], path: Path) -> list[str]:
    """Loss and accuracy over the epochs as a PNG at `path`, a colour per configuration and a line per seed.

    Training is dashed, the selection split drawn through. Returns the names of runs without metrics.csv, which are left out;
    where all are, there is no such file afterwards. Raises OSError.
    """
    drawn = [(c.name, [run.history for run in (*c.runs, *c.repeats) if run.history]) for c in configurations]
    drawn = [(name, histories) for name, histories in drawn if histories]
    missing = [run.name for c in configurations for run in (*c.runs, *c.repeats) if not run.history]
    if not drawn:
        path.unlink(missing_ok=True)
        return missing
    colours = [matplotlib.colormaps["tab10" if len(drawn) <= 10 else "turbo"](k if len(drawn) <= 10 else k / len(drawn))
               for k in range(len(drawn))]  # fmt: skip
    with matplotlib.rc_context({"font.family": font_families(), "font.size": 11, "text.parse_math": False}):
        figure = Figure(figsize=(11, 4.6), dpi=120, layout="constrained")
        for axes, what, scale in zip(figure.subplots(1, 2), ("loss", "accuracy"), (1, 100)):
            for (_, histories), colour in zip(drawn, colours):
                for history in histories:
                    epochs = [row["epoch"] for row in history]
                    for split, style in (("train", "--"), ("valid", "-")):
                        values = [scale * row[f"{split}_{what}"] for row in history]
                        alone = "." if len(epochs) == 1 else None
                        axes.plot(epochs, values, style, color=colour, marker=alone, linewidth=1.1, alpha=0.8)
            axes.set(xlabel="epoch", ylabel="accuracy (%)" if scale == 100 else what)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
        lines = [Line2D([], [], color=colour) for colour in colours]
        names = [_label(name, len(histories)) for name, histories in drawn]
        lines += [Line2D([], [], color="grey", linestyle="--"), Line2D([], [], color="grey")]
        figure.legend(lines, [*names, "training", "selection split"], loc="outside lower center", ncols=3, frameon=False)
        save_figure(figure, path)
    return missing


def _label(name: str, runs: int) -> str:
    name = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    return f"{name} ({runs} seeds)" if runs > 1 else name
