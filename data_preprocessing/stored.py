"""What the cache keeps of a picture: its resized form, or only the part of it that the network looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np
from PIL import Image
from torchvision.transforms import v2

from data_preprocessing.transforms import PICTURES, TRANSFORMS

# Every POSTER begins with x[:, :, ::2, ::2] (models/poster.py): odd rows and columns of its 224² picture have no effect
REDUCTION = {"rgb224": 2, "grey48": 1}
FITS = {"resize": "plain", "pad": "pad"}  # how a picture becomes square -> the transform of TRANSFORMS that does only this


@dataclass(frozen=True)
class Stored:
    """kind: of PICTURES. fit: of FITS. whole: every row and column; otherwise only what the network looks at.

    Channels are in the order RGB: resizing treats each by itself, so BGR is a matter of reading.
    """

    kind: str
    fit: str
    whole: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one stored picture, uint8.

        Whole: (S, S, 3), or (S, S) for grey, as PIL has it. Otherwise (2, C, S/r, S/r) for the reduction r: the kept rows
        and columns of the picture, then those of its mirror image, which for an even r are other columns.
        """
        size, channels = PICTURES[self.kind].size, len(PICTURES[self.kind].mean)
        if self.whole:
            return (size, size, channels)[: 2 + (channels > 1)]
        side = size // REDUCTION[self.kind]
        return 2, channels, side, side

    @property
    def nbytes(self) -> int:
        """Bytes of one stored picture."""
        return prod(self.shape)

    def encoder(self) -> Callable[[Image.Image], np.ndarray]:
        """PIL RGB picture of any size -> the array to store, contiguous, of `shape`; any thread may call it."""
        kind, step = PICTURES[self.kind], REDUCTION[self.kind]
        first = [v2.Grayscale()] if kind.mode == "L" else []
        resize = v2.Compose([*first, *TRANSFORMS[FITS[self.fit]](kind.size)[0]])

        def encode(image: Image.Image) -> np.ndarray:
            values = np.asarray(resize(image))
            if self.whole:
                return np.ascontiguousarray(values)
            values = values.reshape(kind.size, kind.size, -1)[::step]
            views = values[:, ::step], values[:, ::-1][:, ::step]
            return np.ascontiguousarray(np.stack(views).transpose(0, 3, 1, 2))

        return encode
