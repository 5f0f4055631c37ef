"""Our networks against the plain ones of `benchmarks.plain` in one run, as a table of ratios.

    python -m benchmarks.speed [--model poster_v2] [--batch 16] [--repeats 5] [--precision fp32 bf16]

Measured in turns: a SAM step (Adam, cross-entropy), the forward pass of evaluation, and that of a single image; plain in
float32, ours in each precision, evaluation by `optimize_for_inference`. Ours gets images as the data pipeline gives
them, already reduced to what a POSTER sees. Operations are counted on the plain network, whatever ours leaves out. Then
comes the rate of every product shape of ours in float32.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import measure
from benchmarks.plain import SAM, make_plain, plain_step
from benchmarks.shapes import print_shapes
from engine.network import build_model
from engine.precision import PRECISIONS, choose_precision
from engine.seed import seed_everything
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step
from models import MODELS, create_model, optimize_for_inference

LR = 3.5e-5


def random_images(batch: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Random images (B, 3, 224, 224), what a POSTER sees of them (B, 3, 112, 112) in channels-last memory, and labels."""
    full = torch.randn(batch, 3, 224, 224, device=device)
    reduced = full[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)
    return full, reduced, torch.arange(batch, device=device) % 7


def plain_network(name: str, device: torch.device) -> torch.nn.Module:
    """The network of 7 classes without what makes it faster (benchmarks.plain)."""
    seed_everything(0)
    return make_plain(create_model(name, 7)).to(device)


def prepare_step(way: str, name: str, batch: int, device: torch.device) -> Callable[[], object]:
    """A SAM step by `way`: plain, or ours in a precision."""
    full, reduced, labels = random_images(batch, device)
    if way == "plain":
        model = plain_network(name, device).train()
        optimizer = SAM([p for p in model.parameters() if p.requires_grad], torch.optim.Adam, lr=LR)
        return lambda: plain_step(model, optimizer, full, labels)
    seed_everything(0)
    model = build_model(name, 7, {}, device).train()
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", LR, 0.0, 0.0, rho=0.05)
    return lambda: train_step(model, optimizer, reduced, labels, LOSSES["ce"], PRECISIONS[way])


def prepare_forward(way: str, name: str, batch: int, device: torch.device) -> Callable[[], object]:
    """The forward pass of evaluation by `way`, as `prepare_step`."""
    full, reduced, _ = random_images(batch, device)
    if way == "plain":
        model, x = plain_network(name, device).eval(), full
    else:
        seed_everything(0)
        model, x = optimize_for_inference(build_model(name, 7, {}, device), PRECISIONS[way]), reduced

    def forward() -> Tensor:
        with torch.inference_mode():
            return model(x)

    return forward


def count_operations(function: Callable[[], object]) -> int:
    """Two for each multiply-add of the products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def peak_in_subprocess(way: str, args: argparse.Namespace, batch: int) -> int:
    """Peak bytes of two SAM steps in a process of their own."""
    flags = ["--model", args.model, "--batch", str(batch), "--device", args.device, "--peak-of", way]
    run = subprocess.run([sys.executable, "-m", "benchmarks.speed", *flags], stdout=subprocess.PIPE, text=True)
    if run.returncode:
        raise SystemExit(f"error: measuring the memory of {way} at batch {batch} failed with status {run.returncode}")
    return int(run.stdout)


def print_rates(args: argparse.Namespace, device: torch.device) -> dict[str, float]:
    """Print machine and rates; returns the convolution's rate in each precision."""
    print(f"{args.model}, batch {args.batch}, {args.repeats} turns, torch {torch.__version__}, {measure.machine(device)}\n")
    if "bf16" not in args.precision:
        choose_precision("auto", device, print)
    rates = {}
    for name in args.precision:
        dtype = PRECISIONS[name]
        products, rates[name] = measure.product_rate(dtype, device), measure.convolution_rate(dtype, device)
        print(f"- {name}: matrix product {products / 1e12:.3f} TFLOP/s, convolution {rates[name] / 1e12:.3f} TFLOP/s")
    return rates


def print_times(args: argparse.Namespace, device: torch.device, rates: dict[str, float]) -> None:
    """Print the table of times: a row for each kind of work and precision."""
    print("\n| | precision | plain float32 | ours | ratio (lowest to highest) | ours, TFLOP/s | of the convolution's rate |")
    print("|---|---|---|---|---|---|---|")
    kinds = {
        "SAM step": (prepare_step, args.batch),
        "forward": (prepare_forward, args.batch),
        "single image": (prepare_forward, 1),
    }
    for title, (prepare, batch) in kinds.items():
        ways = {way: prepare(way, args.model, batch, device) for way in ("plain", *args.precision)}
        operations = count_operations(ways["plain"])
        times = measure.interleave(ways, args.repeats * (5 if batch == 1 else 1), device)
        plain = statistics.median(times["plain"])
        for way in args.precision:
            ours = statistics.median(times[way])
            ratios = sorted(slow / fast for slow, fast in zip(times["plain"], times[way]))
            rate = operations / ours
            cells = [title, way, f"{1000 * plain:.1f} ms", f"{1000 * ours:.1f} ms"]
            cells.append(f"**{plain / ours:.2f}** ({ratios[0]:.2f} to {ratios[-1]:.2f})")
            cells += [f"{rate / 1e12:.3f}", f"{100 * rate / rates[way]:.0f} %"]
            print(f"| {' | '.join(cells)} |", flush=True)


def print_peaks(args: argparse.Namespace) -> None:
    """Print the table of memory: the peak of a SAM step, and what an image more in the batch costs."""
    kind = "of the GPU's allocator" if args.device.startswith("cuda") else "of the process"
    print(f"\n| peak memory {kind} in a SAM step | batch {args.batch} | of plain | an image more |")
    print("|---|---|---|---|")
    plain = None
    for way in ("plain", *args.precision):
        half, whole = (peak_in_subprocess(way, args, batch) for batch in (args.batch // 2, args.batch))
        plain = plain or whole
        grown = (whole - half) / (args.batch - args.batch // 2)
        title = "plain float32" if way == "plain" else f"ours {way}"
        print(f"| {title} | {whole / 2**30:.2f} GiB | {whole / plain:.2f} | {grown / 2**20:.0f} MiB |", flush=True)


def main() -> None:
    """Print machine, rates, and the tables of times, product shapes and memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    posters = [name for name, architecture in MODELS.items() if architecture.has_landmark_branch]
    parser.add_argument("--model", choices=posters, default="poster_v2", help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="at least 2 (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="turns, at least 1 (default: %(default)s)")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, help="of ours (default: fp32, bf16 where it is)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(default: %(default)s)")
    parser.add_argument("--peak-of", choices=("plain", *PRECISIONS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.batch < 1 + (args.peak_of is None) or args.repeats < 1:
        parser.error("--batch must be at least 2 and --repeats at least 1")
    device = torch.device(args.device)
    if args.peak_of:
        step = prepare_step(args.peak_of, args.model, args.batch, device)
        for _ in range(2):
            step()
        print(measure.peak_bytes(device))
        return
    args.precision = args.precision or measure.short_precisions(device)
    print_times(args, device, print_rates(args, device))
    network = build_model(args.model, 7, {}, device).train()
    print_shapes(network, random_images(args.batch, device)[1], device, args.repeats)
    print_peaks(args)


if __name__ == "__main__":
    main()
