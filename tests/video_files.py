"""Small videos for tests, written with PyAV."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: int = 25,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    aspect: Fraction | None = None,
    **options: str,
) -> Path:
    """Write `frames`, each (H, W, 3) or (H, W, 4) uint8 of even sides. options: of the container. Returns `path`."""
    import av

    with av.open(str(path), "w", options=options) as container:
        stream = None
        for pixel_array in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = pixel_array.shape[:2]
                stream.pix_fmt, stream.gop_size = pixels, 12
                if aspect:
                    stream.codec_context.sample_aspect_ratio = aspect
            kind = "rgba" if pixel_array.shape[2] == 4 else "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixel_array, format=kind)))
        container.mux(stream.encode())
    return path


def noise(count: int, size: tuple[int, int] = (64, 48), seed: int = 0) -> Iterable[np.ndarray]:
    """Frames of `size` (width, height) that compress badly, so that a video of them can be cut anywhere."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        yield generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def grey(count: int, size: tuple[int, int] = (64, 48)) -> Iterable[np.ndarray]:
    """Frames of one shade each, frame k of shade 10 k."""
    for k in range(count):
        yield np.full((size[1], size[0], 3), 10 * k, np.uint8)


def cut(path: Path, fraction: float) -> Path:
    """A copy of a file that breaks off after `fraction` of its bytes."""
    data = path.read_bytes()
    target = path.with_name(f"cut_{path.name}")
    target.write_bytes(data[: int(len(data) * fraction)])
    return target
