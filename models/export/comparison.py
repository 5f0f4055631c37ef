"""What was written against the network itself, on images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import torch
from PIL import Image
from torch import nn
from tqdm import tqdm

from models.export.errors import Differs
from models.export.formats import Run

BATCHES = (1, 2, 5, 33)  # images at a time, in turns
TOLERANCE = {"float32": 1e-4, "float16": 2e-2}  # of the largest logit of the network itself


@dataclass(frozen=True)
class Comparison:
    """expected, found: (N, C) of the network itself and of the file, logits or probabilities."""

    expected: np.ndarray
    found: np.ndarray

    @property
    def difference(self) -> float:
        """The largest one, as a part of the largest expected value; NaN where a value is none."""
        return float(np.abs(self.expected - self.found).max() / max(np.abs(self.expected).max(), 1e-12))

    @property
    def changed(self) -> int:
        """Images that are predicted as another class."""
        return int((self.expected.argmax(axis=1) != self.found.argmax(axis=1)).sum())

    def __str__(self) -> str:
        changes = f"{self.changed} of {len(self.found)} predictions changed"
        return f"largest difference {self.difference:.1e} of the largest value, {changes}"

    def require(self, precision: str) -> None:
        """Raises Differs where the largest difference is above the tolerance of `precision`."""
        if not self.difference <= TOLERANCE[precision]:
            raise Differs(
                f"the file does not compute what the network computes: {self}; {TOLERANCE[precision]:.0e} are allowed"
            )


def compare(model: nn.Module, run: Run, images: Sequence[Image.Image], takes_pixels: bool, softmax: bool) -> Comparison:
    """`run` against `model`, a network with .prepare, on RGB images; where the graph takes pixels, each batch of one size."""
    expected, found = [], []
    for batch in _batches(images, takes_pixels):
        prepared = torch.stack([model.prepare(image) for image in batch])
        with torch.no_grad():
            logits = model(prepared).float()
        expected.append((logits.softmax(dim=1) if softmax else logits).numpy())
        found.append(run(np.stack([np.asarray(image) for image in batch]) if takes_pixels else prepared.numpy()))
    return Comparison(np.concatenate(expected), np.concatenate(found))


def predictions(run: Run, prepare, images: Iterable[Image.Image], number: int, takes_pixels: bool, text: str) -> np.ndarray:
    """(N,) the class that `run` finds in each of `number` RGB images, one after the other."""
    found = []
    for image in tqdm(images, text, number, leave=False, disable=None):
        given = np.asarray(image) if takes_pixels else prepare(image).numpy()
        found.append(int(run(given[None]).argmax()))
    return np.array(found)


def _batches(images: Sequence[Image.Image], of_a_size: bool) -> Iterator[list[Image.Image]]:
    for _, same in groupby(images, key=(lambda image: image.size) if of_a_size else (lambda _: 0)):
        turn = 0
        while batch := list(islice(same, BATCHES[turn % len(BATCHES)])):
            yield batch
            turn += 1
