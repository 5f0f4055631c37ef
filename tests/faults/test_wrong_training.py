"""Training that goes wrong: losses and gradients that are not finite."""

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

import main
from engine.errors import TrainingStopped
from engine.training import losses
from engine.training.not_finite import REPORT, FiniteGuard
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step
from tests.faults.trials import RUN, Shape, equal

SMALL = Shape(train=8, epochs=1)  # 8 steps


class Toy(nn.Module):
    """BatchNorm between two layers, so that a bad step has statistics to spoil."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x, labels=None):
        return self.layers(x)


def toy(rho: float, name: str):
    """The network and its optimiser after one good step, which gives it moments."""
    torch.manual_seed(0)
    model = Toy().train()
    optimizer = create_optimizer(parameter_groups(model, 1.0), name, 0.1, 0.9, 0.01, rho)
    train_step(model, optimizer, *batch(1), losses.LOSSES["ce"])
    return model, optimizer


def batch(seed: int):
    images = torch.randn(6, 1, 2, 2, generator=torch.Generator().manual_seed(seed))
    return images, (images.sum(dim=(1, 2, 3)) > 0).long()


def contents(model, optimizer) -> dict:
    """All that a step may change, copied."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()["state"]}
    return {kind: _copied(value) for kind, value in state.items()}


def _copied(value):
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return value.clone() if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize("name", ["adam", "sgd"])
@pytest.mark.parametrize("rho", [0.0, 0.05], ids=["plain", "SAM"])
@pytest.mark.parametrize("bad", ["picture", "first loss", "last loss", "gradient"])
def test_a_skipped_step_changes_nothing(rho, name, bad):
    model, optimizer = toy(rho, name)
    before = contents(model, optimizer)
    images, labels = batch(2)
    passes, last = 0, 2 if rho else 1

    def objective(logits, labels):
        nonlocal passes
        passes += 1
        loss = losses.LOSSES["ce"](logits, labels)
        if bad == "gradient":  # a finite loss whose gradient is not
            return loss + (logits * 0).abs().sqrt().sum()
        return loss * math.nan if passes == {"first loss": 1, "last loss": last}.get(bad) else loss

    if bad == "picture":
        images[3, 0, 0, 0] = math.inf
    step = train_step(model, optimizer, images, labels, objective, skip_bad=True)
    assert not step.norm.isfinite()
    assert equal(contents(model, optimizer), before)
    train_step(model, optimizer, *batch(3), losses.LOSSES["ce"], skip_bad=True)  # and the next goes as if it had not been
    twin = toy(rho, name)
    train_step(*twin, *batch(3), losses.LOSSES["ce"])
    assert equal(contents(model, optimizer), contents(*twin))


def test_without_skip_a_bad_step_shows_in_its_norm():
    model, optimizer = toy(0.0, "adam")
    images, labels = batch(2)
    images[0] = math.nan
    assert not train_step(model, optimizer, images, labels, losses.LOSSES["ce"]).norm.isfinite()
    assert not all(value.isfinite().all() for value in model.state_dict().values())


def note(guard: FiniteGuard, *steps: float) -> None:
    for number, loss in enumerate(steps, 1):
        guard.note(1, number, torch.tensor(loss), torch.tensor(1.0))


def test_the_guard_stops_at_the_first_bad_step_and_reports_it(tmp_path):
    guard = FiniteGuard(tmp_path, images=lambda number: [f"batch {number}"])
    note(guard, 1.0, 0.5, math.nan, 0.25)
    with pytest.raises(TrainingStopped, match=r"the loss is not finite at epoch 1, step 3 \(see .*jsonl\); lower --lr"):
        guard.check(print)
    (line,) = (tmp_path / REPORT).read_text().splitlines()
    entry = json.loads(line)
    assert (entry["epoch"], entry["step"], entry["loss"], entry["pictures"]) == (1, 3, "nan", ["batch 2"])
    assert [(step["step"], step["loss"]) for step in entry["last_finite_steps"]] == [(1, 1.0), (2, 0.5)]


def test_a_gradient_that_is_not_finite_is_told_from_a_loss():
    guard = FiniteGuard()
    guard.note(2, 7, torch.tensor(1.0), torch.tensor(math.inf))
    with pytest.raises(TrainingStopped, match="the gradient is not finite at epoch 2, step 7; lower"):
        guard.check(print)


def test_too_many_skipped_steps_in_a_row_stop():
    guard, said = FiniteGuard(skip=True), []
    note(guard, *[math.nan] * 19, 1.0, *[math.inf] * 19)
    guard.check(said.append)
    assert len(said) == 38 and all("the step was skipped" in text for text in said)
    note(guard, math.nan)
    with pytest.raises(TrainingStopped, match="20 steps in a row"):
        guard.check(said.append)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with drawn faces to run in."""
    SMALL.draw(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*more: str) -> int:
    return main.main([*SMALL.argv(Path("data")), "--rho", "0", *more])


def entries() -> list[dict]:
    return [json.loads(line) for line in Path(f"log/{RUN}/{REPORT}").read_text(encoding="utf-8").splitlines()]


def test_a_run_whose_weights_overflow_stops_in_one_line_with_a_report(work, capsys):
    assert run("--lr", "1e6", "--save-every", "1000") == 3
    (line,) = capsys.readouterr().err.splitlines()
    (entry,) = entries()
    step = entry["step"]
    assert f"is not finite at epoch 1, step {step} (see log/run/not_finite.jsonl); lower --lr, or --on-nan skip" in line
    assert "no checkpoint was written yet" in line and not Path(f"checkpoint/{RUN}/last.pth").exists()
    assert entry["epoch"] == 1 and step > 1 and len(entry["pictures"]) == SMALL.batch
    assert all(Path(name).is_file() for name in entry["pictures"])
    assert [finite["step"] for finite in entry["last_finite_steps"]] == list(range(1, step))


def test_a_run_that_skips_a_bad_step_says_so_and_goes_on(work, monkeypatch, capsys):
    calls, plain = [], losses.LOSSES["ce"]

    def sometimes_nan(logits, labels):
        calls.append(0)
        return plain(logits, labels) * (math.nan if len(calls) == 3 else 1)

    monkeypatch.setitem(losses.LOSSES, "ce", sometimes_nan)
    assert run("--on-nan", "skip") == 0
    out = capsys.readouterr().out
    assert "not finite at epoch 1, step 3" in out and "the step was skipped" in out and "1 steps skipped" in out
    assert [entry["step"] for entry in entries()] == [3]
    assert all(v.isfinite().all() for v in torch.load(f"checkpoint/{RUN}/last.pth", weights_only=True)["state_dict"].values())


def test_skipping_for_ever_is_no_way_on(work, monkeypatch, capsys):
    monkeypatch.setitem(losses.LOSSES, "ce", lambda logits, labels: logits.sum() * math.nan)
    assert run("--on-nan", "skip") == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "every step of epoch 1 was skipped" in line and "lower --lr" in line
