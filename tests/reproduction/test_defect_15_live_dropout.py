"""15. Deep-Emotion calls functional dropout without its training flag, so that dropout stays on at evaluation and accuracy is
random; its accuracy a batch is divided by 64, in the last, smaller batch too.
"""

import pytest
import torch
import torch.nn.functional as F

from models import create_model
from tests.reproduction.cli_runs import predictions, run, table


def test_functional_dropout_without_its_flag_stays_on():
    network = torch.nn.Linear(50, 7).eval()
    torch.manual_seed(0)
    x = torch.randn(200, 50)
    first, second = (network(F.dropout(x)).argmax(1) for _ in range(2))
    assert (first != second).float().mean() > 0.2


def test_a_fixed_divisor_misjudges_the_last_batch():
    labels = torch.zeros(100, dtype=torch.long)  # all right: a perfect network
    published = [float((batch == 0).sum()) / 64 for batch in labels.split(64)]
    assert sum(published) / len(published) == pytest.approx(0.78125)


def test_our_network_evaluates_without_dropout_and_counts_every_image_once(work, one):
    model, x = create_model("deep_emotion", 3).eval(), torch.rand(4, 1, 48, 48)
    assert torch.equal(model(x), model(x))
    for name, seed in (("deep-1", 1), ("deep-2", 2)):
        assert run("--evaluate", f"checkpoint/{one}/best.pth", "--seed", seed, "--run", name) == 0
    assert predictions("deep-1") == predictions("deep-2")
    assert run("--evaluate", f"checkpoint/{one}/best.pth", "-b", 2, "--run", "deep-pairs") == 0
    assert [row["predicted"] for row in table("log/deep-pairs/predictions.csv")] == [
        row["predicted"] for row in table("log/deep-1/predictions.csv")
    ]
