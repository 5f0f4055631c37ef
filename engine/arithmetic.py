"""How a GPU computes: float32 products in TF32 or in full, and whether two equal runs give equal bits."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from engine.config.flags import Settings
from engine.errors import UsageError
from engine.precision import autocast
from models import MODELS

# Nodes of autograd's graph whose kernel on CUDA has no repeatable form: the list in torch.use_deterministic_algorithms'
# documentation, by the names that the graph gives them, without what follows "Backward". A test compares the two.
UNREPEATABLE = (
    "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "AdaptiveMaxPool2D", "FractionalMaxPool2D", "FractionalMaxPool3D",
    "MaxUnpool2D", "MaxUnpool3D", "UpsampleLinear1D", "UpsampleBilinear2D", "UpsampleBicubic2D", "UpsampleTrilinear3D",
    "ReflectionPad1D", "ReflectionPad2D", "ReflectionPad3D", "NllLoss2D", "CtcLoss", "EmbeddingBag", "Put", "Median",
    "GridSampler2D", "GridSampler3D", "ScatterReduce",
)  # fmt: skip


def has_tf32(device: torch.device) -> bool:
    """Whether the GPU multiplies float32 in TF32, with 10 bits of mantissa instead of 23 (Ampere and later)."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def set_tf32(on: bool) -> None:
    """Products and convolutions of float32 on CUDA in TF32, or in full."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on


@contextmanager
def full_float32() -> Iterator[None]:
    """Inside, no product is in TF32."""
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    set_tf32(False)
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


def unrepeatable(model: nn.Module, shape: tuple[int, ...], device: torch.device, precision: torch.dtype) -> list[str]:
    """Names of the operations in the backward pass of `model` that have no repeatable kernel on CUDA, sorted.

    shape: (C, H, W) of its images. Looks at the graph of one image in evaluation mode, which draws nothing and moves nothing.
    """
    training = model.training
    model.eval()
    with torch.enable_grad(), autocast(device, precision):
        logits = model(torch.zeros(1, *shape, device=device))
    model.train(training)
    left, seen, found = [logits.grad_fn], set(), set()
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.add(node.name().partition("Backward")[0])
        left += [following for following, _ in node.next_functions]
    return sorted(found.intersection(UNREPEATABLE))


def choose_arithmetic(
    settings: Settings,
    device: torch.device,
    precision: torch.dtype,
    model: nn.Module,
    say: Callable[[str], None],
) -> dict:
    """Do what --tf32 and --deterministic say, and say what matters on a GPU; what was chosen, for args.json.

    model: the network of the settings, on `device`. Raises UsageError where --deterministic on cannot be had.
    """
    tf32 = settings.tf32 == "auto" and has_tf32(device)
    set_tf32(tf32)
    if tf32 and precision == torch.float32:
        say("float32 products and convolutions in TF32, as the published code's ran (--tf32 off: in full float32)")
    return {"tf32": tf32, "deterministic": _choose_repeatability(settings, device, precision, model, say)}


def _choose_repeatability(
    settings: Settings, device: torch.device, precision: torch.dtype, model: nn.Module, say: Callable[[str], None]
) -> str:
    on, on_gpu = settings.deterministic != "off", device.type == "cuda"
    torch.backends.cudnn.benchmark = not on and on_gpu
    # under "warn_only" the fused attention takes its unrepeatable backward pass on CUDA; all kernels of a CPU are repeatable
    torch.use_deterministic_algorithms(on, warn_only=not on_gpu)
    if not on:
        say("--deterministic off: two equal runs need not give equal bits")
        return "off"
    lacking = unrepeatable(model, MODELS[settings.model].image.shape, device, precision) if on_gpu else []
    if not lacking:
        return "on"
    names = ", ".join(lacking)
    if settings.deterministic == "on":
        raise UsageError(f"--deterministic on: {settings.model} has no repeatable kernel on CUDA for {names}; use auto or off")
    torch.use_deterministic_algorithms(True, warn_only=True)
    warnings.filterwarnings("ignore", message=".*(deterministic implementation|non-deterministic algorithm)")  # said once, here
    say(f"warning: not bit-repeatable on CUDA because of {names}: two equal runs differ by rounding")
    return f"as far as possible: not {names}"
