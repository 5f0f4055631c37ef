"""12. POSTER V2 skips pretrained weights of another name or shape without a word, and trains from random ones; users
report 81 % instead of 92 % on RAF-DB, the most frequent question about the published code.
"""

import pytest
import torch
from torch import nn

from models import create_model
from models.errors import WeightsError
from models.files.weights import load_exact
from tests.reproduction.cli_runs import SMALL, V2, run


def load_as_published(network: nn.Module, state: dict) -> None:
    """Keep what fits, drop the rest."""
    own = network.state_dict()
    own.update({key: value for key, value in state.items() if key in own and own[key].shape == value.shape})
    network.load_state_dict(own)


def renamed(state: dict) -> dict:
    """A file of the same network under another prefix, as a wrapper around it would save it."""
    return {f"backbone.{key}": value for key, value in state.items()}


def test_the_published_loading_leaves_random_weights_without_a_word(capsys):
    pretrained, network = nn.Linear(4, 3), nn.Linear(4, 3)
    before = network.weight.clone()
    load_as_published(network, renamed(pretrained.state_dict()))
    load_as_published(network, nn.Linear(5, 4).state_dict())
    assert torch.equal(network.weight, before)
    assert capsys.readouterr() == ("", "")
    load_as_published(network, pretrained.state_dict())
    assert torch.equal(network.weight, pretrained.weight)


def test_our_loading_names_what_does_not_fit_and_changes_nothing():
    network = nn.Linear(4, 3)
    before = network.weight.clone()
    with pytest.raises(WeightsError, match=r"missing: weight, bias.*unexpected: backbone\.weight"):
        load_exact(network, renamed(network.state_dict()))
    with pytest.raises(WeightsError, match=r"weight \(4, 5\) instead of \(3, 4\)"):
        load_exact(network, nn.Linear(5, 4).state_dict())
    assert torch.equal(network.weight, before)


def test_our_run_stops_at_a_pretrained_file_that_does_not_fit(work, capsys):
    state = create_model("poster_v2", 3).ir_back.state_dict()
    first, second, *_ = state
    other = {f"{key}_" if key == first else key: value for key, value in state.items()}
    other[second] = other[second][:1]
    (work / "pretrain").mkdir()
    torch.save(other, work / "pretrain/ir50.pth")
    assert run("--data", "data", *SMALL, *V2, "--pretrained", "pretrain", "--run", "partial") == 2
    error = capsys.readouterr().err
    assert "ir50.pth" in error and f"missing: {first}" in error and f"mis-shaped: {second}" in error
    assert not (work / "log/partial").exists()


def test_our_run_says_which_file_it_trains_without(work, tmp_path, capsys):
    (tmp_path / "last.pth").touch()  # stops the run before it trains
    assert run("--data", "data", *SMALL, *V2, "--pretrained", tmp_path, "--checkpoint_path", tmp_path / "last.pth") == 2
    assert "holds neither ir50.pth nor mobilefacenet_model_best.pth.tar" in capsys.readouterr().err
    arguments = (*SMALL, "--model", "poster_v2")  # a folder that was not named is warned of
    assert run("--data", "data", *arguments, "--checkpoint_path", tmp_path / "last.pth") == 2
    out = capsys.readouterr().out
    assert "ir50.pth" in out and "mobilefacenet_model_best.pth.tar" in out and "random weights" in out
