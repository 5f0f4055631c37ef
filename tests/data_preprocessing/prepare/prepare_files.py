"""Small trees of generated files for the tests of trees, crops, writer and prepare."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def sample_image(seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A smooth RGB image, so that JPEG and resizing change it little."""
    patches = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)


def content(image: Image.Image, format: str = "PNG", **options) -> bytes:
    """The bytes of an image file."""
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def write_files(root: Path, files: dict[str, bytes]) -> Path:
    """root/<name> of every name; returns root."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def class_tree(
    root: Path, classes: tuple[str, ...] = ("joy", "sad"), count: int = 10, size: tuple[int, int] = (40, 30)
) -> Path:
    """root/<class>/p<person>_<k>.png, two images per person, all different; returns root."""
    for place, name in enumerate(classes):
        images = {f"p{k // 2}_{k}.png": content(sample_image(place * count + k, size)) for k in range(count)}
        write_files(root / name, images)
    return root


def files_below(root: Path) -> dict[str, bytes]:
    """Every file below root by its relative name."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
