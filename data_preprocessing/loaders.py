"""Batches: which pictures in which order, and the loader that decodes them."""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from data_preprocessing.datasets import FaceDataset, mix_seed
from data_preprocessing.reduced import ReducedDataset


class EpochBatchSampler(Sampler):
    """Batches of (epoch, index) keys; the order depends on (seed, epoch) alone.

    weights: (N,) draws N pictures with replacement in proportion to it. A last batch of one picture joins the batch
    before it: BatchNorm has no variance to estimate from a single value a channel.
    """

    def __init__(self, size: int, batch_size: int, shuffle: bool = False, weights: Tensor | None = None, seed: int = 0):
        self.size = size
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.weights = weights
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws."""
        self.epoch = epoch

    def order(self) -> list[int]:
        """The indices of this epoch, in order."""
        generator = torch.Generator().manual_seed(mix_seed(self.seed, self.epoch))
        if self.weights is not None:
            return torch.multinomial(self.weights, self.size, replacement=True, generator=generator).tolist()
        if self.shuffle:
            return torch.randperm(self.size, generator=generator).tolist()
        return list(range(self.size))

    def _bounds(self) -> list[int]:
        starts = list(range(0, self.size, self.batch_size))
        if len(starts) > 1 and self.batch_size > 1 and self.size - starts[-1] == 1:
            starts.pop()
        return [*starts, self.size]

    def __len__(self) -> int:
        return len(self._bounds()) - 1

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order, bounds = self.order(), self._bounds()
        for start, end in pairwise(bounds):
            yield [(self.epoch, index) for index in order[start:end]]


def balancing_weights(labels: tuple[int, ...]) -> Tensor:
    """(N,) float64: one over the size of each picture's class, so that drawing by it balances the classes."""
    counts = torch.bincount(torch.tensor(labels))
    return 1.0 / counts[torch.tensor(labels)].double()


def create_loader(
    dataset: FaceDataset | ReducedDataset,
    batch_size: int,
    workers: int,
    pin_memory: bool,
    shuffle: bool = False,
    balanced: bool = False,
) -> DataLoader:
    """Loader of (pictures (B, C, H, W), labels (B,), indices (B,)); set the epoch on its `batch_sampler`.

    workers: decoding processes, 0 for none; the batches are the same bits for any number.
    """
    weights = balancing_weights(dataset.split.labels) if balanced else None
    batches = EpochBatchSampler(len(dataset), batch_size, shuffle, weights, dataset.seed)
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        collate_fn=getattr(dataset, "collate", None),  # a reduced data set makes whole batches itself
        generator=torch.Generator(),  # the loader draws a seed at every start: not from the model's generator
    )
