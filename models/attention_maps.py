"""Where a network looks: the attention weights of a forward pass, as that pass computed them, and as maps of places.

Which weights those are a network says by its `attention` (models.contract).
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

from models import contract
from models.cpu import attention_tap


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
        if contract.declared(layer, "records_attention") and (names is None or name in names):
            handles.append(layer.register_forward_pre_hook(lambda *_: attention_tap.start()))
            handles.append(layer.register_forward_hook(partial(_keep, kept, name)))
    try:
        yield kept
    finally:
        attention_tap.stop()  # of a layer that failed
        for handle in handles:
            handle.remove()


def _keep(kept: dict[str, Tensor], name: str, *_: object) -> None:
    parts = attention_tap.stop()
    kept[name] = torch.stack(parts) if parts[0].dim() == 3 else parts[0]  # a kernel may go sample by sample


def class_token_layer(model: nn.Module) -> str | None:
    """The layer whose weights `class_token` takes, None where a network has no class token that looks at places."""
    attention = contract.attention(model)
    return attention.class_token if attention else None


def class_token(model: nn.Module, weights: Tensor) -> Tensor:
    """Of the class token's layer, (B, heads, queries, tokens) -> its attention, mean over heads, (B, levels, side, side).

    The levels are in the order of their tokens, of POSTER V2 embed_q's, embed_k's, embed_v's.
    """
    return weights[:, :, 0, 1:].mean(dim=1).unflatten(1, contract.attention(model).class_levels)


def cross_attention_layers(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """The layers whose weights make up each map of `cross_attention`; () for a network without."""
    attention = contract.attention(model)
    return attention.cross if attention else ()


def cross_attention(model: nn.Module, recorded: dict[str, Tensor]) -> list[Tensor]:
    """The attention that each place receives, mean over heads, queries and a level's layers: maps (B, side, side).

    Each sums to one; POSTER V1's, whose mean token takes its part, to less.
    """
    maps = []
    for names in cross_attention_layers(model):
        received = torch.stack([recorded[name].mean(dim=(1, 2)) for name in names]).mean(dim=0)
        places = received[:, contract.attention(model).skipped :]
        side = round(places.shape[1] ** 0.5)
        maps.append(places.unflatten(1, (side, side)))
    return maps
