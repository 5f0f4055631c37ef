"""Clocks, peaks and rates that the speed measurements share."""

import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.precision import why_imitated
from models.cpu import kernels

NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """One call; on a GPU by its own events, once everything before has run."""
    if device.type == "cuda":
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize(device)
        begin.record()
        function()
        end.record()
        torch.cuda.synchronize(device)
        return begin.elapsed_time(end) / 1000
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleave(functions: dict[str, Callable[[], object]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every function, `repeats` times in turns, so that a slower minute of the machine falls on all; one more turn
    before warms up."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(repeats + 1):
        for name, function in functions.items():
            taken = seconds(function, device)
            if turn:
                times[name].append(taken)
    return times


def peak_bytes(device: torch.device) -> int:
    """The most memory so far: of the GPU's allocator, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def machine(device: torch.device) -> str:
    """What the figures were measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    capabilities = torch.cpu.get_capabilities()
    flags = [
        name for name in ("avx2", "avx512_f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_fp16") if capabilities.get(name)
    ]
    name = capabilities.get("cpu_name") or platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    if known.exists():  # there the family and model tell one generation from the next where the name does not
        entries = dict(line.split(":", 1) for line in known.read_text().split("\n\n")[0].splitlines() if ":" in line)
        entries = {key.strip(): value.strip() for key, value in entries.items()}
        name = f"{entries.get('model name', name)} (family {entries.get('cpu family')}, model {entries.get('model')})"
    return f"{name}, {torch.get_num_threads()} threads, {', '.join(flags) or 'no vector extensions known'}"


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second of a matrix product of 2048³, the faster of PyTorch's and ours."""
    a, b = (torch.randn(2048, 2048, device=device, dtype=dtype) for _ in range(2))
    with torch.no_grad():
        ways = {"PyTorch": lambda: F.linear(a, b), "ours": lambda: kernels.linear(a, b, None)}
        times = interleave(ways, 7, device)
    return 2 * 2048**3 / min(statistics.median(taken) for taken in times.values())


def convolution_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second of the convolution that IR-50 has most of: 3 × 3, 256 to 256 channels on 14², 16 images."""
    x, weight = torch.randn(16, 256, 14, 14, device=device), torch.randn(256, 256, 3, 3, device=device)
    x, weight = (t.to(dtype, memory_format=torch.channels_last) for t in (x, weight))
    with torch.no_grad():
        times = interleave({"": lambda: F.conv2d(x, weight, padding=1)}, 7, device)
    return 2 * 16 * 14**2 * 256 * 256 * 9 / statistics.median(times[""])


def short_precisions(device: torch.device) -> list[str]:
    """fp32, and bf16 where the device has it."""
    return ["fp32"] if why_imitated(torch.bfloat16, device) else ["fp32", "bf16"]
