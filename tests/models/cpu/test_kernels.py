"""Our CPU kernels against PyTorch's own operations in float64: values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from models.cpu import kernels
from models.parts.layers import Linear, PReLU


def assert_gradients_match(ours, theirs, inputs: list[torch.Tensor], tolerance: float) -> None:
    """Both functions of `inputs` (any None left out of the gradients) give the same values and gradients.

    theirs gets the inputs in float64.
    """
    exact = [None if t is None else t.detach().double().requires_grad_(t.requires_grad) for t in inputs]
    out, expected = ours(*inputs), theirs(*exact)
    assert out.dtype == inputs[0].dtype
    torch.manual_seed(1)
    grad = torch.randn_like(expected)
    wanted = [k for k, t in enumerate(inputs) if t is not None and t.requires_grad]
    got = torch.autograd.grad(out, [inputs[k] for k in wanted], grad.to(out.dtype))
    reference = torch.autograd.grad(expected, [exact[k] for k in wanted], grad)
    for value, truth in zip((out, *got), (expected, *reference)):
        assert value.shape == truth.shape
        assert (value.double() - truth).abs().max() <= tolerance * truth.abs().max()


def draw(*shape: int, requires_grad: bool = True, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype).requires_grad_(requires_grad)


@pytest.fixture
def onednn(monkeypatch):
    """The oneDNN way, whatever the processor."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch has no oneDNN")
    monkeypatch.setattr(kernels, "prefers_onednn", lambda: True)
    torch.manual_seed(0)


@pytest.mark.parametrize("shape", [(5, 12), (3, 7, 12), (2, 0, 12)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear(onednn, shape, bias):
    inputs = [draw(*shape), draw(9, 12), draw(9) if bias else None]
    if 0 in shape:
        assert kernels.linear(*inputs).shape == (2, 0, 9)
    else:
        assert_gradients_match(kernels.linear, F.linear, inputs, 1e-5)


def test_linear_of_strided_input_and_sliced_weight(onednn):
    weight, bias, x = draw(30, 12), draw(30), draw(2, 12, 7)

    def function(linear):
        return lambda x, weight, bias: linear(x.transpose(1, 2)[:, :3], weight[10:], bias[10:])

    assert_gradients_match(function(kernels.linear), function(F.linear), [x, weight, bias], 1e-5)


def test_linear_leaves_frozen_inputs_alone_and_follows_autocast(onednn):
    layer, x = Linear(12, 9), draw(4, 12, requires_grad=False)
    layer.weight.requires_grad_(False)
    layer(x).sum().backward()
    assert layer.weight.grad is None and layer.bias.grad.tolist() == [4.0] * 9
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer.double()(x.double()).dtype == torch.float64


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_prelu(dtype, tolerance):
    torch.manual_seed(0)
    x = torch.randn(3, 5, 4, 6, dtype=dtype).contiguous(memory_format=torch.channels_last)
    x[0, 0, 0, 0] = 0  # where the slope of the negative side counts
    layer = PReLU(5).to(dtype)
    torch.nn.init.uniform_(layer.weight, -0.5, 0.5)
    assert_gradients_match(kernels.prelu, F.prelu, [x.requires_grad_(), layer.weight], tolerance)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("many", [True, False])
@pytest.mark.parametrize("frozen_queries", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.bfloat16, 4e-2)])
def test_attention(monkeypatch, many, frozen_queries, bias, dtype, tolerance):
    monkeypatch.setattr(kernels, "MANY_SCORES", 0 if many else 2**40)
    torch.manual_seed(0)
    q = draw(3, 2, 7, 4, requires_grad=not frozen_queries, dtype=dtype)
    k, v = draw(3, 2, 9, 4, dtype=dtype), draw(3, 2, 9, 4, dtype=dtype)

    def expected(q, k, v, bias):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=None if bias is None else bias[None])

    assert_gradients_match(kernels.attention, expected, [q, k, v, draw(2, 7, 9, dtype=dtype) if bias else None], tolerance)
    with torch.no_grad():
        assert kernels.attention(q, k, v).shape == q.shape
