"""The images that `--predict` names, without labels: found, decoded, made ready for the network."""

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

from data_preprocessing.audit.figures import TINY
from data_preprocessing.common.commands import quoted
from data_preprocessing.common.files import is_hidden, reason
from data_preprocessing.loading.datasets import Reading
from data_preprocessing.sources.archives import ARCHIVES
from data_preprocessing.sources.fer2013 import is_fer2013
from data_preprocessing.sources.folders import Split, contents, images_below
from data_preprocessing.sources.kinds import VIDEO, left_out_note
from data_preprocessing.sources.wrong_folders import CHECKPOINTS, LISTS, is_image
from engine.errors import UsageError

_MOST_RATIO = 1.5  # of the long to the short side: boxes around faces have up to 1.4, photographs 3:2 and 16:9
_LEAST_FRAME = 320, 640  # pixels of the long side, lying and upright, from which 4:3 and 5:4 are a camera's frames
_MOST_SIDE = 1500  # pixels of the long side: the finest aligned sets, such as FFHQ, have 1024, whole photographs 2000 and more


def find_images(
    named: Sequence[str], say: Callable[[str], None] = lambda text: None, videos: bool = False
) -> tuple[Split, bool]:
    """The images that files, folders (with all below them) and globs name, each once, and whether a folder is named.

    A file that is named itself, or by a glob, counts as an image whatever it is called. say: gets a line about the files of
    a folder that are left out. videos: whether a folder's videos are wanted as well. Raises UsageError for a name that matches
    nothing, a folder without images, or a checkpoint, table or archive; DataError for a folder that cannot be listed.
    """
    paths: dict[str, str] = {}  # absolute -> as named
    folders = False
    for name in named:
        for match in _matches(name):
            is_folder = os.path.isdir(match)
            folders = folders or is_folder
            for path in _files_in(match, say, videos) if is_folder else [match]:
                paths.setdefault(os.path.abspath(path), path)
    return Split("pictures", Path(), (), tuple(paths.values()), (0,) * len(paths)), folders


def _files_in(folder: str, say: Callable[[str], None], videos: bool) -> list[str]:
    found, others = images_below(Path(folder))
    if videos:
        found = sorted(found + others.pop(VIDEO, []))
    if not found:
        why = left_out_note(others) or contents(Path(folder))
        raise UsageError(f"--predict {folder}: no images{' or videos' * videos} in this folder ({why})")
    if others:
        say(left_out_note(others, folder))
    return found


def _matches(name: str) -> list[str]:
    if os.path.lexists(name):  # also a name with brackets in it
        _refuse_other_files(Path(name))
        return [name]
    matches = [match for match in sorted(glob.glob(name, recursive=True)) if not _is_the_systems(match, name)]
    if not matches:
        what = "matches nothing" if glob.has_magic(name) else "no such file or folder"
        raise UsageError(f"--predict {name}: {what}")
    return matches


def _is_the_systems(match: str, pattern: str) -> bool:
    """Whether a folder of the system holds what a glob found, unless it is named. glob itself minds names with a dot."""
    named = Path(pattern).parts
    return any(is_hidden(part) and not part.startswith(".") and part not in named for part in Path(match).parts)


def _refuse_other_files(path: Path) -> None:
    """Raises UsageError for a file that belongs to another flag."""
    name = path.name.lower()
    if not path.is_file() or not name.endswith((*CHECKPOINTS, *LISTS, *ARCHIVES)) or is_image(path):
        return
    if name.endswith(CHECKPOINTS):
        what = f"a checkpoint, which is named by --evaluate {quoted(path)}; --predict names images"
    elif name.endswith(".csv") and is_fer2013(path):
        what = f"FER2013's table; --evaluate FILE --data {quoted(path)} tests its rows"
    elif name.endswith(ARCHIVES):
        what = "an archive; unpack it, and name the folder"
    else:
        what = "a list; name the images themselves, or their folder"
    raise UsageError(f"--predict {path}: this is {what}")


@dataclass(frozen=True)
class Given:
    """An image as it was found. index: into the split's paths. size: width and height in pixels, upright.

    problem: what is wrong with an image that cannot be read, otherwise "". view: (H, W, 3) uint8, as covered by
    --occlude-eval, for drawing; None where it is not wanted.
    """

    index: int
    size: tuple[int, int] = (0, 0)
    problem: str = ""
    view: np.ndarray | None = None

    @property
    def is_no_crop(self) -> bool:
        """Whether the image can hardly be an aligned face crop, by its proportions or size."""
        (width, height), (short, long) = self.size, sorted(self.size)
        is_frame = (3 * long == 4 * short or 4 * long == 5 * short) and long >= _LEAST_FRAME[height > width]
        return is_frame or long >= _MOST_RATIO * short or short < TINY or long > _MOST_SIDE


class GivenImages(Dataset):
    """The images of a split without labels; one that cannot be read is no error but a `Given` that says why.

    transform: PIL RGB image -> tensor (C, H, W). cover: PIL image -> PIL image before that, or None. view: most
    pixels per side of what is kept for drawing, 0 for nothing.
    """

    seed = 0

    def __init__(self, split: Split, transform: Callable, cover: Callable | None, view: int):
        self.split, self.transform, self.cover, self.view = split, transform, cover, view
        self.reading = Reading(0)

    def __len__(self) -> int:
        return len(self.split.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor | None, Given]:
        """(epoch, index) -> the image for the network, None of an unreadable one, and what was found."""
        _, index = key
        self.reading.note(index)
        try:
            image = self.split.image(index)
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
