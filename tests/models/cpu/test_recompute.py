"""Activations that are computed again in the backward pass: the same bits, and each running statistic moves once."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.cpu import recompute
from models.parts import ir50, layers


def _results(block: nn.Module, x: torch.Tensor, precision: torch.dtype) -> dict[str, torch.Tensor]:
    """Output, every gradient and every buffer after one training pass."""
    x = x.clone().to(precision).requires_grad_()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        y = block(x)
    y.float().square().mean().backward()
    gradients = {name: p.grad for name, p in block.named_parameters()}
    return {"output": y, "input": x.grad} | gradients | {f"buffer {name}": b for name, b in block.named_buffers()}


@pytest.fixture
def again(monkeypatch) -> list:
    """What was computed again."""
    seen, real = [], recompute._again
    monkeypatch.setattr(recompute, "_again", lambda first, x: seen.append(type(first)) or real(first, x))
    return seen


CASES = {
    "bottleneck": (lambda: ir50.Bottleneck(8, 8, 1), (4, 8, 12, 12), 2),
    "strided": (lambda: ir50.Bottleneck(8, 16, 2), (4, 8, 12, 12), 2),
    "stem": (lambda: ir50.Stem(), (4, 3, 12, 12), 1),
    "mlp": (lambda: layers.Mlp(8, 2), (4, 5, 8), 1),
}


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_same_bits_as_with_everything_kept(case, precision, again, monkeypatch):
    make, shape, times = CASES[case]
    torch.manual_seed(0)
    block, x = make().train(), torch.randn(shape)  # in 16 bits as from the block before
    with_all = copy.deepcopy(block)
    found = _results(block, x, precision)
    assert len(again) == times
    for module in (ir50, layers):
        monkeypatch.setattr(module, "chain", lambda first, second, x: second(first(x)))
    expected = _results(with_all, x, precision)
    assert len(again) == times
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_gradient_of_a_batchnorm_and_a_convolution_is_the_numerical_one():
    torch.manual_seed(0)
    norm, conv = nn.BatchNorm2d(2).double(), nn.Conv2d(2, 3, 3).double()
    x = torch.randn(3, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: recompute.chain(norm, conv, x), x)


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(2).eval(), nn.SyncBatchNorm(2).eval()], ids=["still", "of several processes"])
def test_running_statistics_are_not_taken_for_those_of_the_batch(norm, again):
    norm.running_mean.fill_(3.0)
    x = torch.randn(3, 2, 5, 5, requires_grad=True)
    recompute.chain(norm, nn.Conv2d(2, 3, 3), x).sum().backward()
    assert not again


def test_without_gradients_nothing_is_kept_for_later(again):
    with torch.no_grad():
        y = recompute.chain(F.relu, nn.Linear(4, 4), torch.randn(2, 4))
    assert y.grad_fn is None and not again
