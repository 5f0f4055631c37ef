"""Our 3 × 3 convolutions against PyTorch's own: values and gradients, their rounding, and where they are chosen."""

import pytest
import torch
import torch.nn.functional as F

from models import folding
from models.cpu import convolution, winograd, winograd_convolution
from models.parts.layers import Conv3x3

SHAPES = [  # images, channels in and out, height, width, stride
    (2, 3, 4, 8, 5, 1),  # a map is two tiles
    (3, 3, 4, 14, 14, 1),  # maps stand one on the other
    (5, 2, 3, 7, 7, 1),
    (1, 2, 2, 3, 6, 1),  # less than a tile
    (3, 3, 4, 8, 6, 2),
    (3, 3, 4, 7, 8, 2),  # the last column is in no window
]


def draw(shape: tuple, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    """Maps in channels-last memory, weight, bias, and a gradient of the output."""
    images, inputs, outputs, height, width, stride = shape
    torch.manual_seed(0)
    x = torch.randn(images, inputs, height, width, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(outputs, inputs, 3, 3, dtype=dtype) / (3 * inputs**0.5), torch.randn(outputs, dtype=dtype)
    grad = torch.randn(images, outputs, -(-height // stride), -(-width // stride), dtype=dtype)
    return x, weight, bias, grad


def results(function, x, weight, bias, stride, grad) -> list[torch.Tensor]:
    """Output and gradients of function(x, weight, bias, stride)."""
    inputs = [t.clone().requires_grad_() for t in (x, weight, bias)]
    out = function(*inputs, stride)
    return [out.detach(), *torch.autograd.grad(out, inputs, grad)]


def direct(x, weight, bias, stride):
    return F.conv2d(x, weight, bias, stride, padding=1)


@pytest.fixture
def avx2(monkeypatch):
    """The choice of a processor with AVX2 alone, whatever this one is."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chunk", [winograd.CHUNK, 1, 200])  # all at a time, one, and two with a rest
@pytest.mark.parametrize("both", [False, True])
def test_values_and_gradients_are_those_of_pytorch(monkeypatch, shape, chunk, both):
    monkeypatch.setattr(winograd, "CHUNK", chunk)
    monkeypatch.setattr(winograd_convolution, "takes_both", lambda maps, others: both)
    x, weight, bias, grad = draw(shape)
    expected = results(direct, x, weight, bias, shape[-1], grad)
    for ours, theirs in zip(results(convolution._Convolution.apply, x, weight, bias, shape[-1], grad), expected):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() < 1e-12 * theirs.abs().max()


@pytest.mark.parametrize(
    ("shape", "most"), [((4, 64, 96, 28, 28, 1), 40), ((4, 64, 96, 28, 28, 2), 40), ((9, 160, 128, 14, 14, 1), 60)]
)
def test_rounding_is_a_small_multiple_of_the_direct_forms(avx2, shape, most):
    """Relative error against float64 of output and gradients: 2**-24 is what one rounding leaves."""
    stride = shape[-1]
    x, weight, bias, grad = draw(shape, torch.float32)
    truth = results(direct, x.double(), weight.double(), bias.double(), stride, grad.double())
    ours = results(convolution.convolution, x, weight, bias, stride, grad)
    assert type(convolution.convolution(x.requires_grad_(), weight, bias, stride).grad_fn).__name__ == "_ConvolutionBackward"
    for value, exact in zip(ours, truth):
        assert (value - exact).norm() < most * 2**-24 * exact.norm()


def test_both_directions_for_many_channels_and_images():
    maps = torch.empty(9, 128, 14, 14)
    assert winograd_convolution.takes_both(maps, 256)
    assert not winograd_convolution.takes_both(maps[:8], 256)
    assert not winograd_convolution.takes_both(maps[:, :64], 256)
    assert not winograd_convolution.takes_both(maps, 64)


@pytest.mark.parametrize("channels", [64, 128])
def test_same_bits_every_time(avx2, channels):
    x, weight, bias, grad = draw((9, channels, channels, 14, 14, 1), torch.float32)
    first, again = (results(convolution.convolution, x, weight, bias, 1, grad) for _ in range(2))
    assert all(map(torch.equal, first, again))


def test_chosen_by_the_instruction_set_in_force_for_what_was_measured(monkeypatch, avx2):
    weight, wide = torch.zeros(64, 64, 3, 3), torch.zeros(128, 128, 3, 3)
    for stride in (1, 2):
        assert convolution.prefers_own(weight, stride)
        assert not convolution.prefers_own(weight.double(), stride)
        assert not convolution.prefers_own(weight.bfloat16(), stride)
        assert not convolution.prefers_own(torch.zeros(64, 3, 3, 3), stride)
        assert not convolution.prefers_own(torch.zeros(64, 64, 1, 1), stride)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert convolution.prefers_own(wide, 1) and not convolution.prefers_own(wide, 2) and not convolution.prefers_own(weight, 1)
    for level in ("DEFAULT", "SVE256"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda level=level: level)
        assert not convolution.prefers_own(wide, 1)


def test_a_layer_leaves_other_types_and_no_images_to_pytorch(avx2):
    layer, x = Conv3x3(64, 64, bias=True), torch.randn(2, 64, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer(x[:0]).shape == (0, 64, 6, 6)
    layer, x = layer.double(), x.double()
    assert torch.equal(layer(x), F.conv2d(x, layer.weight, layer.bias, padding=1))


@pytest.mark.parametrize("stride", [1, 2])
def test_frozen_inputs_get_no_gradient(avx2, stride):
    layer, x = Conv3x3(64, 64, stride, bias=True), torch.randn(2, 64, 8, 8)
    layer(x).sum().backward()
    assert x.grad is None and layer.weight.grad is not None
    layer = layer.requires_grad_(False)
    layer(x.requires_grad_()).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("side", [8, 14])
def test_constant_weights_with_a_border_and_a_residual(avx2, side):
    norm, conv = torch.nn.BatchNorm2d(64).eval(), torch.nn.Conv2d(64, 96, 3, padding=1)
    torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias)
    folded = folding.preceded(norm, conv, side, side)
    for images in (4, 3, 1):  # packed for the first
        x, residual = torch.randn(images, 64, side, side), torch.randn(images, 96, side, side)
        with torch.no_grad():
            expected = conv(norm(x))
            torch.testing.assert_close(folded(x), expected, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(folded(x, residual.clone()), expected + residual, rtol=1e-4, atol=1e-5)
    assert isinstance(folded.packed, winograd_convolution.PackedWinograd)


def test_in_evaluation_a_map_that_is_not_finite_spoils_no_other(avx2):
    x = torch.randn(4, 64, 14, 14)
    x[1, :, 13] = torch.inf
    conv = Conv3x3(64, 64)
    with torch.no_grad():
        for function in (conv, folding.plain(conv)):
            assert function(x).flatten(1).isfinite().all(dim=1).tolist() == [True, False, True, True]
            torch.testing.assert_close(function(x[2:]), F.conv2d(x[2:], conv.weight, padding=1), rtol=1e-4, atol=1e-5)
