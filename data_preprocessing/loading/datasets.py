"""Images with labels as a torch data set whose augmentation depends on (seed, epoch, image) alone."""

import time

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.folders import Split, unreadable


def mix_seed(*parts: int) -> int:
    """One 64-bit seed from several non-negative integers (numpy's SeedSequence, which takes no notice of zeros at the end)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


class Reading:
    """Which image each loading process is at, in memory that they share with the process that waits for them."""

    def __init__(self, processes: int):
        self._slots = torch.full((max(processes, 1), 2), -1, dtype=torch.int64).share_memory_()

    def note(self, index: int) -> None:
        """This process begins image `index`."""
        slot = self._own_slot()
        if slot is not None:
            slot[1] = time.monotonic_ns()
            slot[0] = index

    def done(self) -> None:
        """This process has read what it began."""
        slot = self._own_slot()
        if slot is not None:
            slot[0] = -1

    def _own_slot(self) -> Tensor | None:
        """None in a process that this was not made for."""
        worker = get_worker_info()
        number = worker.id if worker else 0
        return self._slots[number] if number < len(self._slots) else None

    def now(self) -> list[tuple[int, float]]:
        """(index, time.monotonic() at its begin) of every image that is being read."""
        return [(index, since / 1e9) for index, since in self._slots.tolist() if index >= 0]


class FaceDataset(Dataset):
    """One split as tensors. A key is (epoch, index), so that worker processes need not know the epoch.

    split: the images. transform: PIL RGB image -> tensor (C, H, W). seed: of the random transforms.
    """

    def __init__(self, split: Split, transform, seed: int = 0):
        self.split = split
        self.transform = transform
        self.seed = seed
        self.reading = Reading(0)

    def __len__(self) -> int:
        return len(self.split.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int, int]:
        """(epoch, index) -> image (C, H, W) float32, label, index. Raises DataError naming an unreadable image."""
        epoch, index = key
        self.reading.note(index)
        try:
            image = self.split.image(index)
        except (DataError, MemoryError):  # of an archive or a cache: it says what to do; of no image's making
            raise
        except Exception as error:  # PIL's decoders raise many kinds
            raise unreadable(self.split, index, error) from None
        # torchvision draws from the global CPU generator: give it this image's seed and put its state back
        state = torch.get_rng_state()
        torch.default_generator.manual_seed(mix_seed(self.seed, epoch, index))
        try:
            return self.transform(image), self.split.labels[index], index
        finally:
            torch.set_rng_state(state)
            self.reading.done()
