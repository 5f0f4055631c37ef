"""Published checkpoints through the command line: evaluated and resumed as far as they go, hostile ones refused."""

import csv
import os
import shutil
from pathlib import Path

import pytest
import torch

from data_preprocessing.synthetic.command import write_synthetic
from engine.checkpoints.format import load_checkpoint
from engine.errors import UsageError
from models import create_model
from tests.command_line import run
from tests.published import write_published


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with two 7-class files whose bias makes them answer output 3, a published one of POSTER V2 and bare weights of
    Deep-Emotion, and drawn faces of three classes."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    model = create_model("poster_v2", 7)
    with torch.no_grad():
        model.VIT.head.linear.bias[3] = 100.0
    write_published(folder / "published.pth", model.state_dict())
    small = create_model("deep_emotion", 7)
    with torch.no_grad():
        small.fc2.bias[3] = 100.0
    torch.save(small.state_dict(), folder / "small.pth")
    write_synthetic(folder / "data", people={"train": 1, "valid": 1, "test": 1}, views=1)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def predicted(name: str) -> list[str]:
    with open(f"log/{name}/predictions.csv", newline="", encoding="utf-8") as file:
        return [row["predicted"] for row in csv.DictReader(file)]


def test_label_order_of_the_data_type_is_matched_to_the_folders_by_name(capsys):
    assert run("--evaluate", "published.pth", "--data", "data", "--data_type", "RAF-DB", "--run", "raf") == 0
    assert set(predicted("raf")) == {"happiness"}  # output 3 of RAF-DB's order, whatever the folders' order
    out = capsys.readouterr().out
    assert "accuracy 33.33 %" in out and "RAF-DB's label order" in out
    assert "711 tensors loaded; 36 dropped" in out


def test_label_order_is_matched_by_number():
    for split in ("train", "test"):
        for name, number in (("anger", 6), ("happiness", 4), ("surprise", 1)):
            shutil.copytree(f"data/{split}/{name}", f"numbered/{split}/{number}")
    assert run("--evaluate", "small.pth", "--data", "numbered", "--data_type", "RAF-DB", "--run", "numbers") == 0
    assert set(predicted("numbers")) == {"4"}


def test_the_studys_seven_outputs_for_three_classes_are_evaluated_as_trained(capsys):
    assert run("--evaluate", "small.pth", "--data", "data", "--run", "study") == 0
    assert set(predicted("study")) == {"(output 3)"}
    out = capsys.readouterr().out
    assert "accuracy 0.00 %" in out and "7 outputs for the data's 3 classes" in out and "counts as wrong" in out


def test_published_file_resumes_with_what_it_holds_and_says_what_it_lacks(short_poster, work, capsys):
    write_published(work / "short.pth", create_model("poster_v2", 7).state_dict())
    for split in ("train", "test"):
        for k, name in enumerate(("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")):
            source = Path(f"data/{split}/{('anger', 'happiness', 'surprise')[k % 3]}")
            Path(f"seven/{split}/{name}").mkdir(parents=True)
            shutil.copy(min(source.iterdir()), f"seven/{split}/{name}")
    arguments = ["--resume", "short.pth", "--data", "seven", "--data_type", "RAF-DB", "--epochs", 4, "-b", 8]
    assert run(*arguments, "--rho", 0, "--run", "again") == 0
    out = capsys.readouterr().out
    assert "after epoch 3; it lacks the moments of adam" in out and "the random state" in out and "class names" in out
    with open("log/again/metrics.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["epoch"] for row in table] == ["1", "2", "3", "4"]
    assert float(table[1]["train_loss"]) == 1.25 and float(table[2]["valid_accuracy"]) == pytest.approx(0.42)
    saved = load_checkpoint(work / "checkpoint/again/last.pth", "--resume")
    assert saved.classes[:2] == ("surprise", "fear") and saved.epoch == 4
    assert run("--evaluate", "checkpoint/again/last.pth", "--data", "seven", "--run", "again-test") == 0


def test_bare_weights_are_known_by_their_keys():
    state = load_checkpoint("published.pth", "--evaluate").state_dict
    torch.save(state, "bare.pth")
    assert load_checkpoint("bare.pth", "--evaluate").num_outputs == 7


def test_best_file_without_weights_is_refused_with_the_reason(capsys):
    torch.save({"state": {0: {"old_p": torch.zeros(2)}}, "param_groups": [{"lr": 1.0, "params": [0]}]}, "model_best.pth")
    for flag in ("--evaluate", "--resume"):
        assert run(flag, "model_best.pth", "--data", "data") == 2
        assert "holds an optimiser's state and no weights" in capsys.readouterr().err


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("function", [os.system, eval, exec, os.mkdir])
@pytest.mark.parametrize("place", ["alone", "inside"])
def test_a_pickle_that_wants_to_run_something_is_refused_and_never_runs(function, place, tmp_path, capsys):
    target = tmp_path / "ran"
    argument = {os.system: f"mkdir {target}", os.mkdir: str(target)}.get(function, f"__import__('os').mkdir({str(target)!r})")
    bomb = Calls(function, argument)
    torch.save(bomb if place == "alone" else {"state_dict": {}, "epoch": 1, "recorder": bomb}, tmp_path / "hostile.pth")
    assert run("--evaluate", tmp_path / "hostile.pth", "--data", "data") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "refused" in error and "hostile.pth" in error
    assert not target.exists()


@pytest.mark.parametrize("keep", [0, 1, 100, 30_000, -20])
def test_a_truncated_file_is_refused_in_one_line(keep, tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(20_000)}}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:keep])
    with pytest.raises(UsageError, match=r"cut\.pth") as error:
        load_checkpoint(tmp_path / "cut.pth", "--resume")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [[1, 2], {"a": 1}, {"state_dict": 3}, {"state_dict": {"a": torch.zeros(1)}}, torch.zeros(2)]
)
def test_a_file_without_a_known_network_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth"):
        load_checkpoint(tmp_path / "other.pth", "--evaluate")
