"""What the cache keeps of an image: its resized form, or only the part of it that the network looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from PIL import Image
from torchvision.transforms import v2

from data_preprocessing.loading.input_image import InputImage
from data_preprocessing.loading.transforms import TRANSFORMS

FITS = {"resize": "plain", "pad": "pad"}  # how an image becomes square -> the transform of TRANSFORMS that does only this


@dataclass(frozen=True)
class Stored:
    """image: what the network takes. fit: of FITS. whole: every row and column; otherwise only those that it reads.

    Channels are in the order RGB: resizing treats each by itself, so BGR is a matter of reading.
    """

    image: InputImage
    fit: str
    whole: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one stored image, uint8.

        Whole: (S, S, 3), or (S, S) for grey, as PIL has it. Otherwise (2, C, S/r, S/r) for the step r: the kept rows and
        columns of the image, then those of its mirror image, which for an even r are other columns.
        """
        channels, size, _ = self.image.shape
        if self.whole:
            return (size, size, channels)[: 2 + (channels > 1)]
        side = size // self.image.step
        return 2, channels, side, side

    @property
    def nbytes(self) -> int:
        """Bytes of one stored image."""
        return prod(self.shape)

    def encoder(self) -> Callable[[Image.Image], np.ndarray]:
        """PIL RGB image of any size -> the array to store, contiguous, of `shape`; any thread may call it."""
        size, step = self.image.size, self.image.step
        first = [v2.Grayscale()] if self.image.mode == "L" else []
        resize = v2.Compose([*first, *TRANSFORMS[FITS[self.fit]](size)[0]])

        def encode(image: Image.Image) -> np.ndarray:
            values = np.asarray(resize(image))
            if self.whole:
                return np.ascontiguousarray(values)
            values = values.reshape(size, size, -1)[::step]
            views = values[:, ::step], values[:, ::-1][:, ::step]
            return np.ascontiguousarray(np.stack(views).transpose(0, 3, 1, 2))

        return encode
