"""Folders of runs as training leaves them, written from given predictions."""

import csv
import json
from pathlib import Path

import numpy as np

from engine.evaluation.metrics import compute_metrics
from engine.run_folder.layout import write_history, write_json

CLASSES = ("anger", "joy", "surprise")


def answers(seed: int, number: int = 60, right: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and predictions of which about the share `right` is right, of three classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(number) % 3
    return labels, np.where(rng.random(number) < right, labels, (labels + rng.integers(1, 3, number)) % 3)


def write_run(
    folder: Path, labels: np.ndarray, predicted: np.ndarray, classes=CLASSES, split="test", seed=0, **settings
) -> Path:
    """A finished training run: args.json, result.json, predictions.csv and metrics.csv of two epochs."""
    folder.mkdir(parents=True)
    metrics = compute_metrics(labels, predicted, len(classes))
    figures = {name: getattr(metrics, name) for name in ("accuracy", "balanced_accuracy", "macro_f1", "interval")}
    result = {"run": folder.name, "model": "deep_emotion", "epoch": 2, "split": split, "pictures": len(labels), **figures}
    write_json(folder / "result.json", result)
    arguments = {"model": "deep_emotion", "data": "/private/faces", "pretrained": "none", "lr": 1e-3, "epochs": 2}
    facts = {
        "arguments": arguments | {"batch_size": 32, "seed": seed} | settings,
        "classes": classes,
        "fingerprints": {"train": "t" * 64, split: "f" * 64},
        "machine": {"host": "secret-host", "cpu": "cpu"},
    }
    write_json(folder / "args.json", facts)
    with open(folder / "predictions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "true", "predicted", *(f"p_{name}" for name in classes)])
        for k, (label, guess) in enumerate(zip(labels, predicted)):
            row = [0.2] * len(classes)
            row[guess] = 0.6
            writer.writerow([f"{classes[label]}/{k}.png", classes[label], classes[guess], *row])
    values = dict.fromkeys(("learning_rate", "train_loss", "valid_loss", "valid_balanced_accuracy", "valid_macro_f1"), 0.5)
    write_history(folder, [{"epoch": k, "train_accuracy": 0.4, "valid_accuracy": 0.3 + k / 10, **values} for k in (1, 2)])
    return folder


def change_json(path: Path, **changes) -> None:
    """Replace entries of a JSON object's file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
