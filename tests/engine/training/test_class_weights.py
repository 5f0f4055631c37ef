"""Weights of classes and label smoothing in the loss, against their formulas."""

import pytest
import torch
import torch.nn.functional as F

from engine.errors import UsageError
from engine.training.class_weights import balanced, read_weights
from engine.training.losses import WeightedCrossEntropy

LOGITS = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 2, 1, 2])


def test_balanced_weights_have_a_mean_of_one_over_the_images():
    counts = [10, 30, 0]
    weights = balanced(counts)
    assert weights[:2] == [40 / 30, 40 / 90] and sum(n * w for n, w in zip([10, 30], weights)) == pytest.approx(40 * 2 / 3)


def test_the_weighted_loss_is_the_mean_over_images_so_that_parts_add_up():
    objective = WeightedCrossEntropy(torch.tensor([2.0, 1.0, 0.5]), 0.0)
    expected = (torch.tensor([2.0, 1.0, 0.5])[LABELS] * F.cross_entropy(LOGITS, LABELS, reduction="none")).mean()
    assert torch.allclose(objective(LOGITS, LABELS), expected)
    parts = sum(objective(LOGITS[k : k + 2], LABELS[k : k + 2]) / 3 for k in (0, 2, 4))
    assert torch.allclose(parts, expected)


def test_smoothing_spreads_its_share_over_all_classes():
    logs = LOGITS.log_softmax(1)
    expected = -(0.8 * logs[range(6), LABELS] + 0.2 * logs.mean(1)).mean()
    assert torch.allclose(WeightedCrossEntropy(None, 0.2)(LOGITS, LABELS), expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,1\n", "it lacks b; the classes of the data are a, b"),
        ("a,1\nb,1\nc,1\n", "it names c; the classes"),
        ("a,1\na,2\n", "line 2 names a class again"),
        ("a,1,2\n", "line 1 is not class,weight"),
        ("a,x\n", "the weight in line 1 is no number above 0"),
        ("a,-1\n", "the weight in line 1"),
        ("a,nan\n", "the weight in line 1"),
        ("", "it lacks a, b"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, text, words):
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_weights(tmp_path / "w.csv", ("a", "b"))


def test_a_table_is_read_in_the_order_of_the_classes(tmp_path):
    (tmp_path / "w.csv").write_text("class,weight\nSad,2\nhappy,1\n")
    assert read_weights(tmp_path / "w.csv", ("happiness", "sadness")) == [1.0, 2.0]
