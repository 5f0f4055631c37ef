"""Whole runs with --patience, --finetune, --class-weights, --label-smoothing and --config."""

import json

import pytest
import torch

from data_preprocessing.synthetic.command import write_synthetic
from tests.command_line import run

SMALL = ["--model", "deep_emotion", "-b", "4", "-p", "1", "-j", "0", "--cache", "off"]
# so small a rate that no epoch is better than the first: validation accuracy stays what it is
STILL = [*SMALL, "--lr", "1e-30", "--epochs", "9"]


def stored(name: str) -> dict:
    return torch.load(f"checkpoint/{name}/last.pth", weights_only=True)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with drawn faces in data/ (9 to train, 6 valid, 6 test) and a run that stopped early, `early`."""
    folder = tmp_path_factory.mktemp("options")
    write_synthetic(folder / "data", people={"train": 3, "valid": 2, "test": 2}, views=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("--data", "data", *STILL, "--patience", 2, "--run", "early") == 0
    return folder


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def test_training_stops_when_the_validation_does_not_rise(work):
    assert stored("early")["epoch"] == 3 and stored("early")["best"]["epoch"] == 1
    log = (work / "log/early/log.txt").read_text(encoding="utf-8")
    assert "stopped after epoch 3 of 9: no better accuracy on valid for 2 epochs (--patience)" in log
    assert json.loads((work / "log/early/result.json").read_text())["epoch"] == 1


def test_a_run_that_stopped_early_is_complete(capsys):
    assert run("--resume", "checkpoint/early/last.pth") == 2
    assert "--patience 2: the run stopped after epoch 3" in capsys.readouterr().err
    assert run("--resume", "auto", "--run", "early") == 0
    assert "early: is complete, 3 epochs" in capsys.readouterr().out


def test_stopping_is_the_same_after_resuming_and_more_patience_goes_on():
    assert run("--data", "data", *STILL, "--patience", 2, "--epochs", 2, "--run", "half") == 0
    assert run("--resume", "checkpoint/half/last.pth", "--epochs", 9) == 0
    whole, half = stored("early"), stored("half")
    assert half["epoch"] == 3 and whole["history"] == half["history"]
    assert all(torch.equal(value, half["state_dict"][key]) for key, value in whole["state_dict"].items())
    assert run("--resume", "checkpoint/half/last.pth", "--patience", 3) == 0
    assert stored("half")["epoch"] == 4


def test_finetuning_keeps_all_but_the_head_for_other_classes(work, capsys):
    write_synthetic(work / "other", people={"train": 3, "valid": 2, "test": 2}, views=1)
    for split in ("train", "valid", "test"):
        (work / "other" / split / "anger").rename(work / "other" / split / "contempt")
    start = "--finetune", "checkpoint/early/best.pth", "--seed", 5
    assert run("--data", "other", *STILL, "--epochs", 1, *start, "--run", "tuned") == 0
    said = capsys.readouterr().out
    assert "--finetune checkpoint/early/best.pth: 23 tensors loaded, the head for 3 classes is new (2 tensors; " in said
    former = torch.load("checkpoint/early/best.pth", weights_only=True)["state_dict"]
    tuned = stored("tuned")["state_dict"]
    assert torch.allclose(former["fc1.weight"], tuned["fc1.weight"])
    assert not torch.allclose(former["fc2.weight"], tuned["fc2.weight"])


def test_finetuning_puts_a_head_of_the_same_classes_into_the_new_order(work, capsys):
    write_synthetic(work / "named", people={"train": 3, "valid": 2, "test": 2}, views=1)
    for split in ("train", "valid", "test"):
        (work / "named" / split / "surprise").rename(work / "named" / split / "Surprise")  # goes before the others
    assert run("--data", "named", *STILL, "--epochs", 1, "--finetune", "checkpoint/early/best.pth", "--run", "ordered") == 0
    said = capsys.readouterr().out
    assert "the head with them, its 3 classes put into the data's order: Surprise, anger, happiness" in said
    former = torch.load("checkpoint/early/best.pth", weights_only=True)
    order = [former["classes"].index(name) for name in ("surprise", "anger", "happiness")]
    assert torch.allclose(former["state_dict"]["fc2.weight"][order], stored("ordered")["state_dict"]["fc2.weight"])


def test_class_weights_and_smoothing_change_the_loss_alone_and_are_said(work, capsys):
    (work / "weights.csv").write_text("class,weight\nangry,2\nhappy,1\nsurprise,0.5\n")
    assert run("--data", "data", *STILL, "--epochs", 1, "--class-weights", "weights.csv", "--run", "weighted") == 0
    assert "class weights in the loss (weights.csv): anger 2, happiness 1, surprise 0.5" in capsys.readouterr().out
    assert run("--data", "data", *STILL, "--epochs", 1, "--label-smoothing", 0.1, "--run", "smooth") == 0
    losses = [stored(name)["history"][0] for name in ("early", "weighted", "smooth")]
    assert len({row["train_loss"] for row in losses}) == 3 and len({row["valid_loss"] for row in losses}) == 1


def test_the_args_json_of_a_run_repeats_it(work, capsys):
    assert run("--config", "log/early/args.json", "--run", "again") == 0
    assert stored("again")["history"] == stored("early")["history"] and stored("again")["args"] == stored("early")["args"]
    assert run("--config", "log/early/args.json", "--patience", 1, "--run", "sooner") == 0
    assert stored("sooner")["epoch"] == 2


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--patience", -1), "--patience -1: must be at least 0"),
        (("--freeze", "features"), "--freeze features: deep_emotion has no backbones to freeze"),
        (("--finetune", "gone.pth"), "--finetune gone.pth: no such file"),
        (("--finetune", "checkpoint/early/best.pth", "--start-epoch", 1), "--finetune and --start-epoch exclude each other"),
        (("--finetune", "published:nothing"), "--finetune published:nothing"),
        (("--class-weights", "balanced", "--sampler", "balanced"), "--class-weights: --sampler balanced draws every class"),
        (("--class-weights", "balanced", "--loss", "2ls+ce"), "--class-weights: --loss 2ls+ce is a published objective"),
        (("--label-smoothing", 1), "--label-smoothing 1: must be below 1"),
        (("--class-weights", "gone.csv"), "--class-weights gone.csv: cannot be read (No such file or directory)"),
        (("--config", "gone.json"), "--config gone.json: cannot be read (No such file or directory)"),
    ],
)
def test_wrong_flags_are_refused_in_a_line(capsys, flags, words):
    assert run("--data", "data", *SMALL, *flags) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
