"""22. POSTER V2: a --resume or --evaluate path that does not exist prints a line and goes on with random weights: hours
of training lost, or a meaningless accuracy reported.
"""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.reproduction.cli_runs import SMALL, run


def published_evaluation(path: Path, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Load the checkpoint if there is one, and test what there is."""
    network = nn.Linear(8, 2)
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        print(f"=> no checkpoint found at '{path}'")
    return (network(images).argmax(dim=1) == labels).float().mean().item()


def test_the_published_evaluation_of_nothing_reports_an_accuracy(tmp_path, capsys):
    good = nn.Linear(8, 2)
    images = torch.randn(1000, 8, generator=torch.Generator().manual_seed(0))
    labels = good(images).argmax(dim=1)
    torch.save(good.state_dict(), tmp_path / "best.pth")
    assert published_evaluation(tmp_path / "best.pth", images, labels) == 1
    assert 0 <= published_evaluation(tmp_path / "bset.pth", images, labels) < 1  # one slip of the finger
    assert "no checkpoint found" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["--resume", "--evaluate"])
def test_ours_stops_at_once(flag, work, capsys):
    before = set(work.rglob("*"))
    arguments = (flag, "checkpoint/missing/last.pth", "--data", "data", "--epochs", 1, *SMALL, "--run", "missing")
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err == f"error: {flag} {Path('checkpoint/missing/last.pth')}: no such file\n"
    assert "accuracy" not in captured.out and set(work.rglob("*")) == before
