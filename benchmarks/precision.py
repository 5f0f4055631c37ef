"""Whether bfloat16 trains as float32 does and predicts the same, on a folder of real images, for several seeds.

    python -m benchmarks.precision --data DIR [--steps 40] [--batch 8] [--seeds 0 1 2]

Each seed trains POSTER V2 from the same random start on the same batches in both precisions (plain Adam, the remedy for a
random start), and prints the mean loss of each quarter of the steps. The float32 network of the last seed then evaluates the
test split in both precisions.
"""

import argparse

import torch

from benchmarks.defects import silent
from engine import data
from engine.commands.training_setup import Prepared, prepare
from engine.config.settings import resolve
from engine.evaluation.predictions import predict
from engine.run_folder.layout import Log
from engine.run_folder.run_folder import RunFolder
from engine.training.losses import LOSSES
from engine.training.step import train_step

REMEDY = dict(rho=0.0, lr=1.2e-4, pretrained="none", init="positions", feature_lr_scale=0.1, transform="flip")


def prepared(args: argparse.Namespace, seed: int, precision: str) -> Prepared:
    """A run as main.py would train it."""
    flags = dict(data=args.data, seed=seed, precision=precision, batch_size=args.batch, **REMEDY)
    return prepare(resolve(flags, {}), RunFolder({}), flags, Log(speaks=False))


def train(run: Prepared, steps: int) -> list[float]:
    """The loss of every step."""
    loader = data.training_loader(run.splits[0], run.settings, run.device)
    run.model.train()
    losses: list[float] = []
    while len(losses) < steps:
        loader.batch_sampler.set_epoch(len(losses) // len(loader))
        for images, labels, _ in loader:
            images = images.to(run.device, memory_format=torch.channels_last)
            step = train_step(run.model, run.optimizer, images, labels.to(run.device), LOSSES["ce"], run.precision)
            losses.append(float(step.loss))
            if len(losses) == steps:
                break
    return losses


def quarters(losses: list[float]) -> str:
    """Mean losses of the four quarters, as table cells."""
    size = len(losses) // 4
    return " | ".join(f"{sum(losses[k * size : (k + 1) * size]) / size:.3f}" for k in range(4))


def main() -> None:
    """Print the curves, then what evaluation in bfloat16 changes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with train/, valid/ and test/")
    parser.add_argument("--steps", type=int, default=40, help="a multiple of 4 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(default: 0 1 2)")
    args = parser.parse_args()
    print("| seed | precision | loss, 1st quarter | 2nd | 3rd | 4th |\n|---|---|---|---|---|---|")
    for seed in args.seeds:
        for precision in ("bf16", "fp32"):
            run = prepared(args, seed, precision)
            print(f"| {seed} | {precision} | {quarters(train(run, args.steps))} |", flush=True)
    loader = data.evaluation_loader(run.splits[2], run.settings, run.device)
    exact, short = (
        predict(run.model, loader, run.device, precision, silent, say=print) for precision in (torch.float32, torch.bfloat16)
    )
    changed = int((exact.predicted != short.predicted).sum())
    print(
        f"\nevaluated in bf16: {changed} of {len(exact.labels)} predictions differ from float32's; accuracy "
        f"{100 * exact.metrics().accuracy:.2f} % in float32, {100 * short.metrics().accuracy:.2f} % in bf16"
    )


if __name__ == "__main__":
    main()
