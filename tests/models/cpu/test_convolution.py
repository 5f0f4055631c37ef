"""The 3 × 3 convolution of large maps against PyTorch's own in float64: values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from models.cpu import convolution
from models.parts.layers import Convolution3x3


@pytest.mark.parametrize("form", [torch.channels_last, torch.contiguous_format])
def test_shifted_products_are_exact(monkeypatch, form):
    monkeypatch.setattr(convolution, "_shifted_products_win", lambda x, weight: True)
    torch.manual_seed(0)
    layer = Convolution3x3(4, 6).double()
    x = torch.randn(3, 4, 7, 9).double().to(memory_format=form).requires_grad_()
    out, expected = layer(x), F.conv2d(x, layer.weight, padding=1)
    grad = torch.randn_like(expected)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    for got, truth in zip(*(torch.autograd.grad(y, [x, layer.weight], grad) for y in (out, expected))):
        torch.testing.assert_close(got, truth, rtol=0, atol=1e-12)


@pytest.mark.parametrize("capability, side, wins", [("AVX2", 112, True), ("AVX2", 56, False), ("AVX512", 112, False)])
def test_the_choice_asks_kernels_in_force_and_shape(monkeypatch, capability, side, wins):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    assert convolution._shifted_products_win(torch.zeros(1, 1, side, side), weight) is wins
    with torch.no_grad():
        assert not convolution._shifted_products_win(torch.zeros(1, 1, side, side), weight)
