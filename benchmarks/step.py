"""Seconds, pictures a second and peak memory of one training step of POSTER V2.

python -m benchmarks.step [--batch-size 16] [--precision fp32] [--rho 0.05]
"""

import argparse
import resource
import sys
import time

import torch

from engine.losses import LOSSES
from engine.optim import create_optimizer, parameter_groups
from engine.precision import PRECISIONS
from engine.seed import seed_everything
from engine.setup import build_model
from engine.step import train_step


def main() -> None:
    """Time a few steps on the CPU after one to warm up, and print a line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=16, help="pictures (default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="(default: %(default)s)")
    parser.add_argument("--rho", type=float, default=0.05, help="SAM's radius, 0: plain Adam (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=3, help="timed steps (default: %(default)s)")
    args = parser.parse_args()
    seed_everything(0)
    model = build_model("poster_v2", 7, {}, torch.device("cpu")).train()
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 3.5e-5, 0.0, 0.0, args.rho)
    images = torch.randn(args.batch_size, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(args.batch_size) % 7
    seconds = []
    for _ in range(args.steps + 1):
        start = time.perf_counter()
        train_step(model, optimizer, images, labels, LOSSES["ce"], PRECISIONS[args.precision])
        seconds.append(time.perf_counter() - start)
    best = min(seconds[1:])
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, KiB elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    print(
        f"batch {args.batch_size}, {args.precision}, rho {args.rho:g}, {torch.get_num_threads()} threads: "
        f"{best:.2f} s a step, {args.batch_size / best:.2f} pictures/s, peak memory of the process {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
