"""Near-duplicates: the same photograph re-encoded, resized, cropped a little, brightened or mirrored.

Two measures on a grey thumbnail of 32x32, both without regard to brightness. The first finds candidates among all pairs:
the cosine between the low DCT coefficients whose signs a pHash keeps (Zauner, 2010, "Implementation and Benchmarking of
Perceptual Image Hash Functions"). Their values tell aligned faces apart far better than 64 bits do and compare nearly as
fast. The second confirms: the correlation of the thumbnails' details after the small shift and zoom that fits best, by
least squares on the gradients (Lucas and Kanade, 1981).

Thresholds, from 1,670 photographs of 653 persons: copies as JPEG of quality 60, at 0.7 of the size, mirrored, or without 3 %
of width and height are all found (1,670 of each), without 3 % at every side 97 to 98 %, without 5 % at every side 6 to 25 %; of
1,387,910 pairs of different persons' images 3 are taken for near-duplicates, all frames of one shot under two names.
Binary pHashes that give about as many candidates (distance up to 10 of 64) miss 17 % of the copies without 3 % at every side.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from data_preprocessing.sources.images import to_rgb

SIDE = 32
CANDIDATE_COSINE = 0.83
SAME_IMAGE = 0.95
FLAT_CONTRAST = 1.0  # grey levels of detail: below it, it is mostly the encoder's noise, which many images share
_BLOCK = 2048  # images per side of a block of compared pairs: 16 MiB of cosines
_BATCH = 256  # pairs confirmed at once: few enough to stay in the processor's cache


class TooManyCandidates(Exception):
    """The images are so much alike that the search for near-duplicates was given up."""


@dataclass(frozen=True)
class Pairs:
    """Near-duplicates: images `first[k]` < `second[k]`, `similarity[k]` in [0.95, 1]; mirrored: one is flipped."""

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    mirrored: bool


def _low_pass(sigma: float) -> np.ndarray:
    """(32, 32) matrix that blurs along one axis; its rows sum to 1, so that edges are not darkened."""
    place = np.arange(SIDE)
    weights = np.exp(-((place[:, None] - place[None]) ** 2) / (2 * sigma**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


_FINE, _COARSE = _low_pass(0.7), _low_pass(3.0)
_FREQUENCY = np.arange(8)
_DCT = np.cos(np.pi * _FREQUENCY[:, None] * (2 * np.arange(SIDE)[None] + 1) / (2 * SIDE)).astype(np.float32)
_WEIGHT = np.hypot(_FREQUENCY[:, None], _FREQUENCY[None]).astype(np.float32)  # 0 for the mean; all faces share the lowest
_MIRROR = np.tile(np.where(_FREQUENCY % 2, -1, 1), 8).astype(np.float32)  # a flip negates odd horizontal frequencies


def grey_thumbnail(image: Image.Image) -> np.ndarray:
    """(32, 32) uint8 of the whole image, whatever its shape. Raises what PIL raises where it cannot be decoded.

    A JPEG whose pixels are not read yet is decoded in grey at the smallest of its scales with 64 pixels or more a side.
    """
    image.draft("L", (2 * SIDE, 2 * SIDE))
    return np.asarray(to_rgb(image).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def fingerprints(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 32, 32) uint8 -> (n, 64) float32 rows of length 1 and (n, 32, 32) int8, for the two measures.

    The first are DCT coefficients weighted by frequency; the second the details, that is without light and shade (coarser
    than 3 pixels) and without what a shift would upset. Both are 0 for flat images, which nothing tells apart.
    """
    grey = thumbnails.astype(np.float32)
    coefficients = (_DCT @ grey @ _DCT.T * _WEIGHT).reshape(len(grey), -1)
    coefficients /= np.maximum(np.linalg.norm(coefficients, axis=1, keepdims=True), 1e-6)
    detail = _FINE @ (grey - _COARSE @ grey @ _COARSE.T) @ _FINE.T
    detailed = detail.std(axis=(1, 2)) >= FLAT_CONTRAST
    detail *= 127 / np.maximum(np.abs(detail).max(axis=(1, 2), keepdims=True), 1e-6)
    return coefficients * detailed[:, None], np.rint(detail * detailed[:, None, None]).astype(np.int8)


def similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Details, twice (n, 32, 32) -> (n,) float in [0, 1]: their correlation after the best small shift and zoom.

    0 where the best fit inverts the image. The fit is linear: it undoes shifts of about one thumbnail pixel at most.
    """
    count = len(first)
    grey = first.astype(np.float32)
    place = np.linspace(-1, 1, SIDE, dtype=np.float32)[1:-1]
    columns = np.empty((count, 4, SIDE - 2, SIDE - 2), np.float32)  # the image; its change with a shift across, down, a zoom
    columns[:, 0] = grey[:, 1:-1, 1:-1]
    np.subtract(grey[:, 1:-1, 2:], grey[:, 1:-1, :-2], out=columns[:, 1])
    np.subtract(grey[:, 2:, 1:-1], grey[:, :-2, 1:-1], out=columns[:, 2])
    np.multiply(columns[:, 1], place, out=columns[:, 3])
    columns[:, 3] += columns[:, 2] * place[:, None]
    columns = columns.reshape(count, 4, -1)
    columns -= columns.mean(axis=2, keepdims=True)
    target = second[:, 1:-1, 1:-1].astype(np.float32).reshape(count, -1, 1)
    target -= target.mean(axis=1, keepdims=True)
    gram, moment = columns @ columns.transpose(0, 2, 1), columns @ target
    ridge = (1e-4 * np.trace(gram, axis1=1, axis2=2) + 1e-6)[:, None, None] * np.eye(4, dtype=np.float32)
    weights = np.linalg.solve(gram + ridge, moment)
    explained = (weights * moment).sum(axis=(1, 2)) / np.maximum((target**2).sum(axis=(1, 2)), 1e-6)
    return np.where(weights[:, 0, 0] > 0, np.sqrt(np.clip(explained, 0, 1)), 0)


def find_pairs(
    descriptors: np.ndarray,
    details: np.ndarray,
    most: int,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
) -> Iterator[Pairs]:
    """All near-duplicates among images with these `fingerprints`, some at a time, each pair once.

    Every pair is compared, in blocks of bounded memory: 100,000 images are 10^10 comparisons with the mirror images.
    most: candidates to confirm before TooManyCandidates is raised; frames of one video can be too many.
    """
    starts = range(0, len(descriptors), _BLOCK)
    checked = 0
    for top in progress(starts, len(starts), "comparing images"):
        for left in range(top, len(descriptors), _BLOCK):
            found = np.empty(0, np.int64)  # directly: a symmetric image's copy is a mirrored copy too
            for mirrored in (False, True):
                columns = descriptors[left : left + _BLOCK] * (_MIRROR if mirrored else 1)
                near = descriptors[top : top + _BLOCK] @ columns.T >= CANDIDATE_COSINE
                first, second = np.nonzero(np.triu(near, 1) if left == top else near)
                checked += len(first)
                if checked > most:
                    raise TooManyCandidates
                new = ~np.isin(first * _BLOCK + second, found)
                pairs = _confirmed(details, top + first[new], left + second[new], mirrored)
                found = (pairs.first - top) * _BLOCK + pairs.second - left
                if len(found):
                    yield pairs


def _confirmed(details: np.ndarray, first: np.ndarray, second: np.ndarray, mirrored: bool) -> Pairs:
    values = [np.empty(0)]
    for start in range(0, len(first), _BATCH):
        other = details[second[start : start + _BATCH]]
        values.append(similarity(details[first[start : start + _BATCH]], other[:, :, ::-1] if mirrored else other))
    value = np.concatenate(values)
    same = value >= SAME_IMAGE
    return Pairs(first[same], second[same], value[same], mirrored)
