"""What every POSTER shares: two backbones on the same reduced picture, the landmark one frozen."""

import torch
from torch import Tensor, nn

IMAGE_SIZE = 224


class Poster(nn.Module):
    """Base of the POSTERs: image backbone `ir_back`, frozen landmark backbone `face_landback`.

    The landmark backbone's parameters are frozen. As in the references its BatchNorms follow train mode all the same:
    they normalise by batch statistics and their running statistics move; `freeze_landmark_bn` keeps them still.
    """

    def __init__(self, face_landback: nn.Module, ir_back: nn.Module, freeze_landmark_bn: bool):
        super().__init__()
        self.freeze_landmark_bn = freeze_landmark_bn
        self.face_landback = face_landback.requires_grad_(False)
        self.ir_back = ir_back

    @property
    def classifier(self) -> nn.Module:
        """The head: embedding (B, dim) and, in training, labels (B,) -> logits (B, num_classes)."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> "Poster":
        super().train(mode)
        if self.freeze_landmark_bn:
            self.face_landback.eval()
        return self

    def backbones(self, x: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], object]:
        """x: (B, 3, 224, 224) -> the landmark backbone's three maps, and what the image backbone gives.

        Both see 112², reached by nearest neighbour: the even rows and columns, which may be given alone, (B, 3, 112, 112).
        Raises ValueError for another shape.
        """
        if x.dim() != 4 or x.shape[1:] not in ((3, IMAGE_SIZE, IMAGE_SIZE), (3, IMAGE_SIZE // 2, IMAGE_SIZE // 2)):
            sizes = f"(B, 3, {IMAGE_SIZE}, {IMAGE_SIZE}), or their even rows and columns"
            raise ValueError(f"POSTER takes pictures {sizes}, not {tuple(x.shape)}")
        if x.shape[2] == IMAGE_SIZE:
            x = x[:, :, ::2, ::2]
        with torch.no_grad():
            landmarks = self.face_landback(x)
        return landmarks, self.ir_back(x)
