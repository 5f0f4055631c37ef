"""The figures of a run, drawn from its numbers."""

from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.text import Text
from matplotlib.ticker import LogLocator, NullFormatter

from engine.evaluation.metrics import Metrics

TRAIN_COLOUR, VALID_COLOUR = "#1f77b4", "#d95f02"


def korean_font() -> Path | None:
    """The file of NanumGothic, which has Hangul beside Latin letters; None where the package that carries it is missing."""
    package = find_spec("koreanize_matplotlib")  # importing it would change matplotlib's settings
    font = package and package.origin and Path(package.origin).parent / "fonts" / "NanumGothic.ttf"
    return font if font and font.is_file() else None


def font_families() -> list[str]:
    """Font families to try in turn, glyph by glyph: matplotlib's own, then NanumGothic for Korean class names."""
    font = korean_font()
    if font is None:
        return ["DejaVu Sans"]
    if not any(entry.fname == str(font) for entry in fontManager.ttflist):
        fontManager.addfont(font)
    return ["DejaVu Sans", FontProperties(fname=font).get_name()]


def save_plot(draw, path: Path, size: tuple[float, float]) -> None:
    """Have `draw` draw on a new figure of `size` inches, and put it as a PNG at `path` in one move."""
    with matplotlib.rc_context({"font.family": font_families(), "font.size": 11, "text.parse_math": False}):
        figure = Figure(figsize=size, dpi=120, layout="constrained")
        draw(figure)
        save_figure(figure, path)


def save_figure(figure: Figure, path: Path, **options) -> None:
    """Write `figure` as a PNG of its own resolution at `path` in one move. Raises OSError; nothing is left then.

    Its layout is worked out once here: savefig would draw everything twice to get the same pixels.
    """
    partial = path.with_suffix(".partial.png")
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    try:
        figure.savefig(partial, dpi=figure.dpi, **options)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_within(text: Text, words: str, width: float) -> None:
    """Have `text` say `words` in one line, cut where they would be wider than `width` pixels."""
    words = " ".join(words.split())
    text.set_text(words)
    for end in range(min(len(words), int(width) // 3) - 1, 0, -1):  # no letter but an i is narrower than 3 pixels
        if text.get_window_extent().width < width:
            break
        text.set_text(words[:end].rstrip() + "…")


def plot_curves(history: list[dict], path: Path, selection: str = "valid") -> None:
    """Loss and accuracy of both splits over the epochs; history: rows as in metrics.csv. The best epoch is marked."""
    epochs = [row["epoch"] for row in history]
    best = max(history, key=lambda row: row["valid_accuracy"])

    def draw(figure: Figure) -> None:
        for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy")):
            scale = 100 if what == "accuracy" else 1
            spread = set()
            for split, label, colour in (("train", "train", TRAIN_COLOUR), ("valid", selection, VALID_COLOUR)):
                values = [scale * row[f"{split}_{what}"] for row in history]
                spread.update(values)
                axes.plot(epochs, values, label=label, color=colour, marker="o" if len(epochs) < 30 else None, markersize=4)
            axes.axvline(best["epoch"], color="grey", linestyle=":", label=f"best on {selection}")
            axes.set(xlabel="epoch", ylabel="accuracy (%)" if scale == 100 else "loss")
            if what == "loss" and max(spread) > 10 * min(spread) > 0:  # a margin head's objective beside its cross-entropy
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_formatter(NullFormatter())
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.3)
            axes.legend()

    save_plot(draw, path, (11, 4.2))


def plot_confusion(metrics: Metrics, classes: tuple[str, ...], title: str, path: Path) -> None:
    """Confusion matrix of a whole split: row percentages by colour, counts beside them; rows are the true classes.

    A class without images has dashes for percentages.
    """
    rows = metrics.confusion.sum(axis=1, keepdims=True)
    share = 100 * metrics.confusion / np.maximum(rows, 1)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(share, vmin=0, vmax=100, cmap="Blues")
        for i, j in np.ndindex(share.shape):
            colour = "white" if share[i, j] > 55 else "black"
            percent = f"{share[i, j]:.1f}" if rows[i] else "–"
            axes.text(j, i, f"{percent}\n({metrics.confusion[i, j]})", ha="center", va="center", color=colour, size=9)
        axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(classes)), classes)
        axes.set(xlabel="predicted", ylabel="true", title=title)
        figure.colorbar(image, ax=axes, label="% of the true class", shrink=0.8)

    side = 3.6 + 0.75 * len(classes)
    save_plot(draw, path, (side + 0.9, side))


def plot_f1(metrics: Metrics, classes: tuple[str, ...], title: str, path: Path) -> None:
    """A bar of F1 a class with its support, and the macro mean as a line."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        bars = axes.bar(range(len(classes)), metrics.f1, color=TRAIN_COLOUR)
        labels = [f"{f1:.3f}" if n else "" for f1, n in zip(metrics.f1, metrics.support)]
        axes.bar_label(bars, labels=labels, label_type="center", color="white")
        axes.axhline(metrics.macro_f1, color=VALID_COLOUR, linestyle="--")
        ticks = [f"{name}\n(n = {n})" for name, n in zip(classes, metrics.support)]
        axes.set_xticks(range(len(classes)), ticks)
        axes.set(ylabel="F1", ylim=(0, 1.05), title=f"{title}\nmacro F1 {metrics.macro_f1:.3f} (dashed)")
        axes.grid(axis="y", alpha=0.3)

    save_plot(draw, path, (max(6.0, 2.2 + 1.35 * len(classes)), 4.4))
