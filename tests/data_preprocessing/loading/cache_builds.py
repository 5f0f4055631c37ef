"""Splits of generated images for the tests of the cache, and builds in processes of their own."""

import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data_preprocessing.loading.cache import CachedImages, open_cache
from data_preprocessing.loading.input_image import GREY48
from data_preprocessing.loading.stored import Stored
from data_preprocessing.sources.folders import Split

GREY = Stored(GREY48, "resize")
COUNT = 100  # images: several chunks, the last one short


@dataclass(frozen=True)
class Generated(Split):
    """Image i is noise of its own. seconds: how long decoding takes. log: file that gets a byte for each decoding."""

    seconds: float = 0.0
    log: Path | None = None

    def image(self, index: int) -> Image.Image:
        time.sleep(self.seconds)
        if self.log:
            with open(self.log, "ab") as file:
                file.write(b".")
        return noise(self.paths[index])


def noise(name: str) -> Image.Image:
    """48×48, the same for the same name."""
    return Image.fromarray(np.random.default_rng(int(name)).integers(0, 256, (48, 48, 3), np.uint8))


def generated(count: int = COUNT, **more) -> Generated:
    """A split of `count` images; more: fields of Generated."""
    return Generated("train", Path("faces"), ("a", "b"), tuple(map(str, range(count))), (0,) * count, **more)


def is_right(images: CachedImages, count: int = COUNT) -> bool:
    """Whether `images` hold all of generated(count), and nothing else, as GREY lays them out."""
    encode = GREY.encoder()
    return len(images) == count and all(np.array_equal(images[k], encode(noise(str(k)))) for k in range(count))


def start_build(folder: Path, prepare=lambda: None, **more) -> tuple[multiprocessing.Process, multiprocessing.Queue]:
    """Build in a process of its own: it and a queue that gets what is said, then "built" or the error's text.

    prepare: called there first. more: fields of Generated.
    """
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def build() -> None:
        prepare()
        try:
            right = is_right(open_cache(generated(**more), "f", GREY, folder, 2, queue.put))
            queue.put("built" if right else "wrong images")
        except Exception as error:
            queue.put(f"{type(error).__name__}: {error}")

    process = context.Process(target=build)
    process.start()
    return process, queue
