"""A network made ready for evaluation: no BatchNorms, weights in one precision and in the order that the machine wants.

`models.optimize_for_inference` is its door. A network takes part by its class's `fold()`, which turns a copy in evaluation
mode and float64 into its faster form, by `head_layer`, the name of its last layer, which stays in float32 at least, and by
`least_dtype`, where it has one: the precision below which nothing of it is computed. One without `fold` stays as it is.
"""

import copy

import torch
from torch import Tensor, nn

from models import contract, folding
from models.parts import ir50, layers, mobilefacenet, window_attention

CHUNK = 4  # images at a time on a CPU: a stage's maps then stay in the cache, and their memory is used again


class Bottleneck(nn.Module):
    """`models.parts.ir50.Bottleneck` without BatchNorms, for maps of one side. Its input's memory may become the output's."""

    def __init__(self, block: ir50.Bottleneck, side: int):
        super().__init__()
        norm, first, self.prelu, second, last = block.res_layer
        self.first, self.second = folding.preceded(norm, first, side, side), folding.followed(second, last)
        self.stride = block.stride
        self.shortcut = None if block.shortcut_layer is None else folding.followed(*block.shortcut_layer)

    def forward(self, x: Tensor) -> Tensor:
        out = self.prelu(self.first(x))
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride].contiguous(memory_format=torch.channels_last)
        return self.second(out, residual=x)


class DepthWise(nn.Module):
    """`models.parts.mobilefacenet.DepthWise` without BatchNorms. Its input's memory may be taken for the output."""

    def __init__(self, block: mobilefacenet.DepthWise):
        super().__init__()
        self.residual = block.residual
        self.inner = nn.Sequential(_block(block.conv), _block(block.conv_dw))
        self.project = folding.followed(block.project.conv, block.project.bn)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(self.inner(x), residual=x if self.residual else None)


class WindowCrossAttention(window_attention.WindowCrossAttention):
    """With the relative-position bias looked up once."""

    def relative_position_bias(self) -> Tensor:
        return self.bias


class ExactHead(nn.Module):
    """Head or last layer in float32 at least, whatever precision the embedding comes in: logits are where rounding shows."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, z: Tensor, *labels: Tensor | None) -> Tensor:
        return self.head(z.to(next(self.head.parameters()).dtype), *labels)


class OptimizedNetwork(nn.Module):
    """What `optimize` gives: forward(images, labels=None) -> logits in float32 at least, without gradients."""

    def __init__(self, network: nn.Module, dtype: torch.dtype):
        super().__init__()
        self.network, self.dtype = network, dtype

    @torch.no_grad()
    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        if contract.declared(self.network, "reduce"):
            x = self.network.reduce(x)
        with torch.autocast(x.device.type, enabled=False):
            x = x.to(self.dtype, memory_format=torch.channels_last)
            # a margin head that is given labels may look at the whole batch; an exported graph takes a batch of any size, so
            # that its length must not be asked for first
            if torch.compiler.is_compiling() or labels is not None or x.device.type != "cpu" or len(x) <= CHUNK:
                return self.network(x, labels)
            return torch.cat([self.network(some) for some in x.split(CHUNK)])


class UnfoldedNetwork(nn.Module):
    """A network that says nothing of a faster form: the plain one, its products in 16 bits where that is asked for."""

    def __init__(self, network: nn.Module, dtype: torch.dtype):
        super().__init__()
        self.network, self.dtype = network.to(torch.promote_types(dtype, torch.float32)), dtype

    @torch.no_grad()
    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        x = x.to(torch.promote_types(self.dtype, torch.float32), memory_format=torch.channels_last)
        short = self.dtype.itemsize == 2
        with torch.autocast(x.device.type, dtype=self.dtype if short else None, enabled=short):
            return self.network(x, labels).to(x.dtype)


def optimize(model: nn.Module, dtype: torch.dtype) -> OptimizedNetwork | UnfoldedNetwork:
    """See `models.optimize_for_inference`."""
    network = copy.deepcopy(model).eval().requires_grad_(False)
    if not contract.declared(network, "fold"):
        return UnfoldedNetwork(network, dtype).eval()
    device = next(network.parameters()).device
    if device.type == "mps":  # which has no float64
        network.cpu()
    network.double().fold()
    if contract.declared(network, "least_dtype"):
        dtype = torch.promote_types(dtype, network.least_dtype)
    *path, name = network.head_layer.split(".")
    owner = network.get_submodule(".".join(path))
    head = getattr(owner, name)
    setattr(owner, name, nn.Identity())
    convert(network)
    network.to(dtype)
    setattr(owner, name, ExactHead(head.to(torch.promote_types(dtype, torch.float32))))
    return OptimizedNetwork(network.to(device), dtype).eval()


def convert(module: nn.Module) -> nn.Module:
    """`module` with what it holds converted, or what takes its place."""
    if isinstance(module, mobilefacenet.DepthWise):
        return DepthWise(module)
    if isinstance(module, mobilefacenet.LinearBlock):
        return _block(module)
    if isinstance(module, layers.Mlp):
        return nn.Sequential(folding.Product(module.fc1, gelu=True), folding.Product(module.fc2))
    if isinstance(module, nn.Conv2d):
        return folding.plain(module)
    if isinstance(module, layers.Linear):
        return folding.Product(module)
    for name, child in module.named_children():
        setattr(module, name, convert(child))
    return module


def _block(block: mobilefacenet.LinearBlock) -> nn.Module:
    conv = folding.followed(block.conv, block.bn)
    return nn.Sequential(conv, block.prelu) if isinstance(block, mobilefacenet.ConvBlock) else conv


def convert_stages(backbone: ir50.IR50 | ir50.IR50SingleBody, side: int) -> None:
    """Convert an IR-50 in place. side: of its images, in pixels."""
    conv, norm, prelu = backbone.input_layer
    backbone.input_layer = nn.Sequential(folding.followed(conv, norm), prelu)
    for stage in (m for name, m in backbone.named_children() if name.startswith("body")):
        for k, block in enumerate(stage):
            stage[k] = Bottleneck(block, side)
            side //= block.stride


def look_up_bias(attention: window_attention.WindowCrossAttention) -> None:
    """Turn the layer, in place, into one whose relative-position bias is looked up once."""
    attention.register_buffer("bias", attention.relative_position_bias())
    attention.__class__ = WindowCrossAttention
