"""Made-up runs for the tests of report.html, and reading the page."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data_preprocessing.sources.folders import Split, read_split
from engine.evaluation.predictions import Predictions
from engine.report.run_page import RunPage
from engine.training.loop import FitState
from tests.html_pages import Page

WEIGHTS = {"checkpoint": "checkpoint/run/best.pth", "sha256": "0" * 64, "epoch": 2}


def noise(path: Path, number: int, side: int = 96) -> None:
    """An image that no format makes small."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_noise(folder: Path, classes: tuple[str, ...], each: int, side: int = 96) -> Split:
    """A split `test` of noise below `folder`, `each` images per class."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            noise(folder / name / f"{number:04d}.bmp", label * each + number, side)
    return read_split("test", folder)


def guesses(split: Split, right: float = 0.6, seed: int = 0) -> Predictions:
    """Predictions of which about the fraction `right` is right, mistakes of every kind."""
    rng, labels = np.random.default_rng(seed), np.array(split.labels)
    number = len(split.classes)
    guess = np.where(rng.random(len(labels)) < right, labels, rng.integers(0, number, len(labels)))
    logits = rng.normal(size=(len(labels), number)) + 3 * np.eye(number)[guess]
    exponentials = np.exp(logits)
    return Predictions(labels, (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32), 1.0)


def history(epochs: int) -> list[dict]:
    """Rows of metrics.csv."""
    names = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "valid_balanced_accuracy", "valid_macro_f1")
    return [{"epoch": k + 1, "learning_rate": 1e-3, **{name: 1 / (k + 2) for name in names}} for k in range(epochs)]


def run_page(folder: Path, said: list, classes: tuple[str, ...], epochs: int = 3) -> RunPage:
    """The page of a run in `folder` with the records of one; what it says is added to `said`."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"command": ["main.py", "--run", "a b"], "arguments": {"model": "deep_emotion", "seed": 7}, "classes": classes}
    (folder / "args.json").write_text(json.dumps(record), encoding="utf-8")
    state = FitState(epochs, history(epochs), {"epoch": 2, "valid_accuracy": 0.3}, images_per_s=123.4)
    return RunPage(folder, "deep_emotion", torch.device("cpu"), said.append, state, epochs)


def read_page(path: Path) -> Page:
    """The page in a file."""
    return Page(path.read_bytes().decode("utf-8"))
