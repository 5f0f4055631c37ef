"""What a network takes for an image, as a value that the network declares and the data set, the cache and the figures ask.

Imports no torch: the command line knows every network before it is answered.
"""

from dataclasses import dataclass

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, red, green, blue
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class InputImage:
    """A square image: side in pixels, PIL mode ("RGB" or "L"), mean and deviation by channel of values from 0 to 1.

    step: the network reads every step-th row and column, from the first on; 1: all. Those alone are kept by the cache and
    given to the network, which therefore has to take (B, C, size / step, size / step) too where step is above 1.
    Raises ValueError for another mode, another number of channels, or a size that step does not divide.
    """

    size: int = 224
    mode: str = "RGB"
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    step: int = 1

    def __post_init__(self):
        if self.mode not in ("RGB", "L"):
            raise ValueError(f"an image's mode is RGB or L, not {self.mode!r}")
        if not len(self.mean) == len(self.std) == len(self.mode):
            raise ValueError(f"{self.mode} images have {len(self.mode)} means and deviations, not {self.mean} and {self.std}")
        if self.size < 1 or self.step < 1 or self.size % self.step:
            raise ValueError(f"{self.step} does not divide the side of {self.size} pixels")

    @property
    def kind(self) -> str:
        """Its colours and side, such as rgb224, as the cache names its files."""
        return f"{'grey' if self.mode == 'L' else 'rgb'}{self.size}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) as a transform gives it, with every row and column."""
        return len(self.mode), self.size, self.size


RGB224 = InputImage()
EVEN224 = InputImage(step=2)  # of which only the even rows and columns are read
GREY48 = InputImage(48, "L", (0.5,), (0.5,))
