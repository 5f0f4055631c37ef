"""How a training step's time grows with the batch, and what several processes on one machine give at the same batch.

    python -m benchmarks.scaling [--model poster_v2] [--batch 16] [--processes 2] [--precision fp32]

The processes share the machine's threads; their SAM steps go through DistributedDataParallel as `main.py --gpu 0,1` takes
them. Every setting runs in processes of its own, in turns; seconds are medians over steps.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.speed import random_images
from engine.distributed import join_group, leave_group
from engine.network import build_model
from engine.precision import PRECISIONS
from engine.seed import seed_everything
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step


def steps(args: argparse.Namespace) -> list[float]:
    """Seconds of the SAM steps of this process, the first one left out."""
    group = join_group()
    device = torch.device(args.device, group.local_rank) if args.device == "cuda" else torch.device("cpu")
    seed_everything(0)
    model = build_model(args.model, 7, {}, device).train()
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 3.5e-5, 0.0, 0.0, rho=0.05)
    runner = group.wrap(model, sync_bn=False)
    _, images, labels = random_images(args.batch // group.size, device)
    times = []
    for _ in range(args.repeats + 1):
        start = time.perf_counter()
        float(train_step(runner, optimizer, images, labels, LOSSES["ce"], PRECISIONS[args.precision]).loss)
        times.append(time.perf_counter() - start)
    leave_group(group)
    return times[1:]


def measured(args: argparse.Namespace, batch: int, processes: int) -> float:
    """Median seconds of a step with the global batch in so many processes, which share this machine's threads."""
    flags = ["--model", args.model, "--batch", str(batch), "--repeats", str(args.repeats), "--precision", args.precision]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "seconds.json"
        script = ["-m", "benchmarks.scaling", *flags, "--device", args.device, "--result", str(result)]
        command = [sys.executable, *script]
        if processes > 1:
            command = [
                sys.executable,
                "-m",
                "torch.distributed.run",
                "--standalone",
                "--nproc_per_node",
                str(processes),
                *script,
            ]
        threads = max(1, torch.get_num_threads() // processes)
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": str(threads)}, stdout=subprocess.DEVNULL)
        return statistics.median(json.loads(result.read_text()))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="poster_v2", help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, metavar="N", help="the largest (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="steps (default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="(default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(default: %(default)s)")
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.result:
        times = steps(args)
        if os.environ.get("RANK", "0") == "0":
            args.result.write_text(json.dumps(times))
        return
    print(f"{args.model}, {args.precision}, {torch.get_num_threads()} threads in all, {args.repeats} steps each\n")
    print("| batch | processes | seconds per step | images/s | of one process |\n|---|---|---|---|---|")
    alone = 0.0
    batches = [size for size in (args.batch // 4, args.batch // 2, args.batch) if size > 1]
    for batch, processes in [(size, 1) for size in batches] + [(args.batch, args.processes)]:
        taken = measured(args, batch, processes)
        alone = taken if processes == 1 else alone
        share = f"{alone / taken:.2f}" if processes > 1 else ""
        print(f"| {batch} | {processes} | {taken:.2f} | {batch / taken:.2f} | {share} |", flush=True)


if __name__ == "__main__":
    main()
