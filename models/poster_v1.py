"""POSTER V1: image and landmark tokens at three widths, joined by two-stream cross-attention in a pyramid.

Source: Zheng et al., 2023, "POSTER: A pyramid cross-fusion transformer network for facial expression recognition",
arXiv:2204.04083, figures 2 and 3; what the published code computes. Attribute names follow the keys of its weights.
Legend: 100 tokens are 50 of the image (the first is their mean), then 50 of the landmarks; D is a stream's width.
"""

import re

import torch
from torch import Tensor, nn

from models.contract import Attention
from models.cpu.kernels import attention
from models.errors import WeightsError
from models.files.identify import Identity, head_of
from models.parts.heads import create_head
from models.parts.ir50 import IR50SingleBody
from models.parts.layers import DropPath, Linear, Mlp, SEGate
from models.parts.mobilefacenet import MobileFaceNet
from models.poster import DEAD_BACKBONE_KEYS, LandmarkMaps, Poster

DIM = 512
TOKENS = 50  # of one stream: 7 × 7 places and their mean
NUM_HEADS = 8
DROP_PATH = 0.1
VARIANTS = ("rafdb", "affectnet")
DEPTHS = (4, 6, 8)


class CrossAttention(nn.Module):
    """Multi-head attention with queries (B, N, D) of the other stream, not projected, over tokens (B, N, D)."""

    records_attention = True

    def __init__(self, dim: int):
        super().__init__()
        self.kv = Linear(dim, 2 * dim)
        self.proj = Linear(dim, dim)

    def forward(self, tokens: Tensor, queries: Tensor) -> Tensor:
        k, v = self.kv(tokens).chunk(2, dim=-1)
        q, k, v = (t.unflatten(2, (NUM_HEADS, -1)).transpose(1, 2) for t in (queries, k, v))
        out = attention(q, k, v)
        return self.proj(out.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Cross-fusion at one width, (B, 100, D) -> the same: each stream attends with the other's queries, then its MLP.

    token_conv: mix the 100 tokens at the end by a convolution of kernel 1, as the RAF-DB network does.
    """

    def __init__(self, dim: int, drop_path: float, token_conv: bool):
        super().__init__()
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(dim, eps=1e-6) for _ in range(4))
        self.attn_img, self.attn_lm = CrossAttention(dim), CrossAttention(dim)
        self.mlp1, self.mlp2 = Mlp(dim, ratio=2), Mlp(dim, ratio=2)
        self.drop_path = DropPath(drop_path)
        self.conv = nn.Conv1d(2 * TOKENS, 2 * TOKENS, 1) if token_conv else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        image, landmark = x.split(TOKENS, dim=1)
        image_tokens, image_queries = self.norm1(x).split(TOKENS, dim=1)
        landmark_queries, landmark_tokens = self.norm3(x).split(TOKENS, dim=1)
        image = image + self.drop_path(self.attn_img(image_tokens, image_queries))
        image = image + self.drop_path(self.mlp1(self.norm2(image)))
        landmark = landmark + self.drop_path(self.attn_lm(landmark_tokens, landmark_queries))
        landmark = landmark + self.drop_path(self.mlp2(self.norm4(landmark)))
        return self.conv(torch.cat((image, landmark), dim=1))


class PyramidBlock(nn.Module):
    """Cross-fusion at widths 512, 256 and 128; the small stream is then added to the medium, that to the large one."""

    def __init__(self, drop_path: float, token_conv: bool):
        super().__init__()
        self.block_l, self.block_m, self.block_s = (Block(DIM // k, drop_path, token_conv) for k in (1, 2, 4))
        self.upsample_m, self.upsample_s = (nn.ConvTranspose1d(2 * TOKENS, 2 * TOKENS, 2, stride=2) for _ in range(2))

    def forward(self, streams: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        large, medium, small = streams
        large, medium, small = self.block_l(large), self.block_m(medium), self.block_s(small)
        medium = medium + self.upsample_s(small)
        return large + self.upsample_m(medium), medium, small


class PyramidFusion(nn.Module):
    """Image and landmark tokens (B, 49, 512) each -> the 100 fused tokens of the large stream, normalised."""

    def __init__(self, depth: int, token_conv: bool):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, TOKENS, DIM))
        self.downsample_m = nn.Conv1d(2 * TOKENS, 2 * TOKENS, 2, stride=2)
        self.downsample_s = nn.Conv1d(2 * TOKENS, 2 * TOKENS, 4, stride=4)
        rates = torch.linspace(0, DROP_PATH, depth).tolist()
        self.blocks = nn.Sequential(*(PyramidBlock(rate, token_conv) for rate in rates))
        self.norm = nn.LayerNorm(DIM, eps=1e-6)

    def forward(self, image: Tensor, landmark: Tensor) -> Tensor:
        image, landmark = (torch.cat((t.mean(dim=1, keepdim=True), t), dim=1) for t in (image, landmark))
        x = torch.cat((image + self.pos_embed, landmark), dim=1)
        large, _, _ = self.blocks((x, self.downsample_m(x), self.downsample_s(x)))
        return self.norm(large)


class PosterV1(Poster):
    """POSTER V1 for any number of classes.

    x: (B, 3, 224, 224), ImageNet-normalised, labels: (B,) for a margin head in training -> logits (B, num_classes)
    landmarks: what `landmark_features` gave of the same images, where it was asked before.
    depth: pyramid blocks; 4, 6 and 8 are small, base and large. variant: "affectnet" leaves out the token convolution.
    freeze_landmark_bn: see `Poster`. head, margin, scale, h: see `models.parts.heads.create_head`.
    Raises ValueError for an unknown variant.
    """

    last_maps = ("ir_back",)  # the layer whose map is the last that has places, for Grad-CAM
    trunk = ("pyramid_fuse.", "se_block.", "head.")  # what the features feed, by the prefixes of its keys
    head_layer = "head"
    dead_keys = re.compile(rf"pyramid_fuse\.cls_token|head\.t|{DEAD_BACKBONE_KEYS}")

    def __init__(
        self,
        num_classes: int,
        depth: int,
        variant: str = "rafdb",
        freeze_landmark_bn: bool = False,
        head: str = "linear",
        **head_options,
    ):
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r}; known: {', '.join(VARIANTS)}")
        # in this order, which the random start of a seed follows
        image_backbone, landmark_backbone = IR50SingleBody(), MobileFaceNet()
        super().__init__(landmark_backbone, image_backbone, freeze_landmark_bn)
        self.ir_layer = Linear(1024, DIM)
        self.pyramid_fuse = PyramidFusion(depth, token_conv=variant == "rafdb")
        self.se_block = SEGate(DIM)
        self.head = create_head(head, DIM, num_classes, **head_options)

    @classmethod
    def identify(cls, state: dict[str, Tensor], depth: int) -> Identity | None:
        """See `models.files.identify`. Raises WeightsError for a POSTER V1 of another depth than there are, or another head."""
        if "pyramid_fuse.pos_embed" not in state:
            return None
        blocks = {match[1] for match in (re.match(r"pyramid_fuse\.blocks\.(\d+)\.", key) for key in state) if match}
        if len(blocks) not in DEPTHS:
            raise WeightsError(f"holds a POSTER V1 of {len(blocks)} blocks; known: {list(DEPTHS)}")
        if len(blocks) != depth:
            return None
        head, outputs = head_of(state, "head")
        rafdb = "pyramid_fuse.blocks.0.block_l.conv.weight" in state
        variant, order = ("rafdb", "bgr") if rafdb else ("affectnet", "rgb")
        return Identity(outputs, {"head": head, "variant": variant}, order)

    @property
    def attention(self) -> Attention:
        """At each width landmark queries look at the image's tokens; the class token looks at nothing that has a place."""
        blocks = range(len(self.pyramid_fuse.blocks))
        cross = tuple(tuple(f"pyramid_fuse.blocks.{k}.block_{width}.attn_lm" for k in blocks) for width in "lms")
        headings = tuple(f"width {DIM // k}" for k in (1, 2, 4))
        return Attention(cross, headings, skipped=1)  # the first token is the mean of the others

    @property
    def classifier(self) -> nn.Module:
        return self.head

    def forward(self, x: Tensor, labels: Tensor | None = None, landmarks: LandmarkMaps | None = None) -> Tensor:
        (_, _, landmark_map), image_map = self.backbones(x, landmarks)
        # as the published code: each of the 49 tokens is a run of 1024 values in channel, row, column order
        image = self.ir_layer(image_map.reshape(-1, 49, 1024))
        landmark = landmark_map.flatten(2).transpose(1, 2)
        class_token = self.pyramid_fuse(image, landmark)[:, 0]
        return self.head(self.se_block(class_token), labels)
