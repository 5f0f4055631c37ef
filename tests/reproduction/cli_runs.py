"""Runs of the command line on a few images, and reading what they leave."""

import csv
import json
from pathlib import Path

import torch
from torch import Tensor

import main

# the smallest network: most of what is shown here is no matter of the network; those of which it is name theirs.
# One batch holds the whole training split, so that an epoch is one step
SMALL = ("--model", "deep_emotion", "--rho", 0, "-b", 3, "-j", 0, "--lr", 1e-4, "--lr-decay", 0.98, "--device", "cpu")
V2 = ("--model", "poster_v2", "--pretrained", "none")


def run(*arguments: object, augmentation: bool = True) -> int:
    """The command line's exit status."""
    return main.main([str(a) for a in arguments], augmentation=augmentation)


def train(name: str, *arguments: object, data: str = "data", epochs: int = 1, augmentation: bool = True) -> None:
    """A small training run named `name`; later arguments win over the small ones."""
    assert run("--data", data, "--run", name, "--epochs", epochs, *SMALL, *arguments, augmentation=augmentation) == 0


def table(path: Path | str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def metrics(name: str) -> list[dict[str, str]]:
    """The rows of a run's metrics.csv, every figure with all its digits."""
    return table(f"log/{name}/metrics.csv")


def predictions(name: str) -> bytes:
    """A run's predictions.csv, whose probabilities have nine digits."""
    return Path(f"log/{name}/predictions.csv").read_bytes()


def arguments(name: str) -> dict:
    """A run's args.json."""
    return json.loads(Path(f"log/{name}/args.json").read_text(encoding="utf-8"))


def saved(name: str, file: str = "last.pth") -> dict:
    """A run's checkpoint, its tensors mapped from the file."""
    return torch.load(f"checkpoint/{name}/{file}", weights_only=True, mmap=True)


def weights(name: str, file: str = "last.pth") -> dict[str, Tensor]:
    """The state dict in a run's checkpoint."""
    return saved(name, file)["state_dict"]
