"""One step of training."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from engine.precision import autocast
from engine.training.compiled import Compiled
from engine.training.loss_scaling import LossScaler
from engine.training.sam import SAM
from models import contract


class Step(NamedTuple):
    """loss and hits (correct predictions) at the weights before the step; norm: of the gradient that the optimiser got,
    not finite where any pass's loss is not. overflowed: left out since float16 lacked room, which scaling will mend."""

    loss: Tensor
    hits: Tensor
    norm: Tensor
    overflowed: bool = False


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    objective: Callable[[Tensor, Tensor], Tensor],
    precision: torch.dtype = torch.float32,
    *,
    accumulate: int = 1,
    weight: float = 1.0,
    skip_bad: bool = False,
    scaler: LossScaler | None = None,
) -> Step:
    """One optimiser step; with SAM two forward and backward passes.

    images: (B, C, H, W), labels: (B,), objective: one of `engine.training.losses` -> a scalar. Loss and hits are of the first
    pass, at the weights themselves: SAM's second pass is at w + ε. Predictions are counted without a margin head's margin.
    accumulate: parts that the batch goes through the network in, their gradients added up; BatchNorm sees each alone. Sizes
    differ by one at most. Several processes must ask for the same number, and each have as many images or more.
    weight: of this process's loss among those whose gradients are averaged. skip_bad: change nothing, BatchNorm's
    statistics included, where a loss or the gradient is not finite. scaler: of the run, for float16.
    """
    scaler = scaler or LossScaler(precision)
    skip = skip_bad or scaler.enabled
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()] if skip else []
    sam = isinstance(optimizer, SAM)
    number = min(accumulate, len(labels))
    parts = list(zip(images.tensor_split(number), labels.tensor_split(number)))
    landmarks = _landmarks(model, parts, precision) if sam else [{}] * len(parts)

    def both_ways() -> tuple[Tensor, Tensor]:
        """Forward and backward over all parts -> loss, hits."""
        loss, hits = images.new_zeros(()), 0
        for number, (part, known) in enumerate(zip(parts, landmarks)):
            with _without_averaging(model, number + 1 < len(parts)):
                with autocast(images.device, precision):
                    logits = model(*part, **known)
                logits = logits.float() if logits.itemsize < 4 else logits  # losses want more digits than 16 bits have
                share = objective(logits, part[1]) * (len(part[1]) / len(labels))
                scaler.scale(share * weight).backward()
            # a loss kept with its graph would keep the whole pass's memory through the epoch
            loss = loss + share.detach()
            hits = hits + (contract.logits_without_margin(_plain(model), logits).argmax(dim=1) == part[1]).sum()
        scaler.unscale(optimizer)
        return loss, hits

    loss, hits = both_ways()
    watched = loss
    if sam:
        optimizer.first_step(zero_grad=True)
        watched = watched + 0 * both_ways()[0]
    norm = _gradient_norm(optimizer) + 0 * watched
    if skip and not norm.isfinite():
        optimizer.zero_grad()  # without gradients SAM goes back to w, and no optimiser moves or remembers anything
        for buffer, kept in buffers:
            buffer.copy_(kept)
    optimizer.second_step() if sam else optimizer.step()
    optimizer.zero_grad()
    return Step(loss, hits, norm, scaler.update(norm))


def _landmarks(model: nn.Module, parts: list[tuple[Tensor, Tensor]], precision: torch.dtype) -> list[dict]:
    """The frozen branch's maps of every part, for both of SAM's passes; no maps where the network has no such branch."""
    branch = contract.landmark_branch(_plain(model))
    if branch is None:
        return [{}] * len(parts)
    with autocast(parts[0][0].device, precision):
        return [{"landmarks": branch(images, passes=2)} for images, _ in parts]


def _plain(model: nn.Module) -> nn.Module:
    """The network itself, without what averages gradients or compiles."""
    while isinstance(model, (DistributedDataParallel, Compiled)):
        model = model.module
    return model


def _without_averaging(model: nn.Module, really: bool) -> AbstractContextManager:
    """Within, gradients of several processes are only added up: they are averaged with the last part's."""
    return model.no_sync() if really and isinstance(model, DistributedDataParallel) else nullcontext()


def _gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)
