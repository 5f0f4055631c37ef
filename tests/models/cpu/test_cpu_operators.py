"""oneDNN's operators and the public ones in their place: the same results, whatever fails where."""

import ast
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import models
from models.cpu import operators
from models.cpu.operators import PackedConvolution, PackedProduct, product, softmax_backward

ROOT = Path(models.__file__).parents[1]
OPTIONS = ([1, 1], [2, 2], [1, 1], 2)  # padding, stride, dilation, groups
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 2e-3}


class Refusing:
    """torch.ops.mkldnn of a processor on which every operator refuses maps of more than `largest` numbers."""

    def __init__(self, largest: int):
        self.largest, self.refused = largest, 0

    def __getattr__(self, name: str):
        return _Operator(self, getattr(ONEDNN, name))


class _Operator:
    def __init__(self, owner: Refusing, real):
        self.owner, self.real = owner, real

    def __getattr__(self, name: str):
        return _Operator(self.owner, getattr(self.real, name))

    def __call__(self, *arguments):
        if any(isinstance(one, torch.Tensor) and not one.is_mkldnn and one.numel() > self.owner.largest for one in arguments):
            self.owner.refused += 1
            raise RuntimeError("could not create a primitive descriptor")
        return self.real(*arguments)


ONEDNN = torch.ops.mkldnn


@pytest.fixture(autouse=True)
def asked_anew():
    """No answer about this processor is kept from one test to the next."""
    cached = [value for value in vars(operators).values() if hasattr(value, "cache_clear")]
    for one in cached:
        one.cache_clear()
    yield
    for one in cached:
        one.cache_clear()


@pytest.fixture(params=["as it is", "with 16 bits", "refused for large maps", "without operators"])
def processor(request, monkeypatch):
    """Kinds of processor: this one, one taken to multiply in 16 bits, and those that refuse some or all operators."""
    if request.param == "with 16 bits":
        monkeypatch.setattr(operators, "missing_arithmetic", lambda dtype: "")
    if request.param == "refused for large maps":
        refusing = Refusing(largest=700)
        monkeypatch.setattr(torch.ops, "mkldnn", refusing)
        yield refusing
        assert refusing.refused
        return
    if request.param == "without operators":
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    yield None


def assert_close(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    assert found.dtype == dtype
    assert (found.double() - expected).abs().max() <= TOLERANCE[dtype] * expected.abs().max()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@torch.no_grad()
def test_convolution_on_every_processor(processor, dtype):
    torch.manual_seed(0)
    packed, (weight, bias) = None, (torch.randn(8, 4, 3, 3).to(dtype), torch.randn(8).to(dtype))
    for images in (1, 3):  # the first is small enough for every operator
        x = torch.randn(images, 8, 9, 9).to(dtype).contiguous(memory_format=torch.channels_last)
        packed = packed or PackedConvolution(weight, bias, OPTIONS, x.shape)
        padding, stride, dilation, groups = OPTIONS
        expected = F.conv2d(x.double(), weight.double(), bias.double(), stride, padding, dilation, groups)
        residual = torch.randn(expected.shape).to(dtype).contiguous(memory_format=torch.channels_last)
        total = residual.double() + expected
        assert_close(packed(x), expected, dtype)
        out = packed(x, residual=residual)
        assert_close(out, total, dtype)
        assert out.data_ptr() == residual.data_ptr()


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@torch.no_grad()
def test_product_on_every_processor(processor, dtype, gelu):
    torch.manual_seed(0)
    weight, bias = torch.randn(9, 12).to(dtype), torch.randn(9).to(dtype)
    packed = PackedProduct(weight, bias, gelu, rows=5)
    for rows in (5, 100):
        x = torch.randn(2, rows // 5, 5, 12).to(dtype)
        expected = F.linear(x.double(), weight.double(), bias.double())
        assert_close(packed(x), F.gelu(expected) if gelu else expected, dtype)
        if not gelu and dtype == torch.float32:
            assert_close(product(x, weight, bias), expected, dtype)


def test_softmax_backward_without_the_private_operator(monkeypatch):
    torch.manual_seed(0)
    scores, grad = torch.randn(2, 5, 7, dtype=torch.float64, requires_grad=True), torch.randn(2, 5, 7, dtype=torch.float64)
    weights = scores.softmax(-1)
    [expected] = torch.autograd.grad(weights, scores, grad)
    weights = weights.detach()
    torch.testing.assert_close(softmax_backward(grad, weights), expected, rtol=1e-13, atol=1e-15)
    monkeypatch.setattr(operators, "_has_softmax_backward", lambda: False)
    torch.testing.assert_close(softmax_backward(grad, weights), expected, rtol=1e-13, atol=1e-15)


def test_imitated_products_are_computed_in_float32(monkeypatch):
    monkeypatch.setattr(operators, "missing_arithmetic", lambda dtype: "none")
    assert PackedProduct(torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(2).bfloat16(), False, 1).dtype == torch.float32


def test_no_other_module_names_a_private_operator():
    """Of torch.ops and torch._C; what PyTorch documents with an underscore (torch._foreach_*, torch._dynamo) is public."""
    found, tops = [], ("models", "engine", "data_preprocessing")
    for path in [*ROOT.glob("*.py"), *(path for top in tops for path in (ROOT / top).rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            private = text.startswith("torch._C") or (text.startswith("torch.ops.") and "._" in text)
            if private and path != ROOT / "models/cpu/operators.py":
                found.append(f"{path}:{node.lineno}: {text}")
    assert not found
