"""The epoch loop on a toy network: schedule, choice of the epoch, what a step reports, and when it stops."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from engine.errors import TrainingStopped
from engine.training.epoch import Training
from engine.training.loop import FitState, fit, learning_rate
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step

CPU = torch.device("cpu")


class Batches(list):
    """A loader of given batches."""

    def __init__(self, *batches):
        super().__init__(batches)
        self.batch_sampler = SimpleNamespace(set_epoch=lambda epoch, first=0: None)
        self.dataset = SimpleNamespace(split=SimpleNamespace(name="valid"))


class Toy(nn.Sequential):
    """A linear network on 1 × 2 × 2 images."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(4, 2))

    def forward(self, x, labels=None):
        return super().forward(x)


def toy(rho: float = 0.0, lr: float = 0.1):
    """The network and its SGD."""
    torch.manual_seed(0)
    model = Toy()
    return model, create_optimizer(parameter_groups(model, 1.0), "sgd", lr, 0.0, 0.0, rho)


def batch(size: int = 6):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(size, 1, 2, 2, generator=generator)
    return images, (images.sum(dim=(1, 2, 3)) > 0).long(), torch.arange(size)


def run_fit(epochs: int, state: FitState, lr: float = 0.1, model=None, optimizer=None):
    if model is None:
        model, optimizer = toy(lr=lr)
    seen = []
    silent = dict(print_freq=1, say=lambda text: None)
    fit(
        Training(model, optimizer, LOSSES["ce"], CPU, **silent), Batches(batch()), Batches(batch(5)), state,
        lr=lr, lr_decay=0.98, epochs=epochs, progress=lambda items, total, text: items,
        on_epoch=lambda state, is_best, predictions: seen.append((state.epoch, is_best)),
    )  # fmt: skip
    return seen


def test_rate_falls_by_two_percent_an_epoch():
    assert [learning_rate(1.0, 0.98, epoch) for epoch in (0, 1, 50)] == pytest.approx([1, 0.98, 0.98**50])
    state = FitState()
    run_fit(3, state)
    assert [row["learning_rate"] for row in state.history] == pytest.approx([0.1, 0.098, 0.09604])


def test_the_first_of_equally_good_epochs_is_chosen():
    state = FitState()
    seen = run_fit(4, state, lr=1e-12)
    assert seen == [(1, True), (2, False), (3, False), (4, False)]
    assert state.best["epoch"] == 1


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_step_reports_loss_and_hits_at_the_weights_themselves(rho):
    model, optimizer = toy(rho)
    images, labels, _ = batch()
    with torch.no_grad():
        logits = model(images)
    loss, hits, *_ = train_step(model, optimizer, images, labels, LOSSES["ce"])
    assert loss.item() == nn.functional.cross_entropy(logits, labels).item()
    assert hits == (logits.argmax(1) == labels).sum()


def test_a_loss_that_is_not_finite_stops_before_the_epoch_is_handed_over():
    model, optimizer = toy()
    with torch.no_grad():
        model[1].weight.fill_(float("nan"))
    with pytest.raises(TrainingStopped, match="epoch 1, step 1"):
        run_fit(1, FitState(), model=model, optimizer=optimizer)


def test_rewinding_forgets_what_came_later():
    state = FitState(3, [{"epoch": k} for k in (1, 2, 3)], {"epoch": 3, "valid_accuracy": 0.5})
    state.rewind(2)
    assert (state.epoch, state.history, state.best) == (2, [{"epoch": 1}, {"epoch": 2}], None)
