"""Evaluating one whole split, without gradients and without any random transform."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from engine.metrics import Metrics, compute_metrics
from engine.precision import autocast


@dataclass(frozen=True)
class Predictions:
    """labels (N,) and probabilities (N, C) in the data set's order; loss: mean cross-entropy."""

    labels: np.ndarray
    probabilities: np.ndarray
    loss: float

    @property
    def predicted(self) -> np.ndarray:
        """(N,) the most probable class."""
        return self.probabilities.argmax(axis=1)

    def metrics(self) -> Metrics:
        """The figures of these predictions."""
        return compute_metrics(self.labels, self.predicted, self.probabilities.shape[1])


@torch.inference_mode()
def predict(
    model: nn.Module,
    loader: DataLoader,
    device: torch.device,
    precision: torch.dtype,
    progress: Callable,
    with_labels: bool = False,
) -> Predictions:
    """Run `model` in evaluation mode over every picture of `loader`, each counted once.

    with_labels: hand the labels to a margin head, which then answers with them: only to repeat published figures.
    """
    model.eval()
    logits, labels = [], []
    for images, targets, _ in progress(loader, len(loader), f"evaluating {loader.dataset.split.name}"):
        images = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        labels_for_head = targets.to(device) if with_labels else None
        with autocast(device, precision):
            logits.append(model(images, labels_for_head).float().cpu())
        labels.append(targets)
    logits, labels = torch.cat(logits), torch.cat(labels)
    return Predictions(labels.numpy(), logits.softmax(dim=1).numpy(), F.cross_entropy(logits, labels).item())


def write_predictions(path: Path, predictions: Predictions, paths: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """A CSV with a row a picture: path, true and predicted class name, a probability a class."""
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "true", "predicted", *(f"p_{name}" for name in classes)])
            for name, label, guess, row in zip(paths, predictions.labels, predictions.predicted, predictions.probabilities):
                writer.writerow([name, classes[label], classes[guess], *(f"{p:.9g}" for p in row)])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
