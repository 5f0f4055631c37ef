"""1. POSTER V2 and the AI Hub study: the file of the best epoch holds the optimiser's state and no weights, so that no
`model_best.pth` can ever be evaluated.
"""

import pytest
import torch
from torch import nn

from tests.reproduction.cli_runs import predictions, run, weights


def save_as_published(network: nn.Module, optimizer: torch.optim.Optimizer, last, best) -> None:
    """pop() gives the entry that it removes, and that is what becomes the best file."""
    state = {"epoch": 1, "state_dict": network.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, last)
    torch.save(state.pop("optimizer"), best)


@pytest.fixture
def published(tmp_path):
    """A network and the two files that the published code would leave of it."""
    network = nn.Linear(4, 3)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    save_as_published(network, optimizer, tmp_path / "last.pth", tmp_path / "model_best.pth")
    return network, tmp_path


def test_the_published_best_file_holds_no_weights(published):
    network, folder = published
    best = torch.load(folder / "model_best.pth", weights_only=True)
    assert set(best) == {"state", "param_groups"} and not set(best) & set(network.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        nn.Linear(4, 3).load_state_dict(best)
    fresh = nn.Linear(4, 3)
    before = fresh.weight.clone()
    fresh.load_state_dict(best, strict=False)  # says nothing and leaves the random weights
    assert torch.equal(fresh.weight, before)
    assert "state_dict" in torch.load(folder / "last.pth", weights_only=True)


def test_our_best_file_is_a_whole_checkpoint_that_evaluates(work, two):
    assert weights(two, "best.pth").keys() == weights(two, "last.pth").keys()
    assert run("--evaluate", f"checkpoint/{two}/best.pth", "--run", "best") == 0
    assert predictions("best") == predictions(two)


def test_a_published_best_file_is_refused_with_the_reason(work, published, capsys):
    assert run("--evaluate", published[1] / "model_best.pth", "--data", "data") == 2
    assert "no weights" in capsys.readouterr().err
