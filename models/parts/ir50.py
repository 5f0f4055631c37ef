"""IR-50, the face-recognition ResNet that POSTER uses as its image backbone.

Source: ArcFace (Deng et al., 2019, arXiv:1801.07698, section 3.2 "improved residual unit"), the variant of
face.evoLVe; the POSTERs use only the first three of its four stages (Zheng et al., 2023, arXiv:2204.04083; Mao et al.,
2023, arXiv:2301.12149).
"""

from torch import Tensor, nn

from models.cpu.recompute import chain
from models.parts.layers import Conv3x3, PReLU

# (in channels, out channels, blocks) of the three stages; the first block of each has stride 2
STAGES = ((64, 64, 3), (64, 128, 4), (128, 256, 14))


class Bottleneck(nn.Module):
    """Improved residual unit: BN, 3×3 convolution, PReLU, strided 3×3 convolution, BN; no activation after the sum.

    x: (B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.stride = stride
        if in_channels != out_channels:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        else:
            self.shortcut_layer = None
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(in_channels),
            Conv3x3(in_channels, out_channels),
            PReLU(out_channels),
            Conv3x3(out_channels, out_channels, stride),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut_layer is not None:
            shortcut = self.shortcut_layer(x)
        else:  # the original's MaxPool2d(1, stride) only picks every stride-th pixel
            shortcut = x[:, :, :: self.stride, :: self.stride]
        norm1, conv1, act, conv2, norm2 = self.res_layer
        return shortcut + norm2(chain(act, conv2, chain(norm1, conv1, x)))


def make_stage(in_channels: int, out_channels: int, blocks: int) -> nn.Sequential:
    """`blocks` bottlenecks, the first of which halves the map and changes the width."""
    first = Bottleneck(in_channels, out_channels, stride=2)
    rest = (Bottleneck(out_channels, out_channels, stride=1) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


class Stem(nn.Sequential):
    """Convolution, BatchNorm, PReLU: (B, 3, H, W) -> (B, 64, H, W)."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), PReLU(64))

    def forward(self, x: Tensor) -> Tensor:
        conv, norm, act = self
        return chain(norm, act, conv(x))


class IR50(nn.Module):
    """IR-50 without its fourth stage and its output layer, which POSTER V2 never runs.

    x: (B, 3, 112, 112) -> (B, 64, 56, 56), (B, 128, 28, 28), (B, 256, 14, 14)
    """

    def __init__(self):
        super().__init__()
        self.input_layer = Stem()
        self.body1, self.body2, self.body3 = (make_stage(*stage) for stage in STAGES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        level1 = self.body1(self.input_layer(x))
        level2 = self.body2(level1)
        return level1, level2, self.body3(level2)


class IR50SingleBody(nn.Module):
    """The same network with its three stages in one `body`, as POSTER V1 names it; only the last map comes out.

    x: (B, 3, 112, 112) -> (B, 256, 14, 14)
    """

    def __init__(self):
        super().__init__()
        self.input_layer = Stem()
        self.body = nn.Sequential(*(block for stage in STAGES for block in make_stage(*stage)))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.input_layer(x))
