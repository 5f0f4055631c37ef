"""POSTER V2 (POSTER++): IR-50 and MobileFaceNet joined by window cross-attention, then a small transformer.

Source: Mao et al., 2023, "POSTER V2: A simpler and stronger facial expression recognition network",
arXiv:2301.12149, figure 3. Attribute names follow the keys of the published weights.
"""

import re

import torch
from torch import Tensor, nn

from models import fast, folding
from models.contract import Attention
from models.files.identify import Identity, head_of
from models.parts.heads import create_head
from models.parts.initialization import spread_positions_
from models.parts.ir50 import IR50
from models.parts.layers import Conv3x3
from models.parts.mobilefacenet import MobileFaceNet
from models.parts.vit import VisionTransformer
from models.parts.window_attention import FeedForward, WindowCrossAttention, WindowNorm
from models.poster import DEAD_BACKBONE_KEYS, LandmarkMaps, Poster

DIMS = (64, 128, 256)  # channels of the three levels
SIDES = (28, 14, 7)  # side of the map at each level
DROP_PATH = (0.0, 0.125, 0.25)  # entries 0-2 of linspace(0, 0.5, 5)
EMBED_DIM = 768
HEAD_DIM = 32


class PatchProjection(nn.Module):
    """1×1 convolution to the transformer's width, under the key that the published weights use."""

    def __init__(self, in_channels: int, dim: int):
        super().__init__()
        self.proj = nn.Conv2d(in_channels, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class PosterV2(Poster):
    """POSTER V2 for any number of classes.

    x: (B, 3, 224, 224), ImageNet-normalised, labels: (B,) for a margin head in training -> logits (B, num_classes)
    landmarks: what `landmark_features` gave of the same images, where it was asked before.
    freeze_landmark_bn: see `Poster`. head, margin, scale, h: see `models.parts.heads.create_head`.
    """

    last_maps = "embed_q", "embed_k", "embed_v"  # the layers whose maps are the last that have places, for Grad-CAM
    trunk = ("VIT.",)  # what the backbones and the fusion feed: what the features feed, by the prefixes of its keys
    head_layer = "VIT.head"
    dead_keys = re.compile(
        r"VIT\.(patch_embed\.proj|IRLinear1|IRLinear2)\.(weight|bias)"
        r"|VIT\.(CON1|eca_block\.conv)\.weight"
        r"|VIT\.blocks\.[01]\.conv\.(weight|bias)"
        rf"|VIT\.head\.t|{DEAD_BACKBONE_KEYS}"
    )

    def __init__(self, num_classes: int, freeze_landmark_bn: bool = False, head: str = "linear", **head_options):
        super().__init__(MobileFaceNet(), IR50(), freeze_landmark_bn)
        self.last_face_conv = Conv3x3(512, DIMS[2], bias=True)
        self.conv1, self.conv2, self.conv3 = (Conv3x3(d, d, stride=2, bias=True) for d in DIMS)
        self.window1, self.window2, self.window3 = (WindowNorm(d) for d in DIMS)
        self.attn1, self.attn2, self.attn3 = (
            WindowCrossAttention(d, side, num_heads=d // HEAD_DIM) for d, side in zip(DIMS, SIDES)
        )
        self.ffn1, self.ffn2, self.ffn3 = (FeedForward(d, rate) for d, rate in zip(DIMS, DROP_PATH))
        self.embed_q = nn.Sequential(
            Conv3x3(DIMS[0], EMBED_DIM, stride=2, bias=True), Conv3x3(EMBED_DIM, EMBED_DIM, stride=2, bias=True)
        )
        self.embed_k = nn.Sequential(Conv3x3(DIMS[1], EMBED_DIM, stride=2, bias=True))
        self.embed_v = PatchProjection(DIMS[2], EMBED_DIM)
        self.VIT = VisionTransformer(
            num_tokens=3 * SIDES[2] ** 2, make_head=lambda dim: create_head(head, dim, num_classes, **head_options)
        )

    @classmethod
    def identify(cls, state: dict[str, Tensor]) -> Identity | None:
        """See `models.files.identify`. Raises WeightsError where the head is none known here."""
        if "VIT.cls_token" not in state:
            return None
        head, outputs = head_of(state, "VIT.head")
        return Identity(outputs, {"head": head})

    def start(self, init: str) -> None:
        """positions: let the transformer tell places apart from the first step."""
        if init == "positions":
            spread_positions_(self.VIT)

    def fold(self) -> None:
        """The form for evaluation of backbones and fusion, as `models.fast.optimize` asks for it."""
        super().fold()
        self.embed_q = folding.in_a_row(*self.embed_q, SIDES[0])
        for level in (self.attn1, self.attn2, self.attn3):
            fast.look_up_bias(level)
        self.VIT.blocks[-1].attn.qkv.__class__ = nn.Linear  # not to be converted: the block uses its weights in parts

    @property
    def attention(self) -> Attention:
        """At each level landmark queries look at the image's places, then the class token at 49 places of each level."""
        return Attention(
            cross=tuple((f"attn{level}",) for level in (1, 2, 3)),
            headings=tuple(f"level {k + 1}, {side}²" for k, side in enumerate(SIDES)),
            class_token=f"VIT.blocks.{len(self.VIT.blocks) - 1}.attn",
            class_levels=(len(SIDES), SIDES[-1], SIDES[-1]),
            added=("ffn1", "ffn2", "ffn3"),
        )

    @property
    def classifier(self) -> nn.Module:
        return self.VIT.head

    def fuse(self, level: int, image: Tensor, landmark: Tensor) -> Tensor:
        """Cross-fusion at one level: two maps (B, dim, side, side) -> (B, dim, side, side)."""
        tokens = getattr(self, f"window{level}")(image)
        attention = getattr(self, f"attn{level}")(tokens, landmark)
        fused = getattr(self, f"ffn{level}")(attention, tokens)
        return fused.transpose(1, 2).reshape(image.shape)

    def forward(self, x: Tensor, labels: Tensor | None = None, landmarks: LandmarkMaps | None = None) -> Tensor:
        (land1, land2, land3), (image1, image2, image3) = self.backbones(x, landmarks)
        fused1 = self.fuse(1, self.conv1(image1), land1)
        fused2 = self.fuse(2, self.conv2(image2), land2)
        fused3 = self.fuse(3, self.conv3(image3), self.last_face_conv(land3))
        maps = self.embed_q(fused1), self.embed_k(fused2), self.embed_v(fused3)
        return self.VIT(torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1), labels)
