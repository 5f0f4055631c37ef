"""The upper face covered as by a VR headset, for images of uncovered faces.

    python -m data_preprocessing.occlusion --data DIR --out FILE

draws some images of DIR before and after, to look at.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from data_preprocessing.common.command_line import OneLineParser
from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.folders import read_split, unreadable
from data_preprocessing.sources.split_folders import find_splits

_SHARP = 512  # pixels per side that edges are drawn at before they are resized to the image's size: 2.3 times 224
_SOFT = 96  # the same of what has no sharp edge
_DRAWS = 32  # numbers drawn an image, used or not: what a later transform draws does not hang on how this one came out


@dataclass(frozen=True)
class Headset:
    """One headset in the frame of an aligned crop: x and y from 0 to 1 (right, down), shades from 0 to 255.

    The ranges of `draw` keep brows and eyes covered (y 0.30 to 0.46 for x 0.18 to 0.82) and all below y 0.66 free.
    """

    centre: float  # x
    half_width: float
    top: float  # y
    bottom: float
    squareness: float  # exponent of the superellipse: 2 would be an ellipse, large a rectangle
    arch: float  # how far the middle of the upper edge stands above its ends
    notch: tuple[float, float]  # half width and depth of the cut-out for the nose
    slope: float  # of the tilt: y gained for each x
    strap: tuple[float, float]  # half height at the shell and at the image's edge
    tint: np.ndarray  # (3,) factors of the colours
    shell: float  # shade of the housing
    plate: float  # of its front
    rim: float  # how far the front lies inside the housing's outline
    gradient: tuple[float, float]  # how much brighter the left and the upper edge are, as a fraction
    lean: float  # of the reflections
    glints: tuple[tuple[float, float, float], ...]  # reflections: x, half width, opacity

    @classmethod
    def draw(cls, between: Callable[[float, float], float]) -> "Headset":
        """A random headset. between: (low, high) -> a number drawn evenly from there."""
        shell = between(150, 205) if between(0, 1) < 0.15 else between(14, 70)
        dark_front = between(0, 1) < 0.6  # else the front is of the housing's own colour
        return cls(
            centre=between(0.485, 0.515),
            half_width=between(0.42, 0.48),
            top=between(0.17, 0.24),
            bottom=between(0.53, 0.595),
            squareness=between(3.5, 9.0),
            arch=between(0.0, 0.03),
            notch=(between(0.07, 0.12), between(0.015, 0.055)),
            slope=between(-0.07, 0.07),
            strap=(between(0.05, 0.08), between(0.03, 0.07)),
            tint=np.array([between(0.95, 1.0), between(0.96, 1.0), between(0.96, 1.04)]),
            shell=shell,
            plate=between(8, 40) if dark_front else shell * between(0.85, 1.2),
            rim=between(0.012, 0.04),
            gradient=(between(-0.25, 0.25), between(-0.1, 0.35)),
            lean=between(-0.2, 0.2),
            glints=tuple((between(0.1, 0.9), between(0.02, 0.11), between(0, 0.35)) for _ in range(2)),
        )

    def outline(self, inset: float = 0.0, drop: float = 0.0) -> np.ndarray:
        """(120, 2) x and y of the housing's polygon, or of one that lies `inset` inside it and `drop` below it."""
        across = np.cos(np.linspace(0, np.pi, 60))  # dense at the ends, where the corners are
        along = (1 - np.abs(across) ** self.squareness) ** (1 / self.squareness)
        middle, half_height = (self.top + self.bottom) / 2 + drop, (self.bottom - self.top) / 2 - inset
        width, depth = self.notch
        x = across * (self.half_width - inset)
        upper = middle - half_height * along - self.arch * (1 - across**2)
        lower = middle + half_height * along - depth * np.exp(-((x / width) ** 2))
        return self._tilted(np.concatenate((x, x[::-1])) + self.centre, np.concatenate((upper, lower[::-1])))

    def strap_outline(self) -> np.ndarray:
        """(8, 2) polygon of the strap, from the left to the right edge of the image."""
        near, far = self.strap
        x = np.array((-0.1, 0.15, 0.85, 1.1, 1.1, 0.85, 0.15, -0.1))
        return self._tilted(x, (self.top + self.bottom) / 2 + np.array((-far, -near, -near, -far, far, near, near, far)))

    def glint_outline(self, x: float, half_width: float) -> np.ndarray:
        """(4, 2) polygon of a band of light over the whole height of the front."""
        corners = x + np.array((-half_width, half_width, half_width, -half_width))
        lean = self.lean * np.array((1, 1, -1, -1))
        return self._tilted(corners + lean, np.array((self.top, self.top, self.bottom, self.bottom)))

    def _tilted(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.stack((x, y + self.slope * (x - self.centre)), axis=1)


def _mask(areas: list[tuple[np.ndarray, float]], size: tuple[int, int], side: int = _SHARP, blur: int = 0) -> Image.Image:
    """(polygon, opacity) each drawn on a square of `side` pixels, blurred over `blur` of them and resized to `size`."""
    mask = Image.new("L", (side, side))
    for points, opacity in areas:
        ImageDraw.Draw(mask).polygon([tuple(point) for point in (points * side).tolist()], fill=round(255 * opacity))
    if blur:
        mask = mask.filter(ImageFilter.BoxBlur(blur))
    return mask.resize(size, Image.Resampling.BILINEAR)


def draw_headset(headset: Headset, image: Image.Image) -> Image.Image:
    """A copy of `image` ("RGB" or "L", any size) that wears `headset`."""
    size, covered = image.size, image.copy()
    across, down = np.linspace(1, -1, 16)[None, :, None], np.linspace(1, -1, 16)[:, None, None]
    light = (1 + headset.gradient[0] * across + headset.gradient[1] * down) * headset.tint

    def lit(shade: float) -> Image.Image:
        pixels = Image.fromarray(np.clip(shade * light, 0, 255).astype(np.uint8))
        return pixels.convert(image.mode).resize(size, Image.Resampling.BILINEAR)

    shadow = _mask([(headset.outline(drop=0.015), 0.4)], size, _SOFT, blur=1)
    strap, housing = _mask([(headset.strap_outline(), 1.0)], size), _mask([(headset.outline(), 1.0)], size)
    front = lit(headset.plate)
    glints = [(headset.glint_outline(*place), opacity) for *place, opacity in headset.glints]
    front.paste(lit(235), mask=_mask(glints, size, _SOFT, blur=2))
    covered.paste("black", mask=shadow)
    covered.paste(lit(headset.shell * 0.6), mask=strap)
    covered.paste(lit(headset.shell), mask=housing)
    covered.paste(front, mask=_mask([(headset.outline(headset.rim), 1.0)], size))
    return covered


class HeadsetOcclusion:
    """Cover brows and eyes with a random VR headset; mouth and chin stay as they are.

    PIL image of an aligned face crop, "RGB" or "L", any size -> one of the same mode and size. Trains and tests on
    covered faces without images of any, as Houshmand & Khan (2020, arXiv:2011.08736) do: they place a geometric model of
    a Samsung Gear VR by facial landmarks, we place a random one by the frame of the crop, so the crop has to be aligned.

    p: the probability of covering an image; one that is not covered is returned itself. fixed: draw from the image's own
    content instead of torch's global generator, so that an image always wears the same headset, as an evaluation needs.
    Raises ValueError for a p outside 0 to 1 or an image of another mode.
    """

    def __init__(self, p: float = 1.0, fixed: bool = False):
        if not 0 <= p <= 1:
            raise ValueError(f"p = {p}: a probability is between 0 and 1")
        self.p = p
        self.fixed = fixed

    def __call__(self, image: Image.Image) -> Image.Image:
        if image.mode not in ("RGB", "L"):
            raise ValueError(f"an image of mode {image.mode}: convert it to RGB or L first")
        generator = torch.Generator().manual_seed(crc32(image.tobytes())) if self.fixed else None
        chance, *draws = torch.rand(_DRAWS, generator=generator).tolist()
        if chance >= self.p:
            return image
        numbers = iter(draws)
        return draw_headset(Headset.draw(lambda low, high: low + (high - low) * next(numbers)), image)


def draw_examples(data: Path | str, out: Path | str, most: int = 8, side: int = 112, training: int = 2) -> Path:
    """A PNG at `out` of `most` random images (seed 0) of the first split of `data`, `side` pixels each.

    Rows: as they are; `training` random draws (seed 0); as an evaluation covers them. Raises DataError where `data` cannot
    be read or `out` is no name of a PNG file.
    """
    out = Path(out)
    if out.suffix.lower() != ".png":
        raise DataError(f"--out {out}: the image is a PNG; give a name that ends in .png")
    split = read_split(*next(iter(find_splits(data).items())))
    faces = []
    chosen = np.random.default_rng(0).permutation(len(split.paths))[:most]
    for index in sorted(chosen.tolist()):
        try:
            faces.append(split.image(index).resize((side, side), Image.Resampling.LANCZOS))
        except Exception as error:  # PIL's decoders raise many kinds
            raise unreadable(split, index, error) from None
    rows = [("as it is", faces)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        rows += [("training", [HeadsetOcclusion()(face) for face in faces]) for _ in range(training)]
    rows.append(("evaluation", [HeadsetOcclusion(fixed=True)(face) for face in faces]))
    margin = 88
    sheet = Image.new("RGB", (margin + side * len(faces), side * len(rows)), "white")
    for y, (title, images) in enumerate(rows):
        ImageDraw.Draw(sheet).text((8, (y + 0.5) * side), title, "black", ImageFont.load_default(15), anchor="lm")
        for x, image in enumerate(images):
            sheet.paste(image, (margin + x * side, y * side))
    partial = out.with_suffix(".partial.png")
    ImageOps.posterize(sheet, 6).save(partial, optimize=True)  # the last two bits are noise, and two fifths of the file
    return partial.replace(out)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 for wrong arguments."""
    parser = OneLineParser(prog="python -m data_preprocessing.occlusion", description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", required=True, help="folder with train/<class>/*.jpg, of uncovered faces")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True, help="PNG file to write")
    args = parser.parse_args(argv)
    try:
        print(draw_examples(args.data, args.out))
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {args.out}: {error.strerror}", file=sys.stderr)
        return 2
    return 0
