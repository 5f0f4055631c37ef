"""In which arithmetic the network runs: float32, or 16-bit products under autocast with float32 weights."""

from collections.abc import Callable

import torch

from models.cpu.operators import missing_arithmetic

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def why_imitated(precision: torch.dtype, device: torch.device) -> str:
    """Why `device` only imitates products in `precision`, slower than float32; "" where it has them itself."""
    if precision == torch.float32:
        return ""
    if device.type == "cpu":
        return missing_arithmetic(precision)
    if device.type == "cuda":
        has = precision == torch.float16 or torch.cuda.get_device_capability(device) >= (8, 0)
        return "" if has else "this GPU has no bfloat16 arithmetic"
    return "" if precision == torch.float16 else "Apple's GPUs are not known to have bfloat16 arithmetic"


def choose_precision(name: str, device: torch.device, say: Callable[[str], None]) -> torch.dtype:
    """fp32, bf16, fp16, or auto: bf16 where `device` has it. Says which where that was left open, or where it is slow."""
    if name == "auto":
        lacking = why_imitated(torch.bfloat16, device)
        say(f"precision: fp32 ({lacking})" if lacking else f"precision: bf16 (the {device.type} has bfloat16 arithmetic)")
        return torch.float32 if lacking else torch.bfloat16
    lacking = why_imitated(PRECISIONS[name], device)
    if lacking:
        say(f"warning: --precision {name} is imitated and several times slower than --precision fp32: {lacking}")
    return PRECISIONS[name]


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """The context for a forward pass in `precision`."""
    short = precision != torch.float32
    return torch.autocast(device.type, dtype=precision if short else None, enabled=short)
