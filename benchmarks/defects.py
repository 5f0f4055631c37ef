"""What the published evaluations do to the numbers, measured on images of yours.

python -m benchmarks.defects margin --data DIR      labels in AdaFace's head at evaluation, against none and a plain head
python -m benchmarks.defects selection --data DIR   best epoch on test, against the epoch chosen on valid
python -m benchmarks.defects repeat --data DIR      evaluations repeated with random erasing, and with live dropout;
                                                    with --checkpoint FILE of a Deep-Emotion that is trained already

Every figure is of DIR/test; the epoch is chosen on DIR/valid. Nothing is written.
docs/reproduction/photographs.md has what was found.
"""

import argparse
import statistics
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torchvision.transforms import v2

from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.loading.transforms import create_transform
from engine import data
from engine.checkpoints.format import load_checkpoint
from engine.commands.training_setup import Prepared, prepare
from engine.config.flags import Settings
from engine.config.settings import resolve
from engine.evaluation.metrics import Metrics
from engine.evaluation.predictions import Predictions, predict
from engine.network import load_weights
from engine.run_folder.layout import Log
from engine.run_folder.run_folder import RunFolder
from engine.training.epoch import Training
from engine.training.loop import fit
from engine.training.losses import LOSSES
from models import MODELS

# from a random start on a CPU: small batches, no SAM, a higher rate than the published one
POSTER = dict(rho=0.0, precision="auto", batch_size=8, lr=1.2e-4, pretrained="none", channel_order="rgb", transform="flip")


def silent(items, total, text):
    """No progress bar."""
    return items


@dataclass
class Curve:
    """One run: valid and test figures after each epoch, and the network as it was at the epoch chosen on valid."""

    run: Prepared
    valid: list[Metrics] = field(default_factory=list)
    test: list[Metrics] = field(default_factory=list)
    chosen: nn.Module | None = None

    def evaluate(self, with_labels: bool = False, network: nn.Module | None = None) -> Predictions:
        """Predictions on the report split, of `network` or of the one being trained."""
        loader = data.evaluation_loader(self.run.splits[2], self.run.settings, self.run.device)
        network = network or self.run.model
        return predict(network, loader, self.run.device, self.run.precision, silent, with_labels)

    def keep(self, state, is_best: bool, predictions: Predictions) -> None:
        """After an epoch."""
        self.valid.append(predictions.metrics())
        self.test.append(self.evaluate().metrics())
        if is_best:
            self.chosen = deepcopy(self.run.model)

    @property
    def best_epoch(self) -> int:
        """Index of the epoch chosen on valid, the first of equals."""
        accuracies = [metrics.accuracy for metrics in self.valid]
        return accuracies.index(max(accuracies))


def train(**flags) -> Curve:
    """Train as main.py does with these flags, looking at test after every epoch without using it."""
    log = Log()
    log.say = lambda text: None
    settings: Settings = resolve(flags, {})
    curve = Curve(prepare(settings, RunFolder({}), flags, log))
    run = curve.run
    fit(
        Training(run.model, run.optimizer, LOSSES[settings.loss], run.device, run.precision, print_freq=10**9, say=log.say),
        data.training_loader(run.splits[0], settings, run.device),
        data.evaluation_loader(run.splits[1], settings, run.device),
        run.state,
        lr=settings.lr,
        lr_decay=settings.lr_decay,
        epochs=settings.epochs,
        progress=silent,
        on_epoch=curve.keep,
    )
    return curve


def shown(metrics: Metrics) -> str:
    """Accuracy with its 95 % interval."""
    low, high = metrics.interval
    return f"{100 * metrics.accuracy:.2f} % ({100 * low:.2f} to {100 * high:.2f})"


