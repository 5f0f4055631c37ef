"""One epoch of training."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from data_preprocessing.loading.datasets import mix_seed
from engine.checkpoints.values import is_count, is_vector
from engine.distributed import SINGLE, Group
from engine.errors import TrainingStopped
from engine.training.loss_scaling import LossScaler
from engine.training.not_finite import FiniteGuard
from engine.training.scalars import Scalars
from engine.training.step import Step, train_step


@dataclass
class Progress:
    """How far an epoch has come: of each step done the loss, the correct predictions and the images, 0 if skipped."""

    losses: Scalars = field(default_factory=Scalars)
    hits: Scalars = field(default_factory=Scalars)
    sizes: list[int] = field(default_factory=list)
    skipped: int = 0

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.sizes)

    def add(self, step: Step, size: int, skipped: bool) -> None:
        """Count one step of `size` images."""
        self.losses.append(torch.zeros_like(step.loss) if skipped else step.loss)
        self.hits.append(torch.zeros_like(step.hits) if skipped else step.hits)
        self.sizes.append(0 if skipped else size)
        self.skipped += skipped

    def means(self) -> tuple[float, float]:
        """Loss and accuracy (a fraction), means over the images; not a number where every step was skipped."""
        if not any(self.sizes):
            return math.nan, math.nan
        weights = torch.tensor(self.sizes, dtype=torch.float64)
        loss = float((self.losses.tensor().double() * weights).sum() / weights.sum())
        return loss, float(self.hits.tensor().sum()) / sum(self.sizes)

    def state(self, batch_size: int) -> dict:
        """For a checkpoint: losses is a float32 tensor (step,), hits and sizes are int64 tensors (step,)."""
        return {
            "step": self.step,
            "losses": self.losses.tensor().float(),
            "hits": self.hits.tensor().long(),
            "sizes": torch.tensor(self.sizes),
            "skipped": self.skipped,
            "batch_size": batch_size,
        }

    @staticmethod
    def problem(state: dict) -> str:
        """Why `state` is none that `restored` takes, "" where it is one."""
        counts = {"step": 1, "batch_size": 1, "skipped": 0}  # and what each is at least
        if state.keys() != {*counts, "losses", "hits", "sizes"} or not all(is_count(state[k], n) for k, n in counts.items()):
            return "lacks a count"
        losses, hits, sizes = (state[name] for name in ("losses", "hits", "sizes"))
        fits = is_vector(losses, torch.float32) and is_vector(hits, torch.int64) and is_vector(sizes, torch.int64)
        if not fits or not len(losses) == len(hits) == len(sizes) == state["step"]:
            return "is not of as many steps"
        fits = bool((hits >= 0).all() and (hits <= sizes).all()) and state["skipped"] <= state["step"]
        return "" if fits else "counts more than there was"

    @classmethod
    def restored(cls, state: dict) -> "Progress":
        """What `state` gave, on the host; the steps that follow may leave their values on another device."""
        return cls(Scalars(state["losses"]), Scalars(state["hits"]), state["sizes"].tolist(), state["skipped"])


@dataclass
class Training:
    """What is trained and how: all that stays the same from step to step.

    objective: one of `engine.training.losses`. runner: `model` as it is to be run, compiled or averaging gradients. accumulate,
    scaler: as in train_step. group: processes that each take a part of every batch. print_freq: steps between two reports, on
    the progress bar or, without a terminal, as a line through `say`. batches: draws from the loader. after_step: called when
    the network is between two steps. still: layers that stay as in evaluation, frozen BatchNorms among them.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Callable[[Tensor, Tensor], Tensor]
    device: torch.device
    precision: torch.dtype = torch.float32
    runner: nn.Module | None = None
    accumulate: int = 1
    scaler: LossScaler | None = None
    guard: FiniteGuard = field(default_factory=FiniteGuard)
    group: Group = SINGLE
    print_freq: int = 10
    say: Callable[[str], None] = print
    batches: Callable[[DataLoader], Iterable] = iter
    after_step: Callable[[], None] = lambda: None
    still: Sequence[nn.Module] = ()


def train_one_epoch(
    training: Training,
    loader: DataLoader,
    epoch: int,
    progress: Progress,
    on_step: Callable[[int, int], None] = lambda epoch, step: None,
) -> dict[str, float]:
    """Train over the batches of `loader` that `progress` does not count yet, epoch counted from 1.

    on_step(epoch, step), both counted from 1, is called after each step. Returns loss (of the objective) and accuracy (a
    fraction), means over images, and images_per_s. Raises TrainingStopped as the guard does, and where every step was
    skipped.
    """
    guard, looks_often = training.guard, training.device.type == "cpu" or training.guard.skip
    training.model.train()
    for layer in training.still:
        layer.eval()
    begin, earlier = time.perf_counter(), sum(progress.sizes)

    def speed() -> float:
        return (sum(progress.sizes) - earlier) / (time.perf_counter() - begin)

    closed, drawn = not sys.stderr.isatty(), training.batches(loader)
    bar = tqdm(drawn, f"epoch {epoch}", len(loader), unit="batch", leave=False, disable=closed, initial=progress.step)
    for images, labels, _ in bar:
        step, size = _step(training, loader, images, labels, epoch, progress.step)
        if not step.overflowed:
            guard.note(epoch, progress.step + 1, step.loss, step.norm)
        progress.add(step, size, skipped=step.overflowed or (guard.skip and not step.norm.isfinite()))
        due = progress.step % training.print_freq == 0 or progress.step == len(loader)
        if due or looks_often:  # otherwise not at each step: to look waits for the device
            guard.check(training.say)
        if due:
            loss, accuracy = progress.means()
            text = f"loss {loss:.4f}, accuracy {100 * accuracy:.1f} %, {speed():.1f} images/s"
            if bar.disable:
                training.say(f"  epoch {epoch} step {progress.step}/{len(loader)}: {text}")
            else:
                bar.set_postfix_str(text)
        on_step(epoch, progress.step)
        training.after_step()
    loss, accuracy = progress.means()
    if not math.isfinite(loss):
        raise TrainingStopped(f"every step of epoch {epoch} was skipped (--on-nan skip); lower --lr")
    return {"loss": loss, "accuracy": accuracy, "images_per_s": speed()}


def _step(training: Training, loader: DataLoader, images: Tensor, labels: Tensor, epoch: int, number: int) -> tuple[Step, int]:
    """The step of all processes on batch `number` (counted from 0), of which images and labels are this one's part, and
    the size of the whole batch."""
    group = training.group
    images = images.to(training.device, non_blocking=True, memory_format=torch.channels_last)
    labels = labels.to(training.device, non_blocking=True)
    size = loader.batch_sampler.size_of(number) if group.size > 1 else len(labels)
    if group.size > 1:  # no process's draws depend on how many they are, or on when the run was begun
        torch.manual_seed(mix_seed(loader.batch_sampler.seed, epoch, number, group.rank))
    weight = group.size * len(labels) / size
    step = train_step(
        training.runner or training.model,
        training.optimizer,
        images,
        labels,
        training.objective,
        training.precision,
        accumulate=min(training.accumulate, size // group.size),  # as many parts in every process
        weight=weight,
        skip_bad=training.guard.skip,
        scaler=training.scaler,
    )
    return (step if group.size == 1 else _total(step, weight / group.size, group)), size


def _total(step: Step, share: float, group: Group) -> Step:
    """The step of all processes; share: this one's part of the images."""
    loss, hits, norm = group.sum_where_they_are(torch.stack([step.loss * share, step.hits, step.norm / group.size]))
    return Step(loss, hits.long(), norm, step.overflowed)
