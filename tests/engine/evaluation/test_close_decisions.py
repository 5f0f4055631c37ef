"""What evaluation computes with: the faster form where it agrees, and float32 where 16 bits cannot tell two classes apart."""

import pytest
import torch
from torch import nn

from engine.evaluation import fast


class Given(nn.Module):
    """The images (B, C) are the logits."""

    def forward(self, x, labels=None):
        return x.clone()


@pytest.fixture
def shortened(monkeypatch):
    """The faster form rounds to bfloat16, and is off by `shortened.error`."""
    form = lambda x, labels=None: x.bfloat16() + form.error  # noqa: E731
    form.error = 0.0
    monkeypatch.setattr(fast, "optimize_for_inference", lambda model, precision: form)
    return form


def test_close_decisions_are_made_in_float32(shortened):
    logits = torch.tensor([[1.0, 1.001, 0.3], [2.003, 0.5, 0.0], [0.0, 0.7, 0.7001]])
    run, reason = fast.fastest(Given(), logits, None, torch.bfloat16)
    found = run(logits, None)
    assert reason == "" and found.argmax(1).tolist() == [1, 0, 2]
    assert logits.bfloat16().argmax(1).tolist() == [0, 0, 1]  # what 16 bits alone would say
    assert torch.equal(found[[0, 2]], logits[[0, 2]]) and torch.equal(found[1], logits[1].bfloat16().float())


class Centred(Given):
    """Its logits hang on the whole batch, as AdaFace's do."""

    def forward(self, x, labels=None):
        return x - x.mean(dim=0)


def test_close_decisions_of_a_margin_head_see_their_whole_batch(monkeypatch):
    monkeypatch.setattr(fast, "optimize_for_inference", lambda model, precision: lambda x, labels: model(x).bfloat16())
    logits = torch.tensor([[1.0, 1.001, 0.3], [-1.0, -1.001, -0.3], [2.0, -0.5, 0.0], [-2.0, 0.5, 0.0]])  # of mean 0
    labels = torch.tensor([0, 0, 2, 1])
    run, reason = fast.fastest(Centred(), logits, labels, torch.bfloat16)
    assert reason == "" and torch.equal(run(logits, labels)[0], logits[0])


def test_a_form_that_disagrees_is_not_used_and_the_reason_is_said(shortened):
    logits = torch.tensor([[2.0, 1.0, 0.0]])
    shortened.error = torch.tensor([0.0, 0.0, 0.5]).bfloat16()
    run, reason = fast.fastest(Given(), logits, None, torch.bfloat16)
    assert "without the network's faster form" in reason and "in 0 predictions" in reason
    assert torch.equal(run(logits, None), logits)


def test_float32_is_never_computed_twice(shortened, monkeypatch):
    logits = torch.tensor([[1.0, 1.0, 0.0]])
    run, _ = fast.fastest(Given(), logits, None, torch.float32)
    monkeypatch.setattr(fast, "plain_logits", None)
    assert torch.equal(run(logits, None), logits.bfloat16().float())
