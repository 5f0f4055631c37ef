"""The named transforms on cached images: the same bits as the plain pipeline's, without decoding and resizing.

A transform whose random steps are only flips and erasing is computed on the part of the image that the network looks at
(`Plan`, `ReducedDataset`). One that starts by resizing and goes on otherwise (jitter-affine-erase) runs on from the whole
resized image. One that does something before it resizes (flip-noise-erase) keeps the plain pipeline.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from data_preprocessing.loading.cache import CachedImages
from data_preprocessing.loading.datasets import FaceDataset, Reading, mix_seed
from data_preprocessing.loading.input_image import RGB224, InputImage
from data_preprocessing.loading.occlusion import HeadsetOcclusion
from data_preprocessing.loading.stored import FITS, Stored
from data_preprocessing.loading.transforms import TRANSFORMS, create_transform
from data_preprocessing.sources.folders import Split

Box = tuple[int, int, int, int]  # top, left, bottom, right in kept rows and columns, the last two exclusive


@dataclass(frozen=True)
class Plan:
    """A transform that chooses between an image and its mirror image, normalises, and erases rectangles to 0."""

    stored: Stored
    flips: tuple[v2.RandomHorizontalFlip, ...]
    erasings: tuple[v2.RandomErasing, ...]

    def draw(self) -> tuple[bool, list[Box]]:
        """Whether to flip and what to erase, of one image.

        Takes from torch's global CPU generator what torchvision's transforms (`_RandomApplyTransform.forward`) take, in
        the same order; the rectangles are drawn by torchvision itself, in coordinates of the unreduced image.
        """
        flipped = False
        for step in self.flips:
            flipped ^= bool(torch.rand(1) < step.p)
        boxes = []
        for step in self.erasings:
            if torch.rand(1) < step.p:
                boxes += self._box(step.make_params([self._unreduced()]))
        return flipped, boxes

    def _unreduced(self) -> Tensor:
        """Of the plain pipeline's shape, (C, S, S), without memory of its own."""
        return torch.empty(1).expand(self.stored.image.shape)

    def _box(self, rectangle: dict) -> list[Box]:
        if rectangle["v"] is None:  # torchvision found no rectangle that fits
            return []
        top, left, step = rectangle["i"], rectangle["j"], self.stored.image.step
        edges = top, left, top + rectangle["h"], left + rectangle["w"]
        return [tuple(-(-edge // step) for edge in edges)]  # row r is kept as row r / step where step divides r


def plan_reduced(name: str, image: InputImage = RGB224) -> Plan | None:
    """How transform `name` of TRANSFORMS is computed on the part of `image` that is read; None where it cannot be."""
    before, after = TRANSFORMS[name](image.size)
    fit = _fit(before, image)
    flips, erasings = tuple(before[1:]), tuple(after)
    simple = all(type(step) is v2.RandomHorizontalFlip for step in flips) and all(
        type(step) is v2.RandomErasing and step.value == [0.0] for step in erasings
    )
    return Plan(Stored(image, fit), flips, erasings) if fit and simple else None


def _fit(before: list, image: InputImage) -> str | None:
    """The name in FITS of the step that `before` begins with, None where it is no such step."""
    for fit, name in FITS.items():
        if type(TRANSFORMS[name](image.size)[0][0]) is type(before[0]):
            return fit
    return None


def normalise(values: Tensor, image: InputImage) -> Tensor:
    """values: (B, C, H, W) uint8 -> float32 as the plain pipeline has them, by the same torchvision operations."""
    floats = v2.functional.to_dtype(values, torch.float32, scale=True)
    return v2.functional.normalize(floats, image.mean, image.std, inplace=True)


class ReducedDataset(Dataset):
    """One split as reduced tensors: create_transform(name)(image)[:, ::r, ::r] for the step r of plan.stored.image.

    A key is (epoch, index), and the draws depend on (seed, epoch, index) alone, as those of FaceDataset do.
    images: a cache of plan.stored, by the same index as `split`. channel_order: as in create_transform.
    """

    def __init__(self, split: Split, images: CachedImages, plan: Plan, channel_order: str = "rgb", seed: int = 0):
        self.split = split
        self.images = images
        self.plan = plan
        self.swap = channel_order == "bgr" and plan.stored.image.mode == "RGB"
        self.seed = seed
        self.reading = Reading(0)

    def __len__(self) -> int:
        return len(self.split.paths)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int, int]:
        """(epoch, index) -> image (C, H, W) float32, label, index. Raises DataError where the cache cannot be read."""
        images, labels, indices = self.__getitems__([key])
        return images[0], int(labels), int(indices)

    def __getitems__(self, keys: list[tuple[int, int]]) -> tuple[Tensor, Tensor, Tensor]:
        """A whole batch, which a DataLoader asks for: images (B, C, H, W), labels (B,), indices (B,)."""
        draws = self._draws(keys)
        values = np.empty((len(keys), *self.plan.stored.shape[1:]), np.uint8)
        for out, (_, index), (flipped, _) in zip(values, keys, draws):
            self.reading.note(index)
            self.images.read_into(out, index, view=int(flipped))
        self.reading.done()
        values = torch.from_numpy(values)
        images = normalise(values.flip(1) if self.swap else values, self.plan.stored.image)
        for image, (_, boxes) in zip(images.numpy(), draws):
            for top, left, bottom, right in boxes:
                image[:, top:bottom, left:right] = 0
        indices = [index for _, index in keys]
        return images, torch.tensor([self.split.labels[k] for k in indices]), torch.tensor(indices)

    def _draws(self, keys: list[tuple[int, int]]) -> list[tuple[bool, list[Box]]]:
        if not self.plan.flips and not self.plan.erasings:
            return [(False, [])] * len(keys)
        state, draws = torch.get_rng_state(), []
        try:
            for epoch, index in keys:
                torch.default_generator.manual_seed(mix_seed(self.seed, epoch, index))
                draws.append(self.plan.draw())
        finally:
            torch.set_rng_state(state)
        return draws

    @staticmethod
    def collate(batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """For the DataLoader: `__getitems__` gives whole batches."""
        return batch


@dataclass(frozen=True)
class _ResizedSplit(Split):
    """A split whose images come from a cache of whole ones, resized already: resizing them again changes nothing."""

    images: CachedImages

    def image(self, index: int) -> Image.Image:
        return Image.fromarray(self.images[index])


def stored_for(name: str, image: InputImage = RGB224) -> Stored | None:
    """What a cache has to keep for transform `name` of TRANSFORMS; None where it needs the image as it was decoded."""
    plan = plan_reduced(name, image)
    fit = _fit(TRANSFORMS[name](image.size)[0], image)
    return plan.stored if plan else Stored(image, fit, whole=True) if fit else None


def create_dataset(
    split: Split,
    name: str,
    image: InputImage,
    channel_order: str,
    seed: int,
    images: CachedImages | None,
    occlusion: HeadsetOcclusion | None = None,
) -> FaceDataset | ReducedDataset:
    """The split under transform `name`, channel_order and occlusion as in create_transform; an occluded one has no cache.

    images: the cache of this split's `stored_for(name, image)`; None decodes every image anew. Tensors are reduced
    where the cache is (ReducedDataset); the values that are there are the same bits in each case.
    """
    if images is not None and not images.stored.whole:
        return ReducedDataset(split, images, plan_reduced(name, image), channel_order, seed)
    if images is not None:
        split = _ResizedSplit(split.name, split.folder, split.classes, split.paths, split.labels, images)
    return FaceDataset(split, create_transform(name, image, channel_order, occlusion), seed)