def spread(values: list[float]) -> str:
    """Mean, standard deviation and range of accuracies."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return (
        f"mean {100 * statistics.mean(values):.2f} %, standard deviation {100 * deviation:.2f}, "
        f"from {100 * min(values):.2f} to {100 * max(values):.2f}, n = {len(values)}"
    )


def margin(args: argparse.Namespace) -> None:
    """Defect 6: the same AdaFace network without and with the labels in its head, and a plain head."""
    results = {"linear": [], "adaface": [], "adaface, labels in the head": []}
    for seed in args.seeds:
        for head in ("adaface", "linear"):
            curve = train(data=args.data, model="poster_v1_small", head=head, seed=seed, epochs=args.epochs or 2, **POSTER)
            epochs = "; ".join(f"{100 * v.accuracy:.2f}/{100 * t.accuracy:.2f}" for v, t in zip(curve.valid, curve.test))
            print(f"seed {seed}, {head}: valid/test % by epoch {epochs}", flush=True)
            figures = {head: curve.evaluate(network=curve.chosen).metrics()}
            if head == "adaface":
                labelled = curve.evaluate(with_labels=True, network=curve.chosen)
                figures["adaface, labels in the head"] = labelled.metrics()
            for name, metrics in figures.items():
                print(f"  {name}: {shown(metrics)}", flush=True)
                results[name].append(metrics.accuracy)
    for name, values in results.items():
        print(f"{name}: {spread(values)}")


def selection(args: argparse.Namespace) -> None:
    """Defect 2: over the same runs, the best epoch on test against the one chosen on valid, and the last ten's mean."""
    gains, chosen = [], []
    for seed in args.seeds:
        curve = trained_by(args, seed, args.epochs or 60)
        test = [metrics.accuracy for metrics in curve.test]
        best, honest = max(test), test[curve.best_epoch]
        print(
            f"seed {seed}: best on test {100 * best:.2f} % (epoch {test.index(best) + 1}), chosen on valid "
            f"{shown(curve.test[curve.best_epoch])} (epoch {curve.best_epoch + 1}), last {100 * test[-1]:.2f} %, "
            f"mean of the last ten {100 * statistics.mean(test[-10:]):.2f} %",
            flush=True,
        )
        gains.append(best - honest)
        chosen.append(honest)
    print(f"chosen on valid: {spread(chosen)}")
    print(f"gained by choosing on test: {spread(gains)}")


def repeat(args: argparse.Namespace) -> None:
    """Defects 3 and 15: one Deep-Emotion, tested again and again with what the published evaluations leave random."""
    for seed in [None] if args.checkpoint else args.seeds:
        curve = tested(args.data, args.checkpoint) if args.checkpoint else trained_by(args, seed, args.epochs or 30)
        network, run = curve.chosen, curve.run
        right = curve.evaluate(network=network)
        print(f"{args.checkpoint or f'seed {seed}'}: as it should be {shown(right.metrics())}", flush=True)
        hits, batches = (right.labels == right.predicted).sum(), -(-len(right.labels) // 64)
        print(f"  each batch of 64 divided by 64: {100 * hits / (64 * batches):.2f} %", flush=True)
        plain = create_transform(run.settings.eval_transform, MODELS[run.settings.model].image)
        transform = v2.Compose([plain, v2.RandomErasing(0.5, (0.02, 0.1))])  # as the study's valid and test transforms end
        loader = create_loader(FaceDataset(run.splits[2], transform, seed or 0), 32, run.settings.workers, False)
        erased = []
        for draw in range(args.repeats):
            loader.batch_sampler.set_epoch(draw)
            erased.append(predict(network, loader, run.device, run.precision, silent).metrics().accuracy)
        print(f"  random erasing in the evaluation's transform: {spread(erased)}", flush=True)
        torch.manual_seed(seed or 0)
        network.dropout.register_forward_hook(
            lambda module, inputs, output: nn.functional.dropout(inputs[0], 0.5, training=True)
        )
        live = [curve.evaluate(network=network).metrics().accuracy for _ in range(args.repeats)]
        print(f"  dropout left on: {spread(live)}", flush=True)


def trained_by(args: argparse.Namespace, seed: int, epochs: int) -> Curve:
    """Deep-Emotion, trained as the flags say."""
    size = args.batch_size
    return train(data=args.data, model="deep_emotion", seed=seed, lr=1e-3, batch_size=size, workers=0, epochs=epochs)


def tested(data_folder: str, file: str) -> Curve:
    """The network of a checkpoint of Deep-Emotion, beside the images on which it is tested."""
    checkpoint = load_checkpoint(Path(file), "--checkpoint")
    log = Log()
    log.say = lambda text: None
    flags = dict(data=data_folder, model=checkpoint.model, workers=0, seed=0)
    curve = Curve(prepare(resolve(flags, {}), RunFolder({}), flags, log))
    load_weights(curve.run.model, checkpoint, "--checkpoint", log.say)
    curve.chosen = curve.run.model
    return curve


def main() -> None:
    """Run one of the three measurements."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.defects", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("margin", "selection", "repeat"))
    parser.add_argument("--data", required=True, metavar="DIR", help="images with train/, valid/ and test/")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="(default: 0 1 2)")
    parser.add_argument("--epochs", type=int, metavar="N", help="(default: margin 2, selection 60, repeat 30)")
    parser.add_argument(
        "--batch-size", type=int, default=32, metavar="N", help="of selection and repeat (default: %(default)s)"
    )
    parser.add_argument("--checkpoint", metavar="FILE", help="of repeat: a Deep-Emotion that is trained already")
    parser.add_argument("--repeats", type=int, default=20, metavar="N", help="of repeat (default: %(default)s)")
    args = parser.parse_args()
    {"margin": margin, "selection": selection, "repeat": repeat}[args.what](args)


if __name__ == "__main__":
    main()
