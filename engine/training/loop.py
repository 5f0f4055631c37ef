"""The epoch loop: set the learning rate, train, evaluate, record, hand over to be saved."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch.utils.data import DataLoader

from data_preprocessing.common.words import only_if, quantity
from engine.errors import TrainingStopped
from engine.evaluation.predictions import Predictions, predict
from engine.training.epoch import Progress, Training, train_one_epoch
from engine.training.optimizers import set_learning_rate
from engine.training.remaining import Remaining


@dataclass
class FitState:
    """How far a run has come: epochs completed, rows of metrics.csv, and the epoch chosen so far (None before one).

    progress: of the epoch that is being trained, None between two epochs. images_per_s: of the last epoch's training.
    """

    epoch: int = 0
    history: list[dict] = field(default_factory=list)
    best: dict | None = None
    progress: Progress | None = None
    images_per_s: float = 0.0

    def add(self, rate: float, trained: dict[str, float], predictions: Predictions) -> bool:
        """Count one more epoch: its rate, what train_one_epoch gave and the validation. Returns whether it is the best."""
        valid = predictions.metrics()
        self.images_per_s = trained["images_per_s"]
        self.epoch += 1
        self.history.append(
            {
                "epoch": self.epoch,
                "learning_rate": rate,
                "train_loss": trained["loss"],
                "train_accuracy": trained["accuracy"],
                "valid_loss": predictions.loss,
                "valid_accuracy": valid.accuracy,
                "valid_balanced_accuracy": valid.balanced_accuracy,
                "valid_macro_f1": valid.macro_f1,
            }
        )
        is_best = self.best is None or valid.accuracy > self.best["valid_accuracy"]
        if is_best:
            self.best = {"epoch": self.epoch, "valid_accuracy": valid.accuracy}
        return is_best

    def is_exhausted(self, patience: int) -> bool:
        """Whether the last `patience` epochs were none better than the best before them; never for 0."""
        return bool(patience and self.best) and self.epoch - self.best["epoch"] >= patience

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
    training: Training,
    train_loader: DataLoader,
    valid_loader: DataLoader,
    state: FitState,
    *,
    lr: float,
    lr_decay: float,
    epochs: int,
    patience: int = 0,
    progress: Callable,
    on_epoch: Callable[[FitState, bool, Predictions], None],
) -> None:
    """Train from `state.epoch` to `epochs`, choosing the epoch with the best accuracy on `valid_loader`, the first of equals.

    patience: epochs without a better one after which training ends; 0: never.
    progress: wraps the batches of an evaluation, as in `predict`. on_epoch(state, is_best, predictions) saves and draws after
    each epoch. Raises TrainingStopped where a loss is not finite; what the last `on_epoch` saved stays good.
    """
    group, model = training.group, training.model
    remaining = Remaining(len(train_loader), epochs, training.say)
    for epoch in range(state.epoch, epochs):
        if state.is_exhausted(patience):
            break
        rate = learning_rate(lr, lr_decay, epoch)
        set_learning_rate(training.optimizer, rate)
        state.progress = state.progress or Progress()
        train_loader.batch_sampler.set_epoch(epoch, state.progress.step)
        trained = train_one_epoch(training, train_loader, epoch + 1, state.progress, remaining.step)
        group.share_weights(model)  # BatchNorm's running statistics are those of the main process
        predictions = predict(model, valid_loader, training.device, training.precision, progress, group=group)
        if not np.isfinite(predictions.loss):
            raise TrainingStopped(f"the validation loss is not finite after epoch {epoch + 1}; lower --lr")
        skipped, state.progress = state.progress.skipped, None
        is_best = state.add(rate, trained, predictions)
        notes = [*only_if(skipped, f"{skipped} steps skipped"), *filter(None, [remaining.epoch(epoch + 1)])]
        training.say("; ".join([_line(state, epochs, valid_loader.dataset.split.name, is_best), *notes]))
        on_epoch(state, is_best, predictions)
    if state.is_exhausted(patience) and state.epoch < epochs:
        training.say(
            f"stopped after epoch {state.epoch} of {epochs}: no better accuracy on {valid_loader.dataset.split.name} for "
            f"{quantity(patience, 'epoch')} (--patience)"
        )


def _line(state: FitState, epochs: int, valid: str, is_best: bool) -> str:
    """The figures of the epoch that has ended. valid: name of the split that it was chosen on."""
    row = state.history[-1]
    return (
        f"epoch {state.epoch}/{epochs}: train loss {row['train_loss']:.4f}, accuracy {100 * row['train_accuracy']:.2f} %; "
        f"{valid} loss {row['valid_loss']:.4f}, accuracy {100 * row['valid_accuracy']:.2f} %{' (best)' if is_best else ''}; "
        f"lr {row['learning_rate']:.3g}, {state.images_per_s:.1f} images/s"
    )
