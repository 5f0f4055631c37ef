"""The reference's numbers: reading them, and building the networks that they were computed with."""

import json
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from models import create_model
from models.layers import DropPath

FOLDER = Path(__file__).parent / "golden"
sys.path.insert(0, str(FOLDER))

import weights as recipe  # noqa: E402  (tests/golden/weights.py: values of weights and inputs by name)

__all__ = ["FOLDER", "difference", "exact_arithmetic", "filled_model", "load", "manifest_keys", "recipe"]


def load(name: str) -> dict[str, np.ndarray]:
    """The arrays of tests/golden/<name>.npz."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def manifest_keys(name: str) -> list[str]:
    """The reference's state-dict keys, in order."""
    return [key for key, _, _ in json.loads((FOLDER / f"{name}.keys.json").read_text())["keys"]]


@contextmanager
def exact_arithmetic(dtype: torch.dtype = torch.float64):
    """One thread and `dtype` as the default, as the reference's numbers were computed."""
    threads, default = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(default)


def filled_model(name: str, num_classes: int) -> torch.nn.Module:
    """The network with the recipe's weights and every stochastic layer off."""
    model = recipe.fill_(create_model(name, num_classes))
    for module in model.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0
    return model


def difference(ours, theirs) -> float:
    """Largest absolute difference over the largest absolute value of theirs."""
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
