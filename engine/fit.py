"""The epoch loop: set the learning rate, train, evaluate, record, hand over to be saved."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from engine.errors import TrainingStopped
from engine.evaluate import Predictions, predict
from engine.optim import set_learning_rate
from engine.train import train_one_epoch


@dataclass
class FitState:
    """How far a run has come: epochs completed, rows of metrics.csv, and the epoch chosen so far (None before one)."""

    epoch: int = 0
    history: list[dict] = field(default_factory=list)
    best: dict | None = None

    def rewind(self, epoch: int) -> None:
        """Go on after `epoch`, without what was recorded of later ones."""
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
) -> None:
    """Train from `state.epoch` to `epochs`, choosing the epoch with the best accuracy on `valid_loader`, the first of equals.

    on_epoch(state, is_best, predictions) saves and draws after each epoch. Raises TrainingStopped where a loss is not
    finite; what the last `on_epoch` saved stays good.
    """
    for epoch in range(state.epoch, epochs):
        rate = learning_rate(lr, lr_decay, epoch)
        set_learning_rate(optimizer, rate)
        train_loader.batch_sampler.set_epoch(epoch)
        trained = train_one_epoch(model, train_loader, optimizer, objective, device, precision, epoch + 1, print_freq, say)
        predictions = predict(model, valid_loader, device, precision, progress)
        if not np.isfinite(predictions.loss):
            raise TrainingStopped(f"the validation loss is not finite after epoch {epoch + 1}; lower --lr")
        valid = predictions.metrics()
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
        )
        on_epoch(state, is_best, predictions)
