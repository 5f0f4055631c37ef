"""In which arithmetic the network runs: float32, or bfloat16 products under autocast with float32 weights."""

from collections.abc import Callable

import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies in bfloat16; emulated, it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def choose_precision(name: str, device: torch.device, say: Callable[[str], None]) -> torch.dtype:
    """fp32, bf16, or auto: bf16 where `device` has it. Says which where that was left open."""
    if name != "auto":
        return PRECISIONS[name]
    chosen = "bf16" if has_bf16(device) else "fp32"
    say(f"precision: {chosen} ({device.type} {'has' if chosen == 'bf16' else 'lacks'} bfloat16 arithmetic)")
    return PRECISIONS[chosen]


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """The context for a forward pass in `precision`."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)
