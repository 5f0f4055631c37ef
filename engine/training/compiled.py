"""A network run by torch.compile, compiled once for batches of any size."""

import torch
from torch import Tensor, nn


class Compiled(nn.Module):
    """`module` as torch.compile runs it; its own calls and its state stay as they are.

    Only the number of images may vary from call to call: were heights and widths left open as well, as
    torch.compile(dynamic=True) leaves them, the compiler could plan nothing by them and in places fails.
    """

    def __init__(self, module: nn.Module, **options):
        super().__init__()
        self.module = module
        self._run = torch.compile(module.forward, **options)

    def forward(self, x: Tensor, labels: Tensor | None = None, **known) -> Tensor:
        """As the module's: all tensors have the images in dimension 0."""
        for tensor in (x, labels, *known.get("landmarks", ())):
            if tensor is not None:
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        return self._run(x, labels, **known)
