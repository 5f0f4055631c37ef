"""One epoch of training."""

import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from engine.errors import TrainingStopped
from engine.precision import autocast
from engine.sam import SAM


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    objective: Callable[[Tensor, Tensor], Tensor],
    precision: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """One optimiser step; with SAM two forward and backward passes.

    images: (B, C, H, W), labels: (B,), objective: one of `engine.losses` -> loss, a scalar that is not finite where any
    pass's loss is not, and the number of correct predictions. Both are of the first pass, at the weights themselves:
    SAM's second pass tells of w + ε. Predictions are counted without a margin head's margin.
    """

    def forward() -> Tensor:
        with autocast(images.device, precision):
            return model(images, labels).float()

    logits = forward()
    hits = (_without_margin(model, logits).argmax(dim=1) == labels).sum()
    loss = objective(logits, labels)
    loss.backward()
    watched = loss.detach()  # a loss kept with its graph would keep the whole pass's memory through the epoch
    if isinstance(optimizer, SAM):
        optimizer.first_step(zero_grad=True)
        perturbed_loss = objective(forward(), labels)
        perturbed_loss.backward()
        optimizer.second_step(zero_grad=True)
        watched = watched + 0 * perturbed_loss.detach()
    else:
        optimizer.step()
        optimizer.zero_grad()
    return watched, hits


def _without_margin(model: nn.Module, logits: Tensor) -> Tensor:
    """The last pass's logits as they would be without labels: a margin makes the true class look worse than it is."""
    plain = getattr(getattr(model, "classifier", None), "plain_logits", None)
    return logits.detach() if plain is None else plain


def train_one_epoch(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    objective: Callable[[Tensor, Tensor], Tensor],
    device: torch.device,
    precision: torch.dtype,
    epoch: int,
    print_freq: int,
    say: Callable[[str], None],
) -> dict[str, float]:
    """Train over every batch of `loader`, epoch counted from 1.

    objective: one of `engine.losses`. print_freq: steps between two reports, on the progress bar or, without a terminal,
    as a line through `say`. Returns loss (of the objective) and accuracy (a fraction), means over pictures, and
    pictures_per_s. Raises TrainingStopped naming the step where a loss is not finite.
    """
    model.train()
    losses, sizes, hits = [], [], []
    start = time.perf_counter()
    bar = tqdm(loader, desc=f"epoch {epoch}", unit="batch", leave=False, disable=not sys.stderr.isatty())
    for step, (images, labels, _) in enumerate(bar):
        images = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        loss, hit = train_step(model, optimizer, images, labels.to(device, non_blocking=True), objective, precision)
        losses.append(loss)
        hits.append(hit)
        sizes.append(len(labels))
        if (step + 1) % print_freq == 0 or step + 1 == len(loader):
            _require_finite(losses, epoch)  # only here: looking at a loss waits for the device
            text = _summary(losses, hits, sizes, time.perf_counter() - start)
            if bar.disable:
                say(f"  epoch {epoch} step {step + 1}/{len(loader)}: {text}")
            else:
                bar.set_postfix_str(text)
    weights = torch.tensor(sizes, dtype=torch.float64)
    return {
        "loss": float((torch.stack(losses).double().cpu() * weights).sum() / weights.sum()),
        "accuracy": float(torch.stack(hits).sum()) / sum(sizes),
        "pictures_per_s": sum(sizes) / (time.perf_counter() - start),
    }


def _require_finite(losses: list[Tensor], epoch: int) -> None:
    finite = torch.stack(losses).isfinite()
    if not finite.all():
        step = int((~finite).int().argmax()) + 1
        raise TrainingStopped(f"the loss is not finite at epoch {epoch}, step {step}; lower --lr")


def _summary(losses: list[Tensor], hits: list[Tensor], sizes: list[int], seconds: float) -> str:
    loss = float(torch.stack(losses).mean())
    accuracy = 100 * float(torch.stack(hits).sum()) / sum(sizes)
    return f"loss {loss:.4f}, accuracy {accuracy:.1f} %, {sum(sizes) / seconds:.1f} pictures/s"
