"""Where a POSTER looks: the attention weights of a forward pass, as that pass computed them, and as maps of places.

POSTER V2 (arXiv:2301.12149, figure 3): at each of three levels landmark queries look at the image's places, then a class
token looks at 49 places of each level. POSTER V1 (arXiv:2204.04083, figure 3) crosses both ways at three widths: landmark
queries look at image tokens and image queries at landmark tokens. Only the latter are places: V1's image "tokens" are
runs of 1024 values of channel-major memory (see `models.poster_v1`), each of which holds about five channels of every
place. Its class token looks at those alone, so that there is no map of it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from models import poster_v1, recorder, vit
from models.poster import Poster
from models.poster_v2 import SIDES, PosterV2
from models.window_attention import WindowCrossAttention

_LAYERS = (WindowCrossAttention, poster_v1.CrossAttention, vit.Attention)


@contextmanager
def recording(model: nn.Module, names: Collection[str] | None = None) -> Iterator[dict[str, Tensor]]:
    """Inside, each forward of `model` leaves the weights of its attention layers in what is yielded, by the layer's name.

    names: of the layers to keep, None for all. Weights are (B, heads, queries, keys) after the softmax, of POSTER V2's last
    block (B, heads, 1, 148): there the class token alone asks. On a CPU the forward keeps every bit; on a GPU it computes
    the attention openly instead of by a fused kernel, which rounds otherwise. Not for two threads at once.
    """
    kept: dict[str, Tensor] = {}
    handles = []
    for name, layer in model.named_modules():
        if isinstance(layer, _LAYERS) and (names is None or name in names):
            handles.append(layer.register_forward_pre_hook(lambda *_: recorder.start()))
            handles.append(layer.register_forward_hook(partial(_keep, kept, name)))
    try:
        yield kept
    finally:
        recorder.stop()  # of a layer that failed
        for handle in handles:
            handle.remove()


def _keep(kept: dict[str, Tensor], name: str, *_: object) -> None:
    parts = recorder.stop()
    kept[name] = torch.stack(parts) if parts[0].dim() == 3 else parts[0]  # a kernel may go sample by sample


def class_token_layer(model: nn.Module) -> str | None:
    """The layer whose weights `class_token` takes, None where a network has no class token that looks at places."""
    return f"VIT.blocks.{len(model.VIT.blocks) - 1}.attn" if isinstance(model, PosterV2) else None


def class_token(weights: Tensor) -> Tensor:
    """Of POSTER V2's last block, (B, heads, queries, 148) -> the class token's attention, mean over heads, (B, 3, 7, 7).

    The three are the levels in the order of their tokens: embed_q's, embed_k's, embed_v's.
    """
    return weights[:, :, 0, 1:].mean(dim=1).unflatten(1, (3, SIDES[-1], SIDES[-1]))


def cross_attention_layers(model: nn.Module) -> list[list[str]]:
    """The layers whose weights make up each map of `cross_attention`; [] for a network without."""
    if isinstance(model, PosterV2):
        return [[f"attn{level}"] for level in (1, 2, 3)]
    if isinstance(model, Poster):
        blocks = range(len(model.pyramid_fuse.blocks))
        return [[f"pyramid_fuse.blocks.{k}.block_{width}.attn_lm" for k in blocks] for width in "lms"]
    return []


def cross_attention(model: nn.Module, recorded: dict[str, Tensor]) -> list[Tensor]:
    """The attention that each place receives, mean over heads, queries and a level's layers: three maps (B, side, side).

    Each sums to one; POSTER V1's, whose mean token takes its part, to less.
    """
    maps = []
    for names in cross_attention_layers(model):
        received = torch.stack([recorded[name].mean(dim=(1, 2)) for name in names]).mean(dim=0)
        places = received if isinstance(model, PosterV2) else received[:, 1:]  # V1's first token is the mean of the others
        side = round(places.shape[1] ** 0.5)
        maps.append(places.unflatten(1, (side, side)))
    return maps
