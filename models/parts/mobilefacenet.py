"""MobileFaceNet, the 68-landmark network that POSTER uses as its frozen landmark backbone.

Source: MobileFaceNets (Chen et al., 2018, arXiv:1804.07573), the landmark variant of pytorch_face_landmark.
Its 136-value output layer is left out: POSTER reads feature maps only.
"""

from torch import Tensor, nn

from models.parts.layers import PReLU


class LinearBlock(nn.Module):
    """Convolution and BatchNorm, without activation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class ConvBlock(LinearBlock):
    """Convolution, BatchNorm and PReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1):
        super().__init__(in_channels, out_channels, kernel, stride, groups)
        self.prelu = PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(super().forward(x))


class DepthWise(nn.Module):
    """Inverted bottleneck: widen to `groups` channels, strided depthwise 3×3, project; optional identity residual.

    x: (B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int, stride: int = 1, residual: bool = False):
        super().__init__()
        self.conv = ConvBlock(in_channels, groups)
        self.conv_dw = ConvBlock(groups, groups, kernel=3, stride=stride, groups=groups)
        self.project = LinearBlock(groups, out_channels)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out = self.project(self.conv_dw(self.conv(x)))
        return x + out if self.residual else out


class Residual(nn.Module):
    """`blocks` residual DepthWise blocks in a row, (B, channels, H, W) -> the same shape."""

    def __init__(self, channels: int, groups: int, blocks: int):
        super().__init__()
        self.model = nn.Sequential(*(DepthWise(channels, channels, groups, residual=True) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class MobileFaceNet(nn.Module):
    """Landmark backbone, three feature maps.

    x: (B, 3, 112, 112) -> (B, 64, 28, 28), (B, 128, 14, 14), (B, 512, 7, 7)
    """

    def __init__(self):
        super().__init__()
        self.conv1 = ConvBlock(3, 64, kernel=3, stride=2)
        self.conv2_dw = ConvBlock(64, 64, kernel=3, groups=64)
        self.conv_23 = DepthWise(64, 64, groups=128, stride=2)
        self.conv_3 = Residual(64, groups=128, blocks=4)
        self.conv_34 = DepthWise(64, 128, groups=256, stride=2)
        self.conv_4 = Residual(128, groups=256, blocks=6)
        self.conv_45 = DepthWise(128, 128, groups=512, stride=2)
        self.conv_5 = Residual(128, groups=256, blocks=2)
        self.conv_6_sep = ConvBlock(128, 512)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        level1 = self.conv_3(self.conv_23(self.conv2_dw(self.conv1(x))))
        level2 = self.conv_4(self.conv_34(level1))
        return level1, level2, self.conv_6_sep(self.conv_5(self.conv_45(level2)))
