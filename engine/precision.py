"""In which arithmetic the network runs: float32, or 16-bit products under autocast with float32 weights."""

from collections.abc import Callable

import torch

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_CPU_FLAGS = {  # of torch.cpu.get_capabilities, on x86 and on ARM
    torch.bfloat16: ("avx512_bf16", "amx_bf16", "bf16"),
    torch.float16: ("avx512_fp16", "amx_fp16", "fp16_arith", "fp16"),
}


def has_arithmetic(precision: torch.dtype, device: torch.device) -> bool:
    """Whether the hardware itself multiplies in `precision`; emulated, it would be slower than float32."""
    if precision == torch.float32:
        return True
    if device.type == "cuda":
        return precision == torch.float16 or torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in _CPU_FLAGS[precision])
    return precision == torch.float16  # Apple's GPUs


def choose_precision(name: str, device: torch.device, say: Callable[[str], None]) -> torch.dtype:
    """fp32, bf16, fp16, or auto: bf16 where `device` has it. Says which where that was left open, or where it is slow."""
    if name == "auto":
        chosen = "bf16" if has_arithmetic(torch.bfloat16, device) else "fp32"
        say(f"precision: {chosen} ({device.type} {'has' if chosen == 'bf16' else 'lacks'} bfloat16 arithmetic)")
        return PRECISIONS[chosen]
    if not has_arithmetic(PRECISIONS[name], device):
        say(f"precision: this {device.type} has no {name} arithmetic and imitates it, slower than --precision fp32")
    return PRECISIONS[name]


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """The context for a forward pass in `precision`."""
    short = precision != torch.float32
    return torch.autocast(device.type, dtype=precision if short else None, enabled=short)
