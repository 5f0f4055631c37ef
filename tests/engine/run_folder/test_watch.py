"""`--tensorboard`: what is written, that nothing else changes by it, and what is said without the package."""

import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from data_preprocessing.synthetic.command import write_synthetic
from tests.command_line import run

SMALL = ["--data", "data", "--model", "deep_emotion", "-b", "3", "-j", "0", "-p", "2", "--lr", "1e-3"]


class Writer:
    """Keeps what SummaryWriter would write; every writer made is in `made`."""

    made: ClassVar[list["Writer"]] = []

    def __init__(self, log_dir: str, purge_step: int | None):
        self.folder, self.purge_step, self.scalars, self.images, self.closed = log_dir, purge_step, [], [], False
        Path(log_dir).mkdir(exist_ok=True)
        Writer.made.append(self)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        assert type(value) is float
        self.scalars.append((name, value, step))

    def add_image(self, name: str, image: np.ndarray, step: int, dataformats: str) -> None:
        assert dataformats == "HWC" and image.dtype == np.uint8 and image.shape[2] == 3
        self.images.append((name, step))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def steps(self, name: str) -> list[int]:
        return [step for other, _, step in self.scalars if other == name]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The current folder, with drawn faces in data/ (9 to train: 3 steps an epoch) and a TensorBoard that only notes."""
    monkeypatch.chdir(tmp_path)
    write_synthetic(tmp_path / "data", people={"train": 3, "valid": 2, "test": 2}, views=1)
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setattr(Writer, "made", [])
    monkeypatch.setitem(sys.modules, "tensorboard", types.ModuleType("tensorboard"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return tmp_path


def test_scalars_and_images_are_written_and_the_training_is_the_same(work):
    assert run(*SMALL, "--epochs", 2, "--run", "plain") == 0
    assert not Writer.made
    assert run(*SMALL, "--epochs", 2, "--run", "watched", "--tensorboard") == 0
    [writer] = Writer.made
    assert (writer.folder, writer.purge_step, writer.closed) == ("log/watched/tensorboard", None, True)
    for name in ("loss", "accuracy", "learning_rate"):
        assert writer.steps(f"step/{name}") == [2, 3, 5, 6]
    epochs = ("learning_rate", "train/loss", "train/accuracy", "valid/loss", "valid/accuracy")
    for name in (*epochs, "valid/balanced_accuracy", "valid/macro_f1"):
        assert writer.steps(name) == [3, 6]
    assert writer.images[0] == ("first training batch", 0)
    assert writer.images[1] == ("confusion matrix of the best epoch", 3)
    values = {(name, step): value for name, value, step in writer.scalars}
    first = (2 * values["step/loss", 2] + values["step/loss", 3]) / 3
    assert first == pytest.approx(values["train/loss", 3], rel=1e-6)
    for name in ("metrics.csv", "predictions.csv"):
        assert Path(f"log/plain/{name}").read_bytes() == Path(f"log/watched/{name}").read_bytes()
    plain, watched = (torch.load(f"checkpoint/{n}/last.pth", weights_only=True) for n in ("plain", "watched"))
    assert all(torch.equal(plain["state_dict"][key], watched["state_dict"][key]) for key in plain["state_dict"])
    assert plain["args"] == watched["args"]  # the flag belongs to the command


def test_a_resumed_run_goes_on_behind_its_last_checkpoint(work):
    flags = [*SMALL, "--run", "r", "--resume", "auto", "--tensorboard", "--epochs"]
    assert run(*flags, 1) == 0 and run(*flags, 2) == 0
    first, second = Writer.made
    assert (first.purge_step, second.purge_step) == (None, 4)
    assert second.steps("step/loss") == [5, 6] and second.steps("train/loss") == [6]
    assert "first training batch" not in dict(second.images)


@pytest.mark.parametrize("arguments", [["--data", "data"], ["--seeds", "0,1"]])
def test_without_the_package_one_line_says_so_before_any_work(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert run(*arguments, "--tensorboard") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--tensorboard: the package is not installed" in error and "pip install" in error
    assert not list(tmp_path.iterdir())


def test_a_package_that_cannot_be_imported_is_one_line(work, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert run(*SMALL, "--epochs", 1, "--run", "broken", "--tensorboard") == 2
    assert "--tensorboard: the package cannot be used" in capsys.readouterr().err


def test_a_test_is_not_watched(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("--evaluate", "x.pth", "--tensorboard") == 2
    assert "--tensorboard follows a training" in capsys.readouterr().err


def test_the_real_package_reads_back_what_was_written(tmp_path, monkeypatch):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.chdir(tmp_path)
    write_synthetic(tmp_path / "data", people={"train": 3, "valid": 2, "test": 2}, views=1)
    assert run(*SMALL, "--epochs", 1, "--run", "r", "--tensorboard") == 0
    events = reader.EventAccumulator("log/r/tensorboard")
    events.Reload()
    assert [event.step for event in events.Scalars("step/loss")] == [2, 3]
    assert len(events.Images("first training batch")) == 1
