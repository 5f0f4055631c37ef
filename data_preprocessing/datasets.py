"""Pictures with labels as a torch data set whose augmentation depends on (seed, epoch, picture) alone."""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from data_preprocessing.errors import DataError
from data_preprocessing.folders import Split, unreadable


def mix_seed(*parts: int) -> int:
    """One 64-bit seed from several non-negative integers (numpy's SeedSequence)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


class FaceDataset(Dataset):
    """One split as tensors. A key is (epoch, index), so that worker processes need not be told the epoch.

    split: the pictures. transform: PIL RGB picture -> tensor (C, H, W). seed: of the random transforms.
    """

    def __init__(self, split: Split, transform, seed: int = 0):
        self.split = split
        self.transform = transform
        self.seed = seed

    def __len__(self) -> int:
        return len(self.split.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int, int]:
        """(epoch, index) -> picture (C, H, W) float32, label, index. Raises DataError naming an unreadable picture."""
        epoch, index = key
        try:
            image = self.split.picture(index)
        except DataError:  # of an archive or a cache; it says what to do
            raise
        except Exception as error:  # PIL's decoders raise many kinds
            raise unreadable(self.split, index, error) from None
        # torchvision draws from the global CPU generator: give it this picture's seed and put its state back
        state = torch.get_rng_state()
        torch.default_generator.manual_seed(mix_seed(self.seed, epoch, index))
        try:
            return self.transform(image), self.split.labels[index], index
        finally:
            torch.set_rng_state(state)
