"""What a run leaves to look at: its first batch, and about one evaluated split table, plots and predictions."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from torch import Tensor

from data_preprocessing.folders import Split
from data_preprocessing.transforms import PICTURES
from engine.batch_picture import draw_batch
from engine.evaluate import Predictions, write_predictions
from engine.metrics import format_table
from engine.plots import plot_confusion, plot_f1
from models import MODELS


def draw(folder: Path, model: str, predictions: Predictions, split: str, classes: tuple[str, ...]) -> None:
    """confusion_matrix.png and f1.png of a whole split."""
    metrics = predictions.metrics()
    low, high = metrics.interval
    accuracy = f"{100 * metrics.accuracy:.2f} % [{100 * low:.1f}, {100 * high:.1f}]"
    title = f"{model} on {split}: {accuracy}, n = {metrics.support.sum()}"
    plot_confusion(metrics, classes, title, folder / "confusion_matrix.png")
    plot_f1(metrics, classes, title, folder / "f1.png")


def draw_first_batch(folder: Path, settings: SimpleNamespace, batch: tuple[Tensor, Tensor], classes: tuple[str, ...]) -> None:
    """train_batch.png, unless a run that goes on has it: `batch` (pictures, labels) as the network sees it."""
    path, picture = folder / "train_batch.png", PICTURES[MODELS[settings.model].picture]
    if not path.exists():
        draw_batch(*batch, classes, path, picture.mean, picture.std)


def report(
    folder: Path, model: str, predictions: Predictions, split: Split, classes: tuple[str, ...], say: Callable[[str], None]
) -> None:
    """Draw, write predictions.csv and say the figures of `split`."""
    write_predictions(folder / "predictions.csv", predictions, split.paths, classes)
    draw(folder, model, predictions, split.name, classes)
    say(format_table(predictions.metrics(), classes))
    say(f"written: {folder}/ ({', '.join(sorted(file.name for file in folder.iterdir()))})")
