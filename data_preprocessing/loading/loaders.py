"""Batches: which images in which order, and the loader that decodes them."""

import signal
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from data_preprocessing.loading.cached import ReducedDataset
from data_preprocessing.loading.datasets import FaceDataset, Reading, mix_seed


class EpochBatchSampler(Sampler):
    """Batches of (epoch, index) keys; the order depends on (seed, epoch) alone.

    weights: (N,) draws N images with replacement in proportion to it. share: (rank, processes) of one of several that
    work together: of a random order it gets a part of every batch, of the data's own order a part of all images, in
    batches of its own. A last batch of which a process would get fewer than two images joins the batch before it:
    BatchNorm has no variance to estimate from a single value a channel.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        shuffle: bool = False,
        weights: Tensor | None = None,
        seed: int = 0,
        share: tuple[int, int] = (0, 1),
    ):
        self.size = size
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.weights = weights
        self.seed = seed
        self.share = share
        self.epoch = 0
        self.first = 0

    def set_epoch(self, epoch: int, first: int = 0) -> None:
        """Choose the epoch that the next iteration draws, and its first batch: of an epoch that was begun, the next."""
        self.epoch = epoch
        self.first = first

    def batch(self, number: int) -> list[int]:
        """The indices of batch `number` of this epoch, of all processes."""
        bounds = self._bounds()
        return self.order()[bounds[number] : bounds[number + 1]]

    def size_of(self, number: int) -> int:
        """How many images batch `number` has, of all processes; draws no order."""
        bounds = self._bounds()
        return bounds[number + 1] - bounds[number]

    @property
    def _is_random(self) -> bool:
        return self.shuffle or self.weights is not None

    def order(self) -> list[int]:
        """The indices of this epoch, in order: of a random order all, of the data's own this process's."""
        generator = torch.Generator().manual_seed(mix_seed(self.seed, self.epoch))
        if self.weights is not None:
            return torch.multinomial(self.weights, self.size, replacement=True, generator=generator).tolist()
        if self.shuffle:
            return torch.randperm(self.size, generator=generator).tolist()
        return list(range(*_part(0, self.size, self.share)))

    def _bounds(self) -> list[int]:
        size, processes = (self.size, self.share[1]) if self._is_random else (len(self.order()), 1)
        starts = list(range(0, size, self.batch_size))
        if len(starts) > 1 and size - starts[-1] < min(2 * processes, self.batch_size):
            starts.pop()
        return [*starts, size]

    def __len__(self) -> int:
        return len(self._bounds()) - 1

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order, bounds = self.order(), self._bounds()[self.first :]
        for start, end in pairwise(bounds):
            if self._is_random:
                start, end = _part(start, end, self.share)
            yield [(self.epoch, index) for index in order[start:end]]


def _part(start: int, end: int, share: tuple[int, int]) -> tuple[int, int]:
    """The bounds of one process's part of start:end; parts differ by one at most, and follow each other by rank."""
    rank, processes = share
    return start + (end - start) * rank // processes, start + (end - start) * (rank + 1) // processes


def balancing_weights(labels: tuple[int, ...]) -> Tensor:
    """(N,) float64: one over the size of each image's class, so that drawing by it balances the classes."""
    counts = torch.bincount(torch.tensor(labels))
    return 1.0 / counts[torch.tensor(labels)].double()


def create_loader(
    dataset: FaceDataset | ReducedDataset,
    batch_size: int,
    workers: int,
    pin_memory: bool,
    shuffle: bool = False,
    balanced: bool = False,
    share: tuple[int, int] = (0, 1),
) -> DataLoader:
    """Loader of (images (B, C, H, W), labels (B,), indices (B,)); set the epoch on its `batch_sampler`.

    share: as in EpochBatchSampler. workers: decoding processes, 0 for none; the batches are the same bits for any number.
    """
    dataset.reading = Reading(workers)
    weights = balancing_weights(dataset.split.labels) if balanced else None
    batches = EpochBatchSampler(len(dataset), batch_size, shuffle, weights, dataset.seed, share)
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        worker_init_fn=_leave_signals_to_the_run,
        collate_fn=getattr(dataset, "collate", None),  # a reduced data set makes whole batches itself
        generator=torch.Generator(),  # the loader draws a seed at every start: not from the model's generator
    )


def _leave_signals_to_the_run(worker: int) -> None:
    """Ctrl-C, a closed terminal and job schedulers signal every process: the run decides, and ends its workers by SIGTERM."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
