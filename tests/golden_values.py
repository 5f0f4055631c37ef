"""The reference's numbers: reading them, and building the networks that they were computed with."""

import copy
import json
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from models import create_model
from models.parts.layers import DropPath
from tests.golden import weights as recipe  # values of weights and inputs by name

FOLDER = Path(__file__).parent / "golden"

__all__ = [
    "FOLDER",
    "assert_gradients_equal",
    "assert_stages_equal",
    "difference",
    "exact_arithmetic",
    "filled_model",
    "load",
    "manifest_keys",
    "recipe",
]


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


def filled_model(name: str, num_classes: int, **options) -> torch.nn.Module:
    """The network with the recipe's weights and every stochastic layer off, the caller's own."""
    return copy.deepcopy(_filled(torch.get_default_dtype(), name, num_classes, tuple(options.items())))


@lru_cache(maxsize=1)  # of 170 to 350 MB; to compute so many weights takes longer than the pass of the network
def _filled(dtype: torch.dtype, name: str, num_classes: int, options: tuple) -> torch.nn.Module:
    model = recipe.fill_(create_model(name, num_classes, **dict(options)))
    for module in model.modules():
        if isinstance(module, DropPath):
            module.rate = 0.0
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def assert_stages_equal(stages: dict[str, torch.Tensor], golden: dict[str, np.ndarray], tolerance: float) -> None:
    """Every stage of the reference: its size, mean, deviation, first and last values, relative to its largest value."""
    assert set(golden["stage_names"]) == set(stages)
    for k, name in enumerate(golden["stage_names"]):
        values = stages[name].flatten()
        assert values.numel() == np.prod([int(n) for n in str(golden["stage_shapes"][k]).split("x")]), name
        for ours, theirs in (
            (values.mean(), golden["stage_means"][k]),
            (values.std(), golden["stage_stds"][k]),
            (values[:8], golden["stage_first"][k]),
            (values[-8:], golden["stage_last"][k]),
        ):
            assert (ours - torch.as_tensor(theirs)).abs().max() / values.abs().max() < tolerance, name


def assert_gradients_equal(model: torch.nn.Module, golden: dict[str, np.ndarray], tolerance: float) -> None:
    """The norm of every parameter's gradient, and of all together; those that are zero but for rounding absolutely."""
    gradients = {name: p.grad.norm().item() for name, p in model.named_parameters() if p.grad is not None}
    assert set(gradients) == set(golden["grad_names"])
    for name, norm in zip(golden["grad_names"], golden["grad_norms"]):
        assert abs(gradients[name] - norm) <= max(tolerance * norm, 1e-12), name
    total = np.linalg.norm(list(gradients.values()))
    assert abs(total - golden["grad_total_norm"]) <= tolerance * golden["grad_total_norm"]


def difference(ours, theirs) -> float:
    """Largest absolute difference over the largest absolute value of theirs."""
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
