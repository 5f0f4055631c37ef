"""The figures are written, whole, whatever the classes are called."""

import numpy as np
import pytest
from PIL import Image

from engine.evaluation.metrics import Metrics, compute_metrics
from engine.figures.plots import plot_confusion, plot_curves, plot_f1

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # a missing glyph is one

THREE = ("anger", "happiness", "surprise")
EIGHT = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
KOREAN = ("기쁨", "당황", "분노", "불안", "상처", "슬픔", "중립")
AWKWARD = ("$", "$x_1$", "_hidden", "a$b", r"$\frac$", "100 %", "{curly}", "back\\slash^")


def metrics_of(number: int) -> Metrics:
    """Predictions of which about six in ten are right."""
    rng = np.random.default_rng(number)
    labels = np.arange(20 * number) % number
    return compute_metrics(
        labels, np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, number, len(labels))), number
    )


def history(epochs: int) -> list[dict]:
    names = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
    return [{"epoch": k + 1, **{name: 1 / (k + 2) for name in names}} for k in range(epochs)]


def assert_drawn(folder, *names: str) -> None:
    """The folder holds exactly these images, each with something on it."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name in names:
        with Image.open(folder / name) as image:
            assert min(image.size) > 200
            assert np.asarray(image.convert("L")).std() > 1


@pytest.mark.parametrize("classes", [THREE, EIGHT, KOREAN, AWKWARD], ids=["three", "eight", "korean", "awkward"])
def test_class_figures_are_written(tmp_path, classes):
    metrics = metrics_of(len(classes))
    plot_confusion(metrics, classes, "poster_v2 on test", tmp_path / "confusion_matrix.png")
    plot_f1(metrics, classes, "poster_v2 on test", tmp_path / "f1.png")
    assert_drawn(tmp_path, "confusion_matrix.png", "f1.png")


def test_class_without_images_is_drawn(tmp_path):
    metrics = compute_metrics(np.array([0, 0, 1]), np.array([0, 1, 1]), 4)
    plot_confusion(metrics, ("a", "b", "(output 2)", "(output 3)"), "title", tmp_path / "confusion_matrix.png")
    plot_f1(metrics, ("a", "b", "(output 2)", "(output 3)"), "title", tmp_path / "f1.png")
    assert_drawn(tmp_path, "confusion_matrix.png", "f1.png")


@pytest.mark.parametrize("title", ["run_1 $5", "기쁨 on test", "$\\broken"])
def test_any_title_is_drawn(tmp_path, title):
    plot_f1(metrics_of(3), THREE, title, tmp_path / "f1.png")
    assert_drawn(tmp_path, "f1.png")


@pytest.mark.parametrize("epochs", [1, 3, 200])
@pytest.mark.parametrize("selection", ["valid", "test"])
def test_curves_are_written(tmp_path, epochs, selection):
    plot_curves(history(epochs), tmp_path / "curves.png", selection)
    assert_drawn(tmp_path, "curves.png")


def test_figure_replaces_an_older_one(tmp_path):
    plot_curves(history(2), tmp_path / "curves.png")
    older = (tmp_path / "curves.png").read_bytes()
    plot_curves(history(3), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() != older
    assert_drawn(tmp_path, "curves.png")


def test_figure_shows_the_numbers_it_was_given(tmp_path):
    for name, number in (("a", 1), ("b", 2)):
        labels = np.arange(30) % 3
        plot_confusion(compute_metrics(labels, (labels + number) % 3, 3), THREE, "title", tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_curves_of_unlike_sizes_share_a_logarithmic_axis(tmp_path):
    rows = [row | {"train_loss": 80.0 / row["epoch"]} for row in history(3)]
    plot_curves(rows, tmp_path / "curves.png")
    assert_drawn(tmp_path, "curves.png")
