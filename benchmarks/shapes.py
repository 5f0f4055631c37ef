"""The rate of every product shape of a network's training step, so that a processor's weak kernel is seen at once."""

import statistics
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks import measure

KINDS = ("forward", "input gradient", "weight gradient")


def product_shapes(model: nn.Module, images: Tensor) -> dict[tuple, tuple[nn.Module, int]]:
    """Convolutions and linear layers that train, by shape: a layer of each, and how many `model(images)` runs."""
    layers: dict[tuple, nn.Module] = {}
    count: Counter = Counter()

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        key = (tuple(inputs[0].shape), tuple(layer.weight.shape), getattr(layer, "stride", (1,))[0])
        layers.setdefault(key, layer)
        count[key] += 1

    modules = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and m.weight.requires_grad]
    hooks = [module.register_forward_hook(note) for module in modules]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return {key: (layer, count[key]) for key, layer in layers.items()}


def passes(layer: nn.Module, shape: tuple[int, ...], device: torch.device) -> dict[str, Callable[[], object]]:
    """The three products of a layer, as ours computes them for an input of this shape (channels-last where it is a map)."""
    x = torch.randn(shape, device=device)
    x = x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
    grad = torch.randn_like(layer(x))
    trained = [parameter for parameter in layer.parameters() if parameter.requires_grad]

    def forward() -> Tensor:
        with torch.no_grad():
            return layer(x)

    def backward(leaf: Tensor, x: Tensor) -> Callable[[], object]:
        out = layer(x)  # kernels of ours compute every gradient that the call asks for
        return lambda: torch.autograd.grad(out, leaf, grad, retain_graph=True)

    for_weight = backward(layer.weight, x)
    layer.requires_grad_(False)
    leaf = x.detach().requires_grad_()
    for_input = backward(leaf, leaf)
    for parameter in trained:
        parameter.requires_grad_()
    return dict(zip(KINDS, (forward, for_input, for_weight)))


def print_shapes(model: nn.Module, images: Tensor, device: torch.device, repeats: int) -> None:
    """Print a row for each shape, the largest share of the products' time first, in GFLOP/s of float32."""
    rows = []
    for (shape, weight, stride), (layer, number) in product_shapes(model, images).items():
        times = measure.interleave(passes(layer, shape, device), repeats, device)
        seconds = [statistics.median(times[kind]) for kind in KINDS]
        outputs = layer(torch.randn(shape, device=device)).numel()
        operations = 2 * outputs * layer.weight[0].numel()
        rows.append((number * sum(seconds), number, shape, weight, stride, [operations / s / 1e9 for s in seconds]))
    total = sum(row[0] for row in rows)
    title = "layers | input | weight | stride | forward | input gradient | weight gradient, GFLOP/s | of the products' time"
    print(f"\n| {title} |")
    print("|---|---|---|---|---|---|---|---|")
    for seconds, number, shape, weight, stride, rates in sorted(rows, key=lambda row: -row[0]):
        cells = [str(number), *(" × ".join(map(str, size)) for size in (shape, weight)), str(stride)]
        cells += [f"{rate:.0f}" for rate in rates] + [f"{100 * seconds / total:.1f} %"]
        print(f"| {' | '.join(cells)} |", flush=True)
