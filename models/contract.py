"""What the rest of the program asks of a network: all of it is declared here, with defaults for a plain `nn.Module`.

A network is a file in `models/` and a line in `models.MODELS`. The line is an `Architecture`: what has to be known before
the network is built, by the command line, the recipes and the cache. No torch is imported for it.

The network itself is made by `module.cls(num_classes=N, ...)`, and is called as forward(images (B, C, H, W)) or
forward(images, labels (B,) or None) -> logits (B, N). A plain `nn.Module` needs no more. What its class may say beyond:

    name                     what it is                                                      without it
    trunk                    key prefixes of what follows the features (--feature-lr-scale)  all is trunk
    decayed                  key prefixes of what weight decay is for                        all is decayed
    classifier               the head, which may have `plain_logits` (models.parts.heads)          no margin head
    last_maps                names of the layers whose maps Grad-CAM explains                the last that has places
    cell_centres(side, n)    the pixel of n that each cell of such a map is about            equal cells side by side
    unwarp(maps, images)   from a warped image back to the image itself                nothing is warped
    attention                an `Attention`: which attention weights are maps                Grad-CAM alone
    landmark_features(x, k)  maps of a frozen branch, for forward's `landmarks`;             no such branch
                             SAM computes them once for its two passes, k = 2
    reduce(x)                the part of images that is read, where image.step > 1       all of it is read
    fold()                   turn a copy for evaluation into its faster form                 evaluated as it is
    head_layer, least_dtype  with fold: see models.fast
    start(init)              change the random start as --init says                          --init reference alone
    load_pretrained(folder)  load the backbones' files (--pretrained): see models.files.weights    starts at random
    pretrained_hint          what missing ones cost and where they are to be had             nothing is said of that
    identify(state, fixed)   whether a bare weight file is this network's (models.files.identify)  ours are known by name
    dead_keys                pattern of keys that published files hold and nothing runs      no such keys

They are looked up on the class, so that a layer of the same name, such as `trunk` or `classifier`, is never taken for them.
The functions below are how the program asks.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from data_preprocessing.loading.input_image import RGB224, InputImage

if TYPE_CHECKING:
    from torch import Tensor, nn

OTHER = "other"  # row of the recipes for networks without one of their own, and for data that one was not published on
EVERYTHING = ("",)  # the prefix of every key


@dataclass(frozen=True)
class Architecture:
    """Where a network is, and what the rest of the program must know of it before it is built.

    module, cls: of its class, or of a function that makes it. family: row of `engine.config.recipes.RECIPES`. image: what it
    takes. fixed: what the name stands for, as arguments of the constructor; options: further arguments that a user chooses,
    each a setting of that name. inits: choices of --init. pretrained_files: names of files that --pretrained looks for.
    title: what it is called in sentences, its name where empty.
    """

    module: str
    cls: str
    family: str = OTHER
    image: InputImage = RGB224
    fixed: dict = field(default_factory=dict)
    options: tuple[str, ...] = ()
    inits: tuple[str, ...] = ("reference",)
    pretrained_files: tuple[str, ...] = ()
    title: str = ""

    @property
    def make(self) -> Callable[..., nn.Module]:
        """Its class, or the function that makes it."""
        return getattr(import_module(self.module), self.cls)

    @property
    def dead_keys(self) -> re.Pattern | None:
        """Keys that its published files may hold although nothing runs them; None for a network without such."""
        return getattr(self.make, "dead_keys", None)

    @property
    def has_features(self) -> bool:
        """Whether its class says where the features end (`trunk`), so that they may have a rate of their own."""
        return getattr(self.make, "trunk", None) is not None

    @property
    def has_heads(self) -> bool:
        """Whether --head chooses its head, margin heads among them."""
        return "head" in self.options

    @property
    def has_landmark_branch(self) -> bool:
        """Whether there is a landmark network, whose BatchNorms --freeze-landmark-bn keeps still."""
        return "freeze_landmark_bn" in self.options


@dataclass(frozen=True)
class Attention:
    """Which attention weights of a network are maps of its image's places; names of layers as `named_modules` has them.

    cross: the layers whose weights make up each map together, and headings: a name for each map. skipped: tokens that come
    before those of the places. class_token: the layer at which a class token looks at class_levels maps of side², None
    without one. added: the layers, called with (attention, tokens), that add a map's attention times their `gamma1`.
    """

    cross: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...]
    skipped: int = 0
    class_token: str | None = None
    class_levels: tuple[int, int, int] = (0, 0, 0)
    added: tuple[str, ...] = ()


def declared(model: nn.Module, name: str) -> bool:
    """Whether the network's class says `name`."""
    return getattr(type(model), name, None) is not None


def trunk(model: nn.Module) -> tuple[str, ...]:
    """Key prefixes of what follows the features."""
    return model.trunk if declared(model, "trunk") else EVERYTHING


def decayed(model: nn.Module) -> tuple[str, ...]:
    """Key prefixes of the parameters that weight decay is for."""
    return model.decayed if declared(model, "decayed") else EVERYTHING


def attention(model: nn.Module) -> Attention | None:
    """Which attention weights are maps, None where there are none."""
    return model.attention if declared(model, "attention") else None


def pretrained_hint(model: nn.Module) -> str:
    """What missing backbones cost and where they are to be had, as the end of a clause; "" where the network says nothing."""
    return model.pretrained_hint if declared(model, "pretrained_hint") else ""


def landmark_branch(model: nn.Module) -> Callable[..., tuple[Tensor, ...]] | None:
    """`landmark_features`, None without such a branch."""
    return model.landmark_features if declared(model, "landmark_features") else None


def logits_without_margin(model: nn.Module, logits: Tensor) -> Tensor:
    """The last pass's `logits` as they would be without labels: a margin makes the true class look worse than it is."""
    plain = getattr(model.classifier, "plain_logits", None) if declared(model, "classifier") else None
    return logits.detach() if plain is None else plain


def cell_centres(model: nn.Module, side: int, size: int) -> Tensor:
    """(side,) the row or column of an image of `size` that each cell of the network's maps is about, from 0."""
    if declared(model, "cell_centres"):
        return model.cell_centres(side, size)
    import torch

    return (torch.arange(side) + 0.5) * (size / side) - 0.5


def unwarped(model: nn.Module, maps: Tensor, images: Tensor) -> Tensor:
    """maps (B, H, W) over what the network made of its images (B, C, H, W) -> over the images themselves."""
    return model.unwarp(maps, images) if declared(model, "unwarp") else maps


def taking_labels(model: nn.Module) -> nn.Module:
    """`model` itself, which may be called with labels afterwards: a forward without an argument of that name ignores them."""
    if "labels" not in inspect.signature(type(model).forward).parameters:
        model.__class__ = type(type(model).__name__, (_WithoutLabels, type(model)), {})
    return model


class _WithoutLabels:
    """Goes before a class of networks that take images alone."""

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(x)
