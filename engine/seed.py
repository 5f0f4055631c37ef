"""Where randomness comes from: one seed for the generators, and their state in and out of checkpoints."""

import os

import torch
from torch import Tensor

from engine.checkpoints.values import is_vector


def seed_everything(seed: int) -> None:
    """Seed torch on every device and ask for repeatable kernels: same seed, same machine, same bits."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is repeatable only with a fixed workspace
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    # a help against reading memory that nobody wrote, at 7 % of a training step
    torch.utils.deterministic.fill_uninitialized_memory = False


_CPU = torch.device("cpu")


def get_rng_state(device: torch.device = _CPU) -> dict[str, Tensor | list[Tensor]]:
    """The state of the CPU's generator and, in a list "cuda", that of `device` where it is a GPU, CUDA's or Apple's."""
    on_gpu = []
    if device.type != "cpu":
        on_gpu = [torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.mps.get_rng_state()]
    return {"cpu": torch.get_rng_state(), "cuda": on_gpu}


def is_rng_state(state: dict) -> bool:
    """Whether `state` is one that get_rng_state gave, here or on a machine with other GPUs."""
    if state.keys() != {"cpu", "cuda"} or type(state["cuda"]) is not list:
        return False
    if not all(is_vector(one, torch.uint8) for one in [state["cpu"], *state["cuda"]]):
        return False
    try:
        torch.Generator().set_state(state["cpu"])
        for one in state["cuda"] if torch.cuda.is_available() else []:
            if one.numel() == torch.Generator("cuda").get_state().numel():  # Apple's are of another size
                torch.Generator("cuda").set_state(one)
    except (RuntimeError, TypeError):
        return False
    return True


def set_rng_state(state: dict[str, Tensor | list[Tensor]], device: torch.device = _CPU) -> str:
    """Restore what `get_rng_state` gave for the GPU that computes now, whatever its number.

    Returns "" or what cannot be restored: a checkpoint of a CPU, or of another kind of GPU, has no state for this one.
    """
    torch.set_rng_state(state["cpu"])
    if device.type == "cpu":
        return ""
    missing = f"the random state of {device.type} (its draws begin anew)"
    if not state["cuda"]:
        return missing
    # files of before have a state for each GPU of their machine, of which the run used the one of this number or the first
    kept = state["cuda"][device.index or 0 if (device.index or 0) < len(state["cuda"]) else 0]
    try:
        torch.cuda.set_rng_state(kept, device) if device.type == "cuda" else torch.mps.set_rng_state(kept)
    except (RuntimeError, TypeError):
        return missing
    return ""
