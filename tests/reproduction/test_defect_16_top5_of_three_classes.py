"""16. POSTER V2 always computes top-5 accuracy, which crashes with fewer than five classes: the AI Hub study's three
needed a fork.
"""

import pytest
import torch

from tests.reproduction.cli_runs import metrics, table


def published_accuracy(logits: torch.Tensor, labels: torch.Tensor, topk: tuple[int, ...] = (1, 5)) -> list[float]:
    best = logits.topk(max(topk), dim=1).indices
    return [(best[:, :k] == labels[:, None]).any(dim=1).float().mean().item() for k in topk]


def test_the_published_accuracy_of_three_classes_crashes():
    labels = torch.tensor([2, 1])
    logits = torch.tensor([[0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]]).expand(2, -1)
    assert published_accuracy(logits, labels) == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="out of range"):
        published_accuracy(logits[:, :3], labels)


def test_ours_trains_and_reports_three_classes(work, two):
    assert [0 <= float(row["valid_accuracy"]) <= 1 for row in metrics(two)] == [True, True]
    assert {row["true"] for row in table(f"log/{two}/predictions.csv")} == {"anger", "happiness", "surprise"}
