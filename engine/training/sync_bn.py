"""BatchNorm over the images of all processes, on any device.

torch's own SyncBatchNorm refuses CPU tensors, so that nothing of it could be tested here, and is no BatchNorm2d, which
`models.poster` and `models.folding` look for; the same code on every device is what two CPU processes are compared with.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _Sum(torch.autograd.Function):
    """Sum over the processes; a gradient of the sum is one of every process's part."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def synchronised_batch_norm(x: Tensor, module: _BatchNorm) -> Tensor:
    """x: (B, C, ...) of this process -> normalised by mean and variance over every process's values.

    The gradient goes through the statistics to every process. Running statistics move as one process's would on the whole
    batch (Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 1).
    """
    axes = [d for d in range(x.dim()) if d != 1]
    shape = [-1 if d == 1 else 1 for d in range(x.dim())]
    values = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    count = values.new_full((1,), x.numel() // x.shape[1])  # filled on the device: nothing here waits for it
    sums, count = _Sum.apply(torch.cat((values.sum(axes), count))).split((x.shape[1], 1))
    count = count.detach()
    mean = sums / count
    centred = values - mean.view(shape)
    variance = _Sum.apply(centred.square().sum(axes)) / count
    if module.track_running_stats:
        with torch.no_grad():
            module.num_batches_tracked += 1
            module.running_mean.lerp_(mean.to(module.running_mean.dtype), module.momentum)
            unbiased = variance * (count / (count - 1).clamp(min=1))
            module.running_var.lerp_(unbiased.to(module.running_var.dtype), module.momentum)
    scale = torch.rsqrt(variance + module.eps)
    if module.weight is not None:
        scale = scale * module.weight
    normalised = centred * scale.view(shape)
    return (normalised if module.bias is None else normalised + module.bias.view(shape)).to(x.dtype)


class _SynchronisedMixin:
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return synchronised_batch_norm(x, self)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class SynchronisedBatchNorm1d(_SynchronisedMixin, nn.BatchNorm1d):
    """BatchNorm1d over all processes."""


class SynchronisedBatchNorm2d(_SynchronisedMixin, nn.BatchNorm2d):
    """BatchNorm2d over all processes."""


def with_synchronised_batchnorm(model: nn.Module) -> None:
    """Have every BatchNorm of `model` synchronise from now on; parameters, buffers and keys stay the same."""
    kinds = {nn.BatchNorm1d: SynchronisedBatchNorm1d, nn.BatchNorm2d: SynchronisedBatchNorm2d}
    for module in model.modules():
        if type(module) in kinds:
            module.__class__ = kinds[type(module)]
