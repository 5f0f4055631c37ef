"""What every POSTER shares: two backbones on the same reduced image, the landmark one frozen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from models import fast
from models.files.weights import FETCH, LoadReport, load_pretrained

IMAGE_SIZE = 224
DEAD_BACKBONE_KEYS = (  # of every published POSTER's file: stored by its backbones and never run
    r"ir_back\.output_layer\.(0|3|4)\.(weight|bias|running_mean|running_var|num_batches_tracked)"
    r"|face_landback\.output_layer\..+"
)
LandmarkMaps = tuple[Tensor, Tensor, Tensor]  # (B, 64, 28, 28), (B, 128, 14, 14), (B, 512, 7, 7)


class Poster(nn.Module):
    """Base of the POSTERs: image backbone `ir_back`, frozen landmark backbone `face_landback`.

    The landmark backbone's parameters are frozen. As in the references its BatchNorms follow train mode all the same:
    they normalise by batch statistics and their running statistics move; `freeze_landmark_bn` keeps them still.
    """

    pretrained_hint = f" (users report 81 % instead of 92 % on RAF-DB); {FETCH}"

    def __init__(self, face_landback: nn.Module, ir_back: nn.Module, freeze_landmark_bn: bool):
        super().__init__()
        self.freeze_landmark_bn = freeze_landmark_bn
        self.face_landback = face_landback.requires_grad_(False)
        self.ir_back = ir_back

    @staticmethod
    def cell_centres(side: int, size: int) -> Tensor:
        """(side,) the row or column of an image of `size` that each cell of a map of `side` is about, from 0.

        Convolutions and subsamplings of stride 2 keep the even places, so that cells start at 0 and not at half their size.
        """
        return torch.arange(side) * (size / side)

    @property
    def classifier(self) -> nn.Module:
        """The head: embedding (B, dim) and, in training, labels (B,) -> logits (B, num_classes)."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> "Poster":
        """As any module's, but the landmark network's BatchNorms stay still where they are frozen."""
        super().train(mode)
        if self.freeze_landmark_bn:
            self.face_landback.eval()
        return self

    def load_pretrained(self, folder: Path) -> tuple[dict[str, LoadReport], tuple[str, ...]]:
        """Load both backbones' published files; see `models.files.weights.load_pretrained`."""
        return load_pretrained(self, folder)

    def fold(self) -> None:
        """Of both backbones the form for evaluation, as `models.fast.optimize` asks for it."""
        self.face_landback = fast.convert(self.face_landback)
        fast.convert_stages(self.ir_back, IMAGE_SIZE // 2)

    def landmark_features(self, x: Tensor, passes: int = 1) -> LandmarkMaps:
        """x: images as for `forward` -> the landmark backbone's three maps, which `forward` takes as `landmarks`.

        The branch is frozen, so that its maps of a batch are the same at w and at SAM's w + ε. In train mode its running
        statistics move as in so many passes over the batch. Raises ValueError for another shape.
        """
        with torch.no_grad(), _repeated(self.face_landback, passes):
            return self.face_landback(self.reduce(x))

    def backbones(self, x: Tensor, landmarks: LandmarkMaps | None) -> tuple[LandmarkMaps, object]:
        """x: images as for `forward`; landmarks: what `landmark_features` gave of them -> the landmark maps, and what the
        image backbone gives. Raises ValueError for another shape."""
        x = self.reduce(x)
        return self.landmark_features(x) if landmarks is None else landmarks, self.ir_back(x)

    def reduce(self, x: Tensor) -> Tensor:
        """(B, 3, 224, 224) -> (B, 3, 112, 112), which may be given instead: by nearest neighbour, the even rows and columns.

        Raises ValueError for another shape.
        """
        if x.dim() != 4 or x.shape[1:] not in ((3, IMAGE_SIZE, IMAGE_SIZE), (3, IMAGE_SIZE // 2, IMAGE_SIZE // 2)):
            sizes = f"(B, 3, {IMAGE_SIZE}, {IMAGE_SIZE}), or their even rows and columns"
            raise ValueError(f"POSTER takes images {sizes}, not {tuple(x.shape)}")
        if x.shape[2] == IMAGE_SIZE:
            x = x[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)  # copied once for both backbones
        return x


@contextmanager
def _repeated(network: nn.Module, passes: int) -> Iterator[None]:
    """Inside, one pass in train mode moves the running statistics of every BatchNorm as `passes` over the same batch do."""
    moving = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d) and m.training] if passes > 1 else []
    kept = [norm.momentum for norm in moving]
    for norm in moving:
        norm.momentum = 1 - (1 - norm.momentum) ** passes
    try:
        yield
        for norm in moving:
            norm.num_batches_tracked += passes - 1
    finally:
        for norm, momentum in zip(moving, kept):
            norm.momentum = momentum
