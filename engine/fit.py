"""The epoch loop: set the learning rate, train, evaluate, record, hand over to be saved."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from engine.distributed import SINGLE, Group
from engine.errors import TrainingStopped
from engine.evaluate import Predictions, predict
from engine.finite import FiniteGuard
from engine.optim import set_learning_rate
from engine.scaling import LossScaler
from engine.train import Progress, train_one_epoch


@dataclass
class FitState:
    """How far a run has come: epochs completed, rows of metrics.csv, and the epoch chosen so far (None before one).

    progress: of the epoch that is being trained, None between two epochs. pictures_per_s: of the last epoch's training.
    """

    epoch: int = 0
    history: list[dict] = field(default_factory=list)
    best: dict | None = None
    progress: Progress | None = None
    pictures_per_s: float = 0.0

    def rewind(self, epoch: int) -> None:
        """Go on after `epoch`, without what was recorded of later ones."""
        if epoch != self.epoch:
            self.progress = None
        self.epoch = epoch
        self.history = [row for row in self.history if row["epoch"] <= epoch]
        if self.best and self.best["epoch"] > epoch:
            self.best = None


def learning_rate(base: float, decay: float, epoch: int) -> float:
    """The rate of an epoch (counted from 0): base · decay^epoch."""
    return base * decay**epoch


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    valid_loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    precision: torch.dtype,
    state: FitState,
    *,
    objective: Callable[[Tensor, Tensor], Tensor],
    lr: float,
    lr_decay: float,
    epochs: int,
    print_freq: int,
    say: Callable[[str], None],
    progress: Callable,
    on_epoch: Callable[[FitState, bool, Predictions], None],
    guard: FiniteGuard | None = None,
    runner: nn.Module | None = None,
    accumulate: int = 1,
    scaler: LossScaler | None = None,
    group: Group = SINGLE,
    batches: Callable[[DataLoader], Iterable] = iter,
    after_step: Callable[[], None] = lambda: None,
) -> None:
    """Train from `state.epoch` to `epochs`, choosing the epoch with the best accuracy on `valid_loader`, the first of equals.

    on_epoch(state, is_best, predictions) saves and draws after each epoch; guard, batches, after_step, accumulate, scaler and
    group are as in train_one_epoch. runner: `model` as it is to be trained, compiled or averaging gradients. Raises
    TrainingStopped where a loss is not finite; what the last `on_epoch` saved stays good.
    """
    guard = guard or FiniteGuard()
    for epoch in range(state.epoch, epochs):
        rate = learning_rate(lr, lr_decay, epoch)
        set_learning_rate(optimizer, rate)
        state.progress = state.progress or Progress()
        train_loader.batch_sampler.set_epoch(epoch, state.progress.step)
        trained = train_one_epoch(
            runner or model,
            train_loader,
            optimizer,
            objective,
            device,
            precision,
            epoch + 1,
            state.progress,
            print_freq,
            say,
            guard=guard,
            accumulate=accumulate,
            scaler=scaler,
            group=group,
            batches=batches,
            after_step=after_step,
        )
        group.share_weights(model)  # BatchNorm's running statistics are those of the main process
        predictions = predict(model, valid_loader, device, precision, progress, group=group)
        if not np.isfinite(predictions.loss):
            raise TrainingStopped(f"the validation loss is not finite after epoch {epoch + 1}; lower --lr")
        valid = predictions.metrics()
        skipped, state.progress = state.progress.skipped, None
        state.pictures_per_s = trained["pictures_per_s"]
        state.epoch = epoch + 1
        state.history.append(
            {
                "epoch": epoch + 1,
                "learning_rate": rate,
                "train_loss": trained["loss"],
                "train_accuracy": trained["accuracy"],
                "valid_loss": predictions.loss,
                "valid_accuracy": valid.accuracy,
                "valid_balanced_accuracy": valid.balanced_accuracy,
                "valid_macro_f1": valid.macro_f1,
            }
        )
        is_best = state.best is None or valid.accuracy > state.best["valid_accuracy"]
        if is_best:
            state.best = {"epoch": epoch + 1, "valid_accuracy": valid.accuracy}
        name = valid_loader.dataset.split.name
        say(
            f"epoch {epoch + 1}/{epochs}: train loss {trained['loss']:.4f}, accuracy {100 * trained['accuracy']:.2f} %; "
            f"{name} loss {predictions.loss:.4f}, accuracy {100 * valid.accuracy:.2f} %"
            f"{' (best)' if is_best else ''}; lr {rate:.3g}, {trained['pictures_per_s']:.1f} pictures/s"
            f"{f'; {skipped} steps skipped' * bool(skipped)}"
        )
        on_epoch(state, is_best, predictions)
