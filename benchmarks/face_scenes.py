"""Photographs with known faces: real ones pasted at random size, place and tilt before other backgrounds.

    python -m benchmarks.face_scenes --source DIR/test --out FRAMES [--seed 0]

writes one for each image of DIR/test (class folders), 60 to 200 pixels per face, tilted up to 30 degrees, into
OUT/<class>/<name>.jpg.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

from data_preprocessing.common.command_line import path
from data_preprocessing.sources.images import load_image
from data_preprocessing.sources.kinds import is_image_name

WIDTH, HEIGHT = 640, 480
FACE_OF_CROP = 0.65  # side of the face's box as a share of the pasted photograph's longer side, about
_PIECES = 5  # of a photograph's side, where it is scrambled
_FEATHER = 0.03  # of the pasted photograph's edge


@dataclass(frozen=True)
class Kind:
    """How faces are pasted. sides: least and most pixels of the face's box; tilts: least and most degrees, of either sign."""

    sides: tuple[int, int] = (40, 200)
    tilts: tuple[int, int] = (0, 5)
    grey: bool = False
    covered: bool = False


KINDS = {
    "upright": Kind(),
    "tilt to 30": Kind(tilts=(10, 30)),
    "tilt 30 to 60": Kind(tilts=(30, 60)),
    "tilt 90": Kind(tilts=(90, 90)),
    "40 pixels": Kind(sides=(40, 44)),
    "grey": Kind(grey=True),
    "eyes covered": Kind(covered=True),
}
_FRAMES = Kind(sides=(60, 200), tilts=(0, 30))


@dataclass(frozen=True)
class Pasted:
    """A face in a scene. matrix: (2, 3), a pixel of the photograph -> of the scene. centre and side: of the face's box."""

    source: Path
    matrix: np.ndarray
    centre: tuple[float, float]
    side: float


@dataclass(frozen=True)
class Scene:
    """An image (WIDTH × HEIGHT, RGB) and the faces in it."""

    image: Image.Image
    faces: tuple[Pasted, ...]


def photographs() -> list[Image.Image]:
    """Real photographs without faces, for backgrounds: scikit-learn's two."""
    return [Image.fromarray(values) for values in load_sample_images().images]


def background(rng: np.random.Generator, photos: Sequence[Image.Image]) -> Image.Image:
    """A random part of a photograph, mirrored or not, in another light; or clouds of colour."""
    if rng.random() < 0.25:
        coarse = rng.integers(0, 256, (rng.integers(3, 12), rng.integers(3, 12), 3), np.uint8)
        return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    photo = photos[rng.integers(len(photos))]
    share = rng.uniform(0.3, 1)
    width, height = photo.width * share, photo.height * share
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    part = photo.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part
    return part.point([min(255, round(value * light)) for light in (rng.uniform(0.5, 1.2),) * 3 for value in range(256)])


def scrambled(rng: np.random.Generator, images: Sequence[Image.Image]) -> Image.Image:
    """Pieces of `images` in random places, each a 25th of one, turned by quarters: skin, hair, eyes and no face."""
    scene, side = Image.new("RGB", (WIDTH, HEIGHT)), int(rng.integers(24, 65))
    for left, top in product(range(0, WIDTH, side), range(0, HEIGHT, side)):
        image, (x, y), turns = images[rng.integers(len(images))], rng.integers(_PIECES, size=2), int(rng.integers(4))
        across, down = image.width / _PIECES, image.height / _PIECES
        box = (x * across, y * down, (x + 1) * across, (y + 1) * down)
        scene.paste(image.resize((side, side), Image.Resampling.BICUBIC, box=box).rotate(90 * turns), (left, top))
    return scene


def make_scene(rng: np.random.Generator, photos: Sequence[Image.Image], faces: Sequence[tuple[Path, Image.Image]], kind: Kind):
    """A Scene of one background with those of `faces` (file, RGB photograph) that find a free place."""
    scene, pasted = background(rng, photos), []
    for source, image in faces:
        side = math.exp(rng.uniform(*np.log(kind.sides)))
        scale, angle = side / FACE_OF_CROP / max(image.size), math.radians(rng.uniform(*kind.tilts) * rng.choice((-1, 1)))
        reach = scale * (abs(math.cos(angle)) + abs(math.sin(angle))) * max(image.size) / 2
        for _ in range(20):
            if 2 * reach > HEIGHT:
                break
            centre = rng.uniform(reach, WIDTH - reach), rng.uniform(reach, HEIGHT - reach)
            if all(math.dist(centre, other.centre) > 1.5 * (reach + other.side) for other in pasted):
                matrix = placing(image.size, scale, angle, centre)
                paste(scene, image.convert("L").convert("RGB") if kind.grey else image, matrix, scale)
                pasted.append(Pasted(source, matrix, centre, side))
                break
    return Scene(scene.convert("L").convert("RGB") if kind.grey else scene, tuple(pasted))


def placing(size: tuple[int, int], scale: float, angle: float, centre: tuple[float, float]) -> np.ndarray:
    """Pasted.matrix of a photograph of `size` that is scaled, and turned by `angle` (radians) around its centre."""
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.column_stack([turn, np.array(centre) - turn @ (np.array(size) / 2)])


def paste(scene: Image.Image, image: Image.Image, matrix: np.ndarray, scale: float) -> None:
    """Onto `scene`, with a soft edge."""
    edge = max(1, round(_FEATHER * max(image.size)))
    mask = Image.new("L", image.size)
    mask.paste(255, (edge, edge, image.width - edge, image.height - edge))
    mask = mask.filter(ImageFilter.GaussianBlur(edge / 2))
    shrink = min(1.0, scale)
    small = [max(1, round(side * shrink)) for side in image.size]
    step = np.diag([*(np.array(small) / image.size), 1])
    inverse = (step @ np.linalg.inv(np.vstack([matrix, (0, 0, 1)])))[:2].ravel()
    layers = [layer.resize(small, Image.Resampling.BICUBIC) for layer in (image, mask)]
    layers = [layer.transform(scene.size, Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC) for layer in layers]
    scene.paste(layers[0], mask=layers[1])


def main() -> None:
    """`python -m benchmarks.face_scenes`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.face_scenes", description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=path, required=True, help="folder of aligned photographs")
    parser.add_argument("--out", type=path, required=True, help="folder for the scenes, under the same names")
    parser.add_argument("--seed", type=int, default=0, help="of backgrounds and places (default: %(default)s)")
    args = parser.parse_args()
    rng, photos = np.random.default_rng(args.seed), photographs()
    for file in sorted(file for file in args.source.rglob("*") if is_image_name(file.name)):
        image, faces = load_image(file), ()
        while not faces:  # a large and tilted one may not fit
            scene = make_scene(rng, photos, [(file, image)], _FRAMES)
            faces = scene.faces
        target = (args.out / file.relative_to(args.source)).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        scene.image.save(target, quality=92)


if __name__ == "__main__":
    main()
