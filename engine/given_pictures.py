"""The pictures that `--predict` names, without labels: found, decoded, made ready for the network."""

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from data_preprocessing.audit_figures import TINY
from data_preprocessing.datasets import Reading
from data_preprocessing.files import files_below, reason
from data_preprocessing.folders import Split
from data_preprocessing.images import EXTENSIONS
from engine.errors import UsageError

_MOST_RATIO = 1.5  # of the long to the short side: boxes around faces have up to 1.4, photographs 3:2 and 16:9
_MOST_SIDE = 1500  # pixels of the long side: the finest aligned sets, such as FFHQ, have 1024, whole photographs 2000 and more


def find_pictures(named: Sequence[str]) -> tuple[Split, bool]:
    """The pictures that files, folders (with all below them) and globs name, each once, and whether a folder is named.

    A file that is named itself, or by a glob, counts as a picture whatever it is called. Raises UsageError for a name that
    matches nothing, or a folder without pictures; DataError for a folder that cannot be listed.
    """
    paths: dict[str, str] = {}  # absolute -> as named
    folders = False
    for name in named:
        for match in _matches(name):
            found = [match]
            if os.path.isdir(match):
                folders = True
                found = [path for path in files_below(match) if path.lower().endswith(EXTENSIONS)]
                if not found:
                    raise UsageError(f"--predict {match}: no pictures in this folder ({', '.join(EXTENSIONS)})")
            for path in found:
                paths.setdefault(os.path.abspath(path), path)
    return Split("pictures", Path(), (), tuple(paths.values()), (0,) * len(paths)), folders


def _matches(name: str) -> list[str]:
    if os.path.lexists(name):  # also a name with brackets in it
        return [name]
    matches = sorted(glob.glob(name, recursive=True))
    if not matches:
        what = "matches nothing" if glob.has_magic(name) else "no such file or folder"
        raise UsageError(f"--predict {name}: {what}")
    return matches


@dataclass(frozen=True)
class Given:
    """A picture as it was found. index: into the split's paths. size: width and height in pixels, upright.

    problem: what is wrong with a picture that cannot be read, otherwise "". view: (H, W, 3) uint8, as covered by
    --occlude-eval, for drawing; None where it is not wanted.
    """

    index: int
    size: tuple[int, int] = (0, 0)
    problem: str = ""
    view: np.ndarray | None = None

    @property
    def is_no_crop(self) -> bool:
        """Whether the picture can hardly be an aligned face crop, by its proportions or size."""
        short, long = sorted(self.size)
        return long >= _MOST_RATIO * short or short < TINY or long > _MOST_SIDE


class GivenPictures(Dataset):
    """The pictures of a split without labels; one that cannot be read is no error but a `Given` that says why.

    transform: PIL RGB picture -> tensor (C, H, W). cover: PIL picture -> PIL picture before that, or None. view: most
    pixels a side of what is kept for drawing, 0 for nothing.
    """

    seed = 0

    def __init__(self, split: Split, transform: Callable, cover: Callable | None, view: int):
        self.split, self.transform, self.cover, self.view = split, transform, cover, view
        self.reading = Reading(0)

    def __len__(self) -> int:
        return len(self.split.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor | None, Given]:
        """(epoch, index) -> the picture for the network, None of an unreadable one, and what was found."""
        _, index = key
        self.reading.note(index)
        try:
            image = self.split.picture(index)
        except MemoryError:
            raise
        except Exception as error:  # PIL's decoders raise many kinds
            return None, Given(index, problem=reason(error))
        finally:
            self.reading.done()
        size = image.size
        if self.cover:
            image = self.cover(image)
        return self.transform(image), Given(index, size, view=self._view(image) if self.view else None)

    def _view(self, image: Image.Image) -> np.ndarray:
        image = image.copy()
        image.thumbnail((self.view, self.view), Image.Resampling.LANCZOS)
        return np.asarray(image)

    @staticmethod
    def collate(batch: list[tuple[Tensor | None, Given]]) -> tuple[Tensor | None, list[Given]]:
        """Those that could be read as (B, C, H, W), None without any; and of each what was found, in the same order."""
        images = [image for image, _ in batch if image is not None]
        return torch.stack(images) if images else None, [given for _, given in batch]
