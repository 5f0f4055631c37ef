"""Deep-Emotion: a small network for 48² grey faces with a spatial transformer, as coded and as its paper describes it.

Source: Minaee and Abdolrashidi, 2021, "Deep-Emotion: Facial expression recognition using attentional convolutional
network", Sensors 21(9):3046, arXiv:1902.01019, figure 2. The widely used PyTorch code warps the input image, the paper
the features. Spatial transformer: Jaderberg et al., 2015, arXiv:1506.02025.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import folding
from models.files.identify import Identity, outputs_of

IMAGE_SIZE = 48


def make_localization(sizes: tuple[int, int]) -> nn.Sequential:
    """Two convolutions of these kernel sizes, each with 2 × 2 pooling and ReLU: (B, 1, 48, 48) -> (B, 10, side, side)."""
    layers = []
    for (inputs, outputs), kernel in zip(((1, 8), (8, 10)), sizes):
        layers += [nn.Conv2d(inputs, outputs, kernel), nn.MaxPool2d(2), nn.ReLU()]
    return nn.Sequential(*layers)


def make_affine(inputs: int) -> nn.Sequential:
    """Features (B, inputs) -> the six numbers of an affine map (B, 6), started at the identity."""
    last = nn.Linear(32, 6)
    nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.eye(2, 3).flatten())
    return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), last)


def affine_grid(theta: Tensor, height: int, width: int) -> Tensor:
    """(B, 2, 3) -> (B, height, width, 2), as torch.nn.functional.affine_grid without aligned corners, up to rounding."""
    rows, columns = ((torch.arange(n, device=theta.device, dtype=theta.dtype) * 2 + 1) / n - 1 for n in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    places = torch.stack((x, y, torch.ones_like(x)), dim=-1).view(1, -1, 3)
    return (places @ theta.transpose(1, 2)).unflatten(1, (height, width))


def sample_repeatably(x: Tensor, grid: Tensor) -> Tensor:
    """x (B, C, H, W), grid (B, h, w, 2) -> (B, C, h, w), as torch.nn.functional.grid_sample without aligned corners, up to
    rounding, by operations whose backward pass on CUDA has a repeatable kernel."""
    (B, C, H, W), (h, w) = x.shape, grid.shape[1:3]
    x_place, y_place = (((places + 1) * size - 1) / 2 for places, size in zip(grid.unbind(-1), (W, H)))
    left, top = x_place.detach().floor(), y_place.detach().floor()
    x_share, y_share, pixels, total = x_place - left, y_place - top, x.flatten(2), 0
    for right in (0, 1):
        for down in (0, 1):
            column, row = left + right, top + down
            inside = (column >= 0) & (column < W) & (row >= 0) & (row < H)
            index = (row.clamp(0, H - 1) * W + column.clamp(0, W - 1)).long().view(B, 1, h * w).expand(B, C, h * w)
            weight = (x_share if right else 1 - x_share) * (y_share if down else 1 - y_share)
            total = total + (weight * inside)[:, None] * pixels.gather(2, index).view(B, C, h, w)
    return total


class _DeepEmotion(nn.Module):
    """What both forms share: the transformer's prediction from the image, and the warp.

    localization_sizes: kernels of its convolutions, side: of the map that they leave.
    """

    head_layer = "fc2"
    least_dtype = torch.float32  # nothing is gained from fewer bits in so small a network, and a warp needs all of them

    def __init__(self, num_classes: int, localization_sizes: tuple[int, int], side: int):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, 3)
        self.conv2, self.conv3, self.conv4 = (nn.Conv2d(10, 10, 3) for _ in range(3))
        self.dropout = nn.Dropout(0.5)
        self.fc1 = nn.Linear(810, 50)
        self.fc2 = nn.Linear(50, num_classes)
        self.localization = make_localization(localization_sizes)
        self.fc_loc = make_affine(10 * side**2)

    @classmethod
    def identify(cls, state: dict[str, Tensor]) -> Identity | None:
        """See `models.files.identify`: both forms have these keys, and the one of the public code a BatchNorm beside them."""
        is_either = "localization.0.weight" in state and "fc2.weight" in state
        is_this = is_either and ("norm.weight" in state) == cls.has_norm
        return Identity(outputs_of(state["fc2.weight"])) if is_this else None

    def fold(self) -> None:
        """Nothing beyond what `models.fast.optimize` does with every layer."""

    def affine(self, image: Tensor) -> Tensor:
        """(B, 2, 3): where each place of the warped image is taken from, in coordinates from -1 to 1."""
        with torch.autocast(image.device.type, enabled=False):  # in bfloat16 places would be off by 0.1 pixels
            exact = image.to(torch.promote_types(image.dtype, torch.float32))
            return self.fc_loc(self.localization(exact).flatten(1)).view(-1, 2, 3)

    def warp(self, x: Tensor, image: Tensor) -> Tensor:
        """x: (B, C, H, W), resampled by the affine map that is predicted from `image`; zeros outside."""
        theta = self.affine(image)
        x = x.to(theta.dtype)
        # the backward of PyTorch's own grid does not compile for a batch of open size
        compiling = torch.compiler.is_compiling()
        grid = affine_grid(theta, *x.shape[2:]) if compiling else F.affine_grid(theta, x.shape, align_corners=False)
        # only there: PyTorch's own is faster and on a CPU repeatable
        repeatable = x.device.type != "cpu" and torch.are_deterministic_algorithms_enabled() and not compiling
        return sample_repeatably(x, grid) if repeatable else F.grid_sample(x, grid, align_corners=False)

    @staticmethod
    def cell_centres(side: int, size: int) -> Tensor:
        """(side,) the row or column of an image of `size` that each cell of `last_maps` is about, from 0.

        Valid convolutions: two of 3 × 3 take 2 pixels at each side, pooling puts the centre between two, two more take 2 cells.
        """
        return torch.arange(side) * 2 + 6.5

    def check(self, x: Tensor) -> None:
        """Raises ValueError for another shape than (B, 1, 48, 48)."""
        if x.dim() != 4 or x.shape[1:] != (1, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"Deep-Emotion takes images (B, 1, {IMAGE_SIZE}, {IMAGE_SIZE}), not {tuple(x.shape)}")


class DeepEmotion(_DeepEmotion):
    """Deep-Emotion as the public PyTorch code computes it: the image itself is warped.

    x: (B, 1, 48, 48), grey, mean and deviation ½; labels are ignored -> logits (B, num_classes)
    """

    has_norm = True
    last_maps = ("norm",)  # the layer whose map is the last that has places, for Grad-CAM

    def __init__(self, num_classes: int):
        super().__init__(num_classes, localization_sizes=(7, 5), side=8)
        self.norm = nn.BatchNorm2d(10)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        self.check(x)
        x = self.warp(x, x)
        x = F.relu(F.max_pool2d(self.conv2(F.relu(self.conv1(x))), 2))
        x = F.relu(F.max_pool2d(self.norm(self.conv4(F.relu(self.conv3(x)))), 2))
        return self.fc2(F.relu(self.fc1(self.dropout(x).flatten(1))))

    def fold(self) -> None:
        """For evaluation: BatchNorms go into the convolutions before them."""
        self.conv4, self.norm = folding.followed(self.conv4, self.norm), nn.Identity()

    def unwarp(self, maps: Tensor, image: Tensor) -> Tensor:
        """maps: (B, H, W) over the warped `image` -> over the image itself; 0 where the warp looks at nothing."""
        affine = self.affine(image)
        back = torch.linalg.pinv(affine[:, :, :2])  # of a warp onto a line there is no inverse
        back = torch.cat((back, -back @ affine[:, :, 2:]), dim=2)
        grid = F.affine_grid(back, maps[:, None].shape, align_corners=False)
        return F.grid_sample(maps[:, None].to(grid.dtype), grid, align_corners=False)[:, 0]


class DeepEmotionPaper(_DeepEmotion):
    """Deep-Emotion as its paper describes it: the transformer, predicted from the image, warps the features.

    x: (B, 1, 48, 48), grey, mean and deviation ½; labels are ignored -> logits (B, num_classes)
    """

    has_norm = False
    last_maps = ("conv4",)
    decayed = ("fc1.", "fc2.")  # the paper decays the weights of the last two layers only

    def __init__(self, num_classes: int):
        super().__init__(num_classes, localization_sizes=(3, 3), side=10)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        self.check(x)
        features = F.relu(F.max_pool2d(self.conv2(F.relu(self.conv1(x))), 2))
        features = F.relu(F.max_pool2d(self.conv4(F.relu(self.conv3(features))), 2))
        warped = self.warp(self.dropout(features), x)
        return self.fc2(self.dropout(F.relu(self.fc1(warped.flatten(1)))))
