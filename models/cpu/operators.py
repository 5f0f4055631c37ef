"""oneDNN's fused operators on a CPU, with public operators wherever they do not work: the only place that names private ones.

PyTorch keeps them private: another version may lack them, and a processor may refuse a type or a shape. Each is tried once
per type on a small tensor; a call that fails all the same is done by the public operator. The results differ by rounding.
"""

import os
from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_FAILURES = (AttributeError, TypeError, RuntimeError)  # no such operator, another signature, refused type or shape
_ADD = ("add", 1.0, None, [], None)
_CPU_FLAGS = {  # of torch.cpu.get_capabilities, on x86 and on ARM
    torch.bfloat16: ("avx512_bf16", "amx_bf16", "bf16"),
    torch.float16: ("avx512_fp16", "amx_fp16", "fp16_arith", "fp16"),
}
_ISA_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_ISA_WITHOUT_BF16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
_ISA_WITHOUT = {torch.bfloat16: _ISA_WITHOUT_BF16, torch.float16: _ISA_WITHOUT_BF16 | {"AVX512_CORE_BF16"}}
_NAMES = {torch.bfloat16: "bfloat16", torch.float16: "float16"}


def missing_arithmetic(dtype: torch.dtype) -> str:
    """Why CPU kernels do not multiply in bfloat16 or float16 by the processor's own instructions; "" where they do.

    The kernels in force count, which environment variables may hold to fewer instructions than the processor has.
    """
    capabilities, name = torch.cpu.get_capabilities(), _NAMES[dtype]
    if not any(capabilities.get(flag, False) for flag in _CPU_FLAGS[dtype]):
        return f"this processor has no {name} arithmetic"
    limit = next(filter(None, map(os.environ.get, _ISA_VARIABLES)), "")
    if limit.upper() in _ISA_WITHOUT[dtype]:
        return f"oneDNN is held to {limit}, which has no {name} arithmetic"
    if capabilities.get("architecture", "").startswith("x86") and torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        return f"PyTorch's kernels in force are not vectorised, and slow in {name}"
    if not (has_convolution(dtype) and has_product(dtype)):
        return f"oneDNN's {name} kernels do not work here"
    return ""


@cache
def has_product(dtype: torch.dtype) -> bool:
    """Whether oneDNN's matrix product works in `dtype`."""
    x, weight = torch.ones(4, 16, dtype=dtype), torch.ones(8, 16, dtype=dtype)
    return _works(lambda: _product(x, torch.ops.mkldnn._reorder_linear_weight(weight, 4), None, "none"))


@cache
def has_convolution(dtype: torch.dtype) -> bool:
    """Whether oneDNN's convolution with packed weights works in `dtype`, alone and added to a map in place."""
    x, weight = torch.ones(1, 8, 4, 4, dtype=dtype), torch.ones(8, 8, 3, 3, dtype=dtype)
    bias, options = torch.zeros(8, dtype=dtype), ([1, 1], [1, 1], [1, 1], 1)

    def run() -> None:
        packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *options, list(x.shape))
        _convolution(x, packed, bias, options)
        _add_convolution(x.clone(), x, packed, bias, options)

    return _works(run)


def _works(run: Callable[[], object]) -> bool:
    if not torch.backends.mkldnn.is_available():
        return False
    try:
        with torch.no_grad():
            run()
    except _FAILURES:
        return False
    return True


@cache
def _multiplied_in(dtype: torch.dtype) -> torch.dtype:
    """In which type products of `dtype` are computed: imitated 16-bit ones are several times slower than float32's."""
    return torch.float32 if dtype in _NAMES and missing_arithmetic(dtype) else dtype


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, then: str) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], "none" if then == "gelu" else "")


def _convolution(x: Tensor, packed: Tensor, bias: Tensor, options: tuple) -> Tensor:
    return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, *options, "none", [], "")


def _add_convolution(residual: Tensor, x: Tensor, packed: Tensor, bias: Tensor, options: tuple) -> Tensor:
    return torch.ops.mkldnn._convolution_pointwise_.binary(residual, x, packed, bias, *options, *_ADD)


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., in) · weightᵀ (in, out) + bias -> (..., out) by oneDNN; no gradients pass."""
    try:
        return _product(x, weight, bias, "none")
    except _FAILURES:
        return F.linear(x, weight, bias)


@cache
def _has_softmax_backward() -> bool:
    weights = torch.full((1, 2), 0.5)
    return _works(lambda: torch.ops.aten._softmax_backward_data(weights, weights, -1, weights.dtype))


def softmax_backward(grad: Tensor, weights: Tensor) -> Tensor:
    """The gradient before a softmax over the last dimension, of the gradient after it and its result `weights`."""
    if _has_softmax_backward():
        return torch.ops.aten._softmax_backward_data(grad, weights, -1, weights.dtype)
    return weights * (grad - (grad * weights).sum(-1, keepdim=True))


class PackedConvolution:
    """A convolution with constant weights in the order that oneDNN wants for maps of `shape`, called without gradients.

    weight: (out, in / groups, k, k), bias: (out,), options: padding, stride, dilation, groups, as oneDNN takes them. Without
    arithmetic of the maps' own 16-bit type products are float32's, and what they come to is rounded.
    """

    def __init__(self, weight: Tensor, bias: Tensor, options: tuple, shape: torch.Size):
        self.dtype, self.options = _multiplied_in(weight.dtype), options
        self.weight, self.bias, self.packed = weight.to(self.dtype), bias.to(self.dtype), False
        if has_convolution(self.dtype):
            try:
                self.weight = torch.ops.mkldnn._reorder_convolution_weight(self.weight, *options, list(shape))
                self.packed = True
            except _FAILURES:
                pass  # of this shape: it stays with the public operator

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """residual: added; its memory is taken for the result."""
        wide = x.to(self.dtype)
        if self.packed and residual is not None and residual.dtype == self.dtype:
            try:  # a refusal comes before anything is written
                return _add_convolution(residual, wide, self.weight, self.bias, self.options)
            except _FAILURES:
                self._unpack()
        out = self._run(wide)
        return out.to(x.dtype) if residual is None else residual.add_(out)

    def _run(self, x: Tensor) -> Tensor:
        if self.packed:
            try:
                return _convolution(x, self.weight, self.bias, self.options)
            except _FAILURES:
                self._unpack()
        padding, stride, dilation, groups = self.options
        return F.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups)

    def _unpack(self) -> None:
        self.weight, self.packed = self.weight.to_dense(), False


class PackedProduct:
    """A linear layer with constant weights in the order that oneDNN wants for `rows` rows, called without gradients.

    weight: (out, in), bias: (out,). gelu: whether the exact GELU follows. 16-bit products as in PackedConvolution.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gelu: bool, rows: int):
        self.dtype, self.gelu = _multiplied_in(weight.dtype), gelu
        self.weight, self.bias, self.packed = weight.to(self.dtype), bias.to(self.dtype), False
        if has_product(self.dtype):
            try:
                self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight, rows)
                self.packed = True
            except _FAILURES:
                pass

    def __call__(self, x: Tensor) -> Tensor:
        """x (..., in) -> (..., out)."""
        wide = x.to(self.dtype)
        if self.packed:
            try:
                return _product(wide, self.weight, self.bias, "gelu" if self.gelu else "none").to(x.dtype)
            except _FAILURES:
                self.weight, self.packed = self.weight.to_dense(), False
        out = F.linear(wide, self.weight, self.bias)
        return (F.gelu(out) if self.gelu else out).to(x.dtype)
