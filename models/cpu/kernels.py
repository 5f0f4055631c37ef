"""Three operations that PyTorch's own CPU kernels leave slow, exact up to rounding; anywhere else PyTorch's own are called.

What was measured (Zen 5 with AVX-512, one thread): off Intel's processors float32 matrix products by MKL run at half of
oneDNN's rate; the backward of PReLU is not vectorised; attention over 784 positions moves its scores through memory.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.cpu.attention_tap import is_recording, recorded
from models.cpu.operators import has_product, product, softmax_backward

MANY_SCORES = 2**19  # of one sample: 2 MiB in float32, beyond which a batch of them is far too much for the cache


@cache
def prefers_onednn() -> bool:
    """Whether float32 products go through oneDNN: where MKL is built in but the processor is not Intel's, which MKL
    serves with code for older ones. A question of the machine, not of a measurement: the same bits in every run."""
    name = torch.cpu.get_capabilities().get("cpu_name", "")
    present = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    return present and name != "" and "intel" not in name.lower() and has_product(torch.float32)


def _on_cpu(x: Tensor) -> bool:
    """Whether the kernels below apply; a compiler makes its own."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x (..., in) · weightᵀ (in, out) + bias -> (..., out), as torch.nn.functional.linear."""
    exact = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled(x.device.type)
    if exact and x.numel() and _on_cpu(x) and prefers_onednn():
        return _Linear.apply(x, weight, bias)
    return F.linear(x, weight, bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        rows = grad.reshape(-1, grad.shape[-1])
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            _input_gradient(rows, weight).view(x.shape) if for_x else None,
            _weight_gradient(rows, x.reshape(-1, x.shape[-1])) if for_weight else None,
            rows.sum(0) if for_bias else None,
        )


def _backward_by_mkl() -> bool:
    """With AVX2 alone MKL computes gradients faster off Intel's processors too: in GFLOP/s, weight gradients on AMD Zen 3 78 to
    158 against oneDNN's 24 to 108, input gradients on Zen 5 96 to 98 against 63 to 96."""
    return torch.backends.cpu.get_cpu_capability() == "AVX2"


def _input_gradient(rows: Tensor, weight: Tensor) -> Tensor:
    """rows (N, out) · weight (out, in)."""
    return rows @ weight if _backward_by_mkl() else product(rows, weight.t())


def _weight_gradient(rows: Tensor, x: Tensor) -> Tensor:
    """rowsᵀ (out, N) · x (N, in)."""
    return rows.t() @ x if _backward_by_mkl() else product(rows.t(), x.t())


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """max(x, 0) + weight · min(x, 0), weight (C,) over dimension 1 of x (B, C, H, W)."""
    weight = weight.to(x.dtype)
    if _on_cpu(x) and torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return _PReLU.apply(x, weight)
    return F.prelu(x, weight)


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.prelu(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        right = torch.ops.aten.threshold_backward(grad, x, 0)  # the gradient where x > 0; a comparison would be slower
        left = grad - right
        for_weight = (left * x).sum((0, 2, 3))
        return right.addcmul_(left, weight[:, None, None]), for_weight


def attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / √d + bias) v: (B, heads, N, d), twice (B, heads, M, d), bias (heads, N, M) -> (B, heads, N, d)."""
    q, bias = q.to(v.dtype), None if bias is None else bias.to(v.dtype)
    if not _on_cpu(q) and not is_recording():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=None if bias is None else bias[None])
    if q.shape[1] * q.shape[2] * k.shape[2] > MANY_SCORES:
        return _Attention.apply(q, k, v, bias)
    return recorded(_weights(q, k, bias)) @ v


def _weights(q: Tensor, k: Tensor, bias: Tensor | None) -> Tensor:
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if bias is not None:
        scores += bias
    return scores.softmax(-1)


class _Attention(torch.autograd.Function):
    """One sample after the other, so that its scores stay in the cache from one operation to the next; none are kept.

    Computing them again in the backward pass is the smaller part of it (Dao et al., 2022, arXiv:2205.14135, section 3.1).
    """

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        B, heads, N, d = q.shape
        out = q.new_empty(B, N, heads, d).transpose(1, 2)  # the caller wants the heads of a token side by side
        for i in range(B):
            torch.matmul(recorded(_weights(q[i], k[i], bias)), v[i], out=out[i])
        ctx.save_for_backward(q, k, v, bias)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, bias = ctx.saved_tensors
        for_q, _, _, for_bias = ctx.needs_input_grad
        scale = q.shape[-1] ** -0.5
        dq = torch.empty_like(q) if for_q else None
        dk, dv, dbias = torch.empty_like(k), torch.empty_like(v), None
        for i in range(len(q)):
            weights = _weights(q[i], k[i], bias)
            dv[i] = weights.transpose(1, 2) @ grad[i]
            dscores = grad[i] @ v[i].transpose(1, 2)
            dscores = softmax_backward(dscores, weights)
            dk[i] = dscores.transpose(1, 2) @ (q[i] * scale)
            if for_q:
                dq[i] = dscores @ (k[i] * scale)
            if for_bias:
                exact = dscores.to(torch.promote_types(q.dtype, torch.float32))
                dbias = exact if dbias is None else dbias.add_(exact)
        return dq, dk, dv, None if dbias is None else dbias.to(q.dtype)
