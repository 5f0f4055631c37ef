"""The random start for training without pretrained files changes what it says, and nothing else."""

import torch

from models.parts.heads import LinearHead
from models.parts.initialization import spread_positions_
from models.parts.vit import VisionTransformer


def attention_spread(transformer: VisionTransformer) -> float:
    """How unevenly the class token's scores over the positions are spread, whatever the image."""
    block, x = transformer.blocks[0], torch.cat((transformer.cls_token, torch.zeros(1, 20, 96)), 1) + transformer.pos_embed
    q, k, _ = block.attn.qkv(block.norm1(x)).view(21, 3, 8, 12).unbind(1)
    return torch.einsum("hd,nhd->hn", q[0], k).std().item() * 12**-0.5


def test_queries_tell_positions_apart_and_all_else_stays():
    torch.manual_seed(0)
    transformer = VisionTransformer(20, lambda dim: LinearHead(dim, 3), dim=96)
    before = {k: v.clone() for k, v in transformer.state_dict().items()}
    flat = attention_spread(transformer)
    spread_positions_(transformer)
    assert attention_spread(transformer) > 8 * flat
    changed = {k for k, v in transformer.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"pos_embed"} | {f"blocks.{k}.attn.{n}.weight" for k in (0, 1) for n in ("qkv", "proj")}
    ratio = transformer.state_dict()["blocks.0.attn.qkv.weight"] / before["blocks.0.attn.qkv.weight"]
    assert torch.allclose(ratio[:192], torch.tensor(4.0)) and torch.allclose(ratio[192:], torch.tensor(3.0))
