"""What a run leaves to look at: its first batch, and about one evaluated split table, plots and predictions."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from data_preprocessing.common.files import file_digest
from data_preprocessing.sources.folders import Split
from engine.checkpoints.format import Checkpoint
from engine.config.flags import Settings
from engine.evaluation.metrics import Metrics, displayed, format_table
from engine.evaluation.predictions import Predictions, write_predictions
from engine.figures.plots import plot_confusion, plot_f1
from engine.figures.tiles import draw_batch
from engine.report.run_page import RunPage
from engine.report.statistics import extended
from engine.run_folder import layout
from models import MODELS


def draw(folder: Path, what: str, metrics: Metrics, classes: tuple[str, ...]) -> None:
    """confusion_matrix.png and f1.png. what: the network and the images, as the title begins."""
    metrics, classes = displayed(metrics, classes)
    low, high = metrics.interval
    accuracy = f"{100 * metrics.accuracy:.2f} % [{100 * low:.1f}, {100 * high:.1f}]"
    title = f"{what}: {accuracy}, n = {metrics.support.sum()}"
    plot_confusion(metrics, classes, title, folder / "confusion_matrix.png")
    plot_f1(metrics, classes, title, folder / "f1.png")


def draw_first_batch(folder: Path, settings: Settings, batch: tuple[Tensor, Tensor], classes: tuple[str, ...]) -> None:
    """train_batch.png: `batch` (images, labels) as the network sees it."""
    image = MODELS[settings.model].image
    draw_batch(*batch, classes, folder / layout.FIRST_BATCH, image.mean, image.std)


def checkpoint_facts(checkpoint: Checkpoint) -> dict:
    """Which file the weights are of, for records. Raises OSError."""
    return {"checkpoint": str(checkpoint.path), "sha256": file_digest(checkpoint.path), "epoch": checkpoint.epoch}


def report(
    folder: Path,
    model: str,
    predictions: Predictions,
    split: Split,
    classes: tuple[str, ...],
    say: Callable[[str], None],
    facts: dict,
    page: RunPage,
    warnings: Sequence[str] = (),
) -> None:
    """Draw, write predictions.csv, say the figures of `split`, fill the page, and write result.json, with `facts`, at last.

    warnings: about what the figures rest on, for page and result.json, said or not.
    """
    write_predictions(folder / layout.PREDICTIONS, predictions, split.paths, classes)
    metrics = predictions.metrics()
    draw(folder, f"{model} on {split.name}", metrics, classes)
    say(format_table(metrics, classes))
    page.write_result(predictions, split, classes, facts, warnings)
    about = {"split": split.name, "warnings": layout.unmarked(warnings)}
    layout.write_json(folder / layout.RESULT, {**facts, **about, **result(predictions, classes)})
    names = sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    say(f"written: {folder}/ ({', '.join(names)})")


def result(predictions: Predictions, classes: tuple[str, ...]) -> dict:
    """The figures of a split as plain numbers; fractions, with the accuracy's 95 % interval and what `extended` adds.

    A class of which the split has no image has None for recall and F1.
    """
    metrics = predictions.metrics()
    by_class = zip(classes, metrics.precision, metrics.recall, metrics.f1, metrics.support)
    figures = {
        "pictures": int(metrics.support.sum()),
        "accuracy": metrics.accuracy,
        "interval": metrics.interval,
        "balanced_accuracy": metrics.balanced_accuracy,
        "macro_f1": metrics.macro_f1,
        "loss": predictions.loss,
        "classes": {
            name: {
                "precision": float(p),
                "recall": float(r) if n else None,
                "f1": float(f) if n else None,
                "support": int(n),
            }
            for name, p, r, f, n in by_class
        },
        "confusion": metrics.confusion.tolist(),
    }
    return extended(figures, predictions)
