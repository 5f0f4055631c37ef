"""Deletion curves: what a network still knows as the places of a map are blanked, the most attended first or the least.

Source: the deletion metric of Petsiuk et al., 2018, "RISE", arXiv:1806.07421, with both orders and a random one. A map that
shows where the network looks lets accuracy fall faster when its largest places go first than when its smallest do; where it
falls as fast by the map of another image, the map shows where faces matter and nothing about the one face.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import norm
from torch import Tensor

from engine.explain.maps import interpolation

STEPS = 10  # the image is blanked in tenths
PATCHES = 7  # a side: how coarse the random order is, as coarse as POSTER V2's maps
ORDERS = ("most", "least", "another")  # the most attended first, the least, the most of another image's map


@dataclass(frozen=True)
class Curve:
    """Of images (N,), at 0, 1, … STEPS tenths blanked: hits (N, STEPS + 1) whether the answer is right, kept (N, STEPS + 1)
    the probability of the class that was predicted of the whole image."""

    hits: np.ndarray
    kept: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """(STEPS + 1,) fractions."""
        return self.hits.mean(axis=0)

    @property
    def probability(self) -> np.ndarray:
        """(STEPS + 1,) the mean over the images."""
        return self.kept.mean(axis=0)


def area(values: np.ndarray) -> np.ndarray:
    """The area under curves (..., STEPS + 1) over the blanked fraction from 0 to 1, by trapezoids."""
    return (values[..., 1:] + values[..., :-1]).mean(axis=-1) / 2


def difference(less: np.ndarray, more: np.ndarray) -> tuple[float, float, float]:
    """How much more area the mean of curves `more` (N, STEPS + 1) has than that of `less`, and the ends of its 95 % interval.

    The normal one of the mean of differences paired by image; of a single image it has no width.
    """
    differences = area(more) - area(less)
    mean, error = differences.mean(), differences.std(ddof=min(1, len(differences) - 1)) / len(differences) ** 0.5
    low, high = mean + error * np.array(norm.interval(0.95))
    return float(mean), float(low), float(high)


def random_maps(number: int, size: int, seed: int) -> Tensor:
    """(number, size, size): random values on PATCHES² places, interpolated as maps are; the same for the same seed."""
    cells = torch.rand(number, PATCHES, PATCHES, generator=torch.Generator().manual_seed(seed))
    weights = interpolation(torch.arange(PATCHES) * (size / PATCHES), size)
    return weights @ cells @ weights.T


def ranks(maps: Tensor, ties: Tensor, largest_first: bool) -> Tensor:
    """maps, ties: (N, H, W) -> (N, H · W) the place of each pixel in the order of blanking, from 0.

    ties: orders the pixels whose map is equal; in the order of rows they would go from the top, which is no random order.
    """
    first = ties.flatten(1).argsort(dim=1, stable=True)
    values = maps.flatten(1).gather(1, first)
    order = first.gather(1, values.argsort(dim=1, descending=largest_first, stable=True))
    places = torch.arange(order.shape[1]).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def orders_of(maps: Tensor, ties: Tensor) -> dict[str, Tensor]:
    """The ranks of ORDERS. Another image is the one half the images further: of sorted images mostly another class."""
    other = maps.roll(len(maps) // 2, dims=0)
    return dict(zip(ORDERS, (ranks(maps, ties, True), ranks(maps, ties, False), ranks(other, ties, True))))


def blanked(images: Tensor, places: Tensor, tenths: int) -> Tensor:
    """images (N, C, H, W), ranks (N, H · W) -> the images with that share of the pixels at 0, the mean colour of training."""
    pixels = places.shape[1]
    keep = places >= round(pixels * tenths / STEPS)
    return images * keep.view(len(images), 1, *images.shape[2:]).to(images.dtype)


def deletion_curves(
    run: Callable[[Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    orders: dict[str, Tensor],
    chunk: int,
    progress: Callable[[Iterable, int, str], Iterable],
) -> dict[str, Curve]:
    """The curve of each of `orders`, (N, H · W) ranks by name, over images (N, C, H, W) and their labels (N,).

    run: images -> logits. chunk: images a forward. progress: see `engine.data.progress`. It costs `forwards` images.
    """
    work = [(0, None)] + [(tenths, name) for name in orders for tenths in range(1, STEPS)] + [(STEPS, None)]
    logits: dict[tuple[int, str | None], Tensor] = {}
    for tenths, name in progress(work, len(work), "deletion curves"):
        if tenths == STEPS:  # all blank, all the same
            logits[tenths, name] = run(torch.zeros_like(images[:1])).cpu().expand(len(images), -1)
            continue
        places = torch.zeros(len(images), images[0, 0].numel()) if name is None else orders[name]
        parts = zip(images.split(chunk), places.split(chunk))
        logits[tenths, name] = torch.cat([run(blanked(some, where, tenths)).cpu() for some, where in parts])
    predicted = logits[0, None].argmax(dim=1)
    curves = {}
    for name in orders:
        steps = [logits[0, None], *(logits[tenths, name] for tenths in range(1, STEPS)), logits[STEPS, None]]
        hits = torch.stack([answers.argmax(dim=1) == labels for answers in steps], dim=1)
        kept = torch.stack([answers.softmax(dim=1).gather(1, predicted[:, None])[:, 0] for answers in steps], dim=1)
        curves[name] = Curve(hits.numpy().astype(float), kept.double().numpy())
    return curves


def forwards(images: int, orders: int) -> int:
    """How many images `deletion_curves` sends through the network."""
    return images * (1 + orders * (STEPS - 1)) + 1
