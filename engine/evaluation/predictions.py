"""Evaluating one whole split, without gradients and without any random transform."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from data_preprocessing.common.files import reason, replacing
from engine.distributed import SINGLE, Group
from engine.errors import UsageError
from engine.evaluation.fast import fastest, plain_logits
from engine.evaluation.metrics import Metrics, compute_metrics


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
    group: Group = SINGLE,
    say: Callable[[str], None] | None = None,
) -> Predictions:
    """Run `model` in evaluation mode over every image of `loader`, each counted once.

    with_labels: hand the labels to a margin head, which then answers with them: only to repeat published figures. group:
    processes that each have a part of the images, one after the other by rank; all get the whole. say: given for one of
    our networks, which is then made ready for inference (engine.evaluation.fast); says so where that is not possible.
    """
    model.eval()
    logits, labels, run = [], [], None
    for images, targets, _ in progress(loader, len(loader), f"evaluating {loader.dataset.split.name}"):
        images = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        labels_for_head = targets.to(device) if with_labels else None
        if run is None:
            run, reason = partial(plain_logits, model, precision=precision), ""
            if say:
                run, reason = fastest(model, images, labels_for_head, precision)
            if reason:
                say(reason)
        logits.append(run(images, labels_for_head).cpu())
        labels.append(targets)
    own = (torch.cat(logits), torch.cat(labels)) if logits else None  # None: more processes than images
    logits, labels = (torch.cat(parts) for parts in zip(*filter(None, group.gather(own))))
    return Predictions(labels.numpy(), logits.softmax(dim=1).numpy(), F.cross_entropy(logits, labels).item())


def read_predictions(path: Path, classes: tuple[str, ...]) -> tuple[tuple[str, ...], Predictions]:
    """The paths and predictions that write_predictions wrote, of these classes; of the loss nothing is known (NaN).

    Raises UsageError where the file is missing, damaged, or of other classes.
    """
    index = {name: k for k, name in enumerate(classes)}
    try:
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            header, *rows = csv.reader(file, strict=True)
        if header != ["path", "true", "predicted", *(f"p_{name}" for name in classes)] or not rows:
            raise ValueError("other classes, or no rows")
        labels = np.array([index[row[1]] for row in rows])
        probabilities = np.array([row[3:] for row in rows]).astype(np.float32)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise UsageError(f"{path}: cannot be read ({reason(error)}); test the checkpoint again with --evaluate") from None
    return tuple(row[0] for row in rows), Predictions(labels, probabilities, float("nan"))


def write_predictions(path: Path, predictions: Predictions, paths: tuple[str, ...], classes: tuple[str, ...]) -> None:
    """A CSV with a row per image: path, true and predicted class name, a probability per class."""
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "true", "predicted", *(f"p_{name}" for name in classes)])
        for name, label, guess, row in zip(paths, predictions.labels, predictions.predicted, predictions.probabilities):
            writer.writerow([name, classes[label], classes[guess], *(f"{p:.9g}" for p in row)])
