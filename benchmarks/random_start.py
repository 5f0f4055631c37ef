"""What holds POSTER V2's random start back, shown on drawn faces with the random image and landmark backbones kept still.

    python -m benchmarks.random_start [--people 160] [--steps 120]

First ridge regression on the 147 tokens that the random backbones give, with their places and averaged over them: what a
linear reader of either could know. Then the transformer alone is trained on those tokens, from the published start
and from `--init positions`.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import read_split
from data_preprocessing.sources.split_folders import find_splits
from data_preprocessing.synthetic.command import write_synthetic
from engine.network import build_model, start_from_scratch
from engine.seed import seed_everything
from models.parts.heads import LinearHead
from models.parts.vit import VisionTransformer

CPU = torch.device("cpu")


def random_features(folder: Path) -> tuple[Tensor, Tensor]:
    """Tokens (N, 147, 768) of a split's images under random backbones, BatchNorm by batches of 32, and labels (N,)."""
    seed_everything(0)
    model = build_model("poster_v2", 3, {}, CPU).train()
    tokens, labels = [], []
    model.VIT.register_forward_pre_hook(lambda _, inputs: tokens.append(inputs[0]))
    dataset = FaceDataset(read_split(folder.name, folder), create_transform("plain"))
    for images, targets, _ in create_loader(dataset, 32, 0, False, shuffle=True):
        with torch.no_grad():
            model(images.to(memory_format=torch.channels_last))
        labels.append(targets)
    return torch.cat(tokens), torch.cat(labels)


def ridge_accuracy(train: Tensor, labels: Tensor, test: Tensor, truth: Tensor) -> float:
    """Best test accuracy of ridge regression over four penalties, on features (N, D) scaled to unit variance."""
    mean, std = train.mean(0), train.std(0) + 1e-5
    train, test = (train - mean) / std, (test - mean) / std
    kernel = train @ train.T / train.shape[1]
    targets = F.one_hot(labels, 3).float() - 1 / 3
    accuracies = []
    for penalty in (1e-3, 1e-2, 1e-1, 1.0):
        weights = torch.linalg.solve(kernel + penalty * torch.eye(len(kernel)), targets)
        accuracies.append(((test @ train.T / train.shape[1] @ weights).argmax(1) == truth).float().mean().item())
    return max(accuracies)


def train_transformer(init: str, lr: float, steps: int, train: Tensor, labels: Tensor, test: Tensor, truth: Tensor) -> str:
    """Adam at batch 8 on kept tokens -> loss of the last 20 steps and test accuracy, as text."""
    seed_everything(0)
    holder = torch.nn.Module()
    holder.VIT = VisionTransformer(num_tokens=147, make_head=lambda dim: LinearHead(dim, 3))
    start_from_scratch(holder, init)
    optimizer = torch.optim.Adam(holder.VIT.parameters(), lr)
    order = torch.cat([torch.randperm(len(train)) for _ in range(1 + 8 * steps // len(train))])
    losses = []
    for batch in order[: 8 * steps].split(8):
        loss = F.cross_entropy(holder.VIT(train[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        accuracy = (holder.VIT(test).argmax(1) == truth).float().mean().item()
    return f"loss of the last 20 steps {sum(losses[-20:]) / 20:.2f}, test accuracy {100 * accuracy:.1f} %"


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_start", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=160, help="persons drawn for training (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=120, help="training steps of the transformer (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        people = {"train": args.people, "valid": 1, "test": 60}
        splits = find_splits(write_synthetic(Path(folder) / "faces", people=people))
        data = [*random_features(splits["train"]), *random_features(splits["test"])]
    train, labels, test, truth = data
    for what, view in (("with their places", lambda t: t.flatten(1)), ("averaged over them", lambda t: t.mean(1))):
        print(f"ridge regression on tokens {what}: {100 * ridge_accuracy(view(train), labels, view(test), truth):.1f} %")
    for init in ("reference", "positions"):
        for lr in (3e-4, 1.2e-4):
            start = time.perf_counter()
            result = train_transformer(init, lr, args.steps, *data)
            print(f"--init {init}, lr {lr:g}: {result} ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
