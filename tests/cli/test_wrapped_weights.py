"""Weights as other programs store them, through the command line: tested, resumed, and what was taken is said."""

import argparse
import shutil
from pathlib import Path

import pytest
import torch

from data_preprocessing.synthetic.command import write_synthetic
from models import create_model
from tests.fuzz.checkpoint_files import safetensors_bytes
from tests.reproduction.cli_runs import run, table

OFTEN = ["--data", "data", "--device", "cpu", "-j", 0]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with drawn faces of three classes and Deep-Emotion's bare weights for them."""
    folder = tmp_path_factory.mktemp("wrapped")
    write_synthetic(folder / "data", people={"train": 3, "valid": 2, "test": 2}, views=1, size=48)
    torch.manual_seed(0)
    torch.save(create_model("deep_emotion", 3).state_dict(), folder / "bare.pth")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


@pytest.fixture
def state() -> dict:
    return torch.load("bare.pth", weights_only=True)


def test_wrapped_weights_give_the_figures_of_the_bare_ones_and_it_is_said(state, capsys):
    wrapped = {"module._orig_mod." + name: value for name, value in state.items()}
    torch.save({"net": wrapped, "ema": state, "args": argparse.Namespace(out=Path("a"))}, "wrapped.pth")
    lightning = {"model." + name: value for name, value in state.items()} | {"loss.weight": torch.ones(3)}
    torch.save({"state_dict": lightning}, "l.ckpt")
    Path("bare.safetensors").write_bytes(safetensors_bytes(state, {"format": "pt"}))
    told = {
        "bare.pth": "bare.pth: 25 tensors loaded\n",
        "bare.safetensors": "bare.safetensors: 25 tensors loaded\n",
        "wrapped.pth": "from its 'net', without the prefix 'module._orig_mod.'; left out, though weights as well: its 'ema'\n",
        "l.ckpt": "from its 'state_dict', without the prefix 'model.'; 1 left out that lie beside the network: loss.weight\n",
    }
    figures = []
    for name, words in told.items():
        assert run("--evaluate", name, *OFTEN, "--out", f"of_{name}") == 0
        assert words in capsys.readouterr().out
        figures.append([list(row.values()) for row in table(f"of_{name}/predictions.csv")])
    assert figures[0] and all(other == figures[0] for other in figures)


def test_a_training_goes_on_from_wrapped_weights(state, capsys):
    torch.save({"model": {"_orig_mod." + name: value for name, value in state.items()}, "epoch": 1}, "compiled.pth")
    assert run("--resume", "compiled.pth", *OFTEN, "--epochs", 2, "-b", 4, "--run", "on") == 0
    out = capsys.readouterr().out
    assert "from its 'model', without the prefix '_orig_mod.'" in out and "resuming compiled.pth after epoch 1" in out
    assert run("--evaluate", "checkpoint/on/last.pth", *OFTEN, "--out", "resumed") == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title>", "is a web page ('Google Drive - Quota exceeded')"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "is a Git LFS pointer"),
        (None, "refused, it holds a whole pickled network (models.deep_emotion.DeepEmotion)"),
    ],
)
@pytest.mark.parametrize("flag", ["--evaluate", "--resume"])
def test_what_was_saved_instead_is_told_in_one_line(flag, content, words, capsys):
    if content is None:
        torch.save(create_model("deep_emotion", 3), "other.pth")
    else:
        Path("other.pth").write_bytes(content)
    assert run(flag, "other.pth", *OFTEN) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {flag} other.pth: {words}") and error.count("\n") == 1
