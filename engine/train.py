"""One epoch of training."""

import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from engine.errors import TrainingStopped
from engine.finite import FiniteGuard
from engine.precision import autocast
from engine.sam import SAM


class Step(NamedTuple):
    """loss and hits (correct predictions) at the weights before the step; norm: of the gradient that the optimiser got,
    not finite where any pass's loss is not."""

    loss: Tensor
    hits: Tensor
    norm: Tensor


@dataclass
class Progress:
    """How far an epoch has come: of each step done the loss, the correct predictions and the pictures, 0 if skipped."""

    losses: list[Tensor] = field(default_factory=list)
    hits: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    skipped: int = 0

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.sizes)

    def add(self, step: Step, size: int, skipped: bool) -> None:
        """Count one step of `size` pictures."""
        self.losses.append(torch.zeros_like(step.loss) if skipped else step.loss)
        self.hits.append(torch.zeros_like(step.hits) if skipped else step.hits)
        self.sizes.append(0 if skipped else size)
        self.skipped += skipped

    def means(self) -> tuple[float, float]:
        """Loss and accuracy (a fraction), means over the pictures; not a number where every step was skipped."""
        if not any(self.sizes):
            return math.nan, math.nan
        weights = torch.tensor(self.sizes, dtype=torch.float64)
        loss = float((torch.stack(self.losses).double().cpu() * weights).sum() / weights.sum())
        return loss, float(torch.stack(self.hits).sum()) / sum(self.sizes)

    def state(self) -> dict:
        """For a checkpoint."""
        return {
            "step": self.step,
            "losses": torch.stack(self.losses).float().cpu(),
            "hits": torch.stack(self.hits).long().cpu(),
            "sizes": torch.tensor(self.sizes),
            "skipped": self.skipped,
        }

    @classmethod
    def restored(cls, state: dict, device: torch.device) -> "Progress":
        """What `state` gave, its values on `device`."""
        losses, hits = (list(state[name].to(device).unbind()) for name in ("losses", "hits"))
        return cls(losses, hits, state["sizes"].tolist(), state["skipped"])


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    objective: Callable[[Tensor, Tensor], Tensor],
    precision: torch.dtype = torch.float32,
    skip_bad: bool = False,
) -> Step:
    """One optimiser step; with SAM two forward and backward passes.

    images: (B, C, H, W), labels: (B,), objective: one of `engine.losses` -> a scalar. Loss and hits are of the first pass,
    at the weights themselves: SAM's second pass tells of w + ε. Predictions are counted without a margin head's margin.
    skip_bad: change nothing, BatchNorm's statistics included, where a loss or the gradient is not finite.
    """

    def forward() -> Tensor:
        with autocast(images.device, precision):
            return model(images, labels).float()

    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()] if skip_bad else []
    logits = forward()
    hits = (_without_margin(model, logits).argmax(dim=1) == labels).sum()
    loss = objective(logits, labels)
    loss.backward()
    watched = loss.detach()  # a loss kept with its graph would keep the whole pass's memory through the epoch
    sam = isinstance(optimizer, SAM)
    if sam:
        optimizer.first_step(zero_grad=True)
        perturbed_loss = objective(forward(), labels)
        perturbed_loss.backward()
        watched = watched + 0 * perturbed_loss.detach()
    norm = _gradient_norm(optimizer) + 0 * watched
    if skip_bad and not norm.isfinite():
        optimizer.zero_grad()  # without gradients SAM goes back to w, and no optimiser moves or remembers anything
        for buffer, kept in buffers:
            buffer.copy_(kept)
    optimizer.second_step() if sam else optimizer.step()
    optimizer.zero_grad()
    return Step(loss.detach(), hits, norm)


def _gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


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
    progress: Progress,
    print_freq: int,
    say: Callable[[str], None],
    *,
    guard: FiniteGuard,
    batches: Callable[[DataLoader], Iterable] = iter,
    after_step: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Train over the batches of `loader` that `progress` does not count yet, epoch counted from 1.

    objective: one of `engine.losses`. print_freq: steps between two reports, on the progress bar or, without a terminal,
    as a line through `say`. batches: draws from the loader. after_step: called when the network is between two steps.
    Returns loss (of the objective) and accuracy (a fraction), means over pictures, and pictures_per_s. Raises
    TrainingStopped as `guard` does, and where every step was skipped.
    """
    model.train()
    begin, earlier = time.perf_counter(), sum(progress.sizes)
    closed = not sys.stderr.isatty()
    bar = tqdm(batches(loader), f"epoch {epoch}", len(loader), unit="batch", leave=False, disable=closed, initial=progress.step)
    for images, labels, _ in bar:
        images = images.to(device, non_blocking=True, memory_format=torch.channels_last)
        labels = labels.to(device, non_blocking=True)
        step = train_step(model, optimizer, images, labels, objective, precision, guard.skip)
        guard.note(epoch, progress.step + 1, step.loss, step.norm)
        progress.add(step, len(labels), skipped=guard.skip and not step.norm.isfinite())
        due = progress.step % print_freq == 0 or progress.step == len(loader)
        if due or device.type == "cpu" or guard.skip:  # otherwise not at each step: to look waits for the device
            guard.check(say)
        if due:
            speed = (sum(progress.sizes) - earlier) / (time.perf_counter() - begin)
            loss, accuracy = progress.means()
            text = f"loss {loss:.4f}, accuracy {100 * accuracy:.1f} %, {speed:.1f} pictures/s"
            if bar.disable:
                say(f"  epoch {epoch} step {progress.step}/{len(loader)}: {text}")
            else:
                bar.set_postfix_str(text)
        after_step()
    loss, accuracy = progress.means()
    if not math.isfinite(loss):
        raise TrainingStopped(f"every step of epoch {epoch} was skipped (--on-nan skip); lower --lr")
    speed = (sum(progress.sizes) - earlier) / (time.perf_counter() - begin)
    return {"loss": loss, "accuracy": accuracy, "pictures_per_s": speed}
