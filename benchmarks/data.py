"""Images per second on one core, from files by the plain pipeline and from our cache; memory; time to build the cache.

    python -m benchmarks.data [--transform flip-erase] [--batch-size 64] [--repeats 5]

The plain pipeline is PIL and torchvision: decode, resize to 224², flip, to tensor, normalise, erase, stack to a batch.
Ours does the same from the cache, its draws seeded by image included, and gives what a POSTER keeps of it, in the same
bits. All files lie in a temporary folder (1.5 GB) and have been read before: neither side waits for a disk.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data_preprocessing.loading.cache import open_cache
from data_preprocessing.loading.cached import ReducedDataset, create_dataset, plan_reduced, stored_for
from data_preprocessing.loading.datasets import FaceDataset
from data_preprocessing.loading.input_image import EVEN224
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import Split
from data_preprocessing.sources.images import load_image
from data_preprocessing.synthetic.drawing import draw_face
from data_preprocessing.synthetic.parameters import EXPRESSIONS, Identity

IMAGES = {"128-pixel JPEGs": (128, 128, 256), "12-megapixel JPEGs": (4000, 3000, 6)}  # width, height, how many
MEMORY_SIZES = (2_000, 20_000)


def write_images(folder: Path, width: int, height: int, count: int) -> Split:
    """`count` drawn faces as JPEGs, with a little noise as cameras give; large ones are drawn smaller and scaled up."""
    names, rng = [], np.random.default_rng(0)
    folder.mkdir()
    for k in range(count):
        face = draw_face(Identity.draw(rng), tuple(EXPRESSIONS)[k % 3], rng, min(width, 512), False)
        values = np.asarray(face.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
        values += rng.integers(-4, 5, values.shape, np.int16)
        names.append(f"{k}.jpg")
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(folder / names[-1], quality=90)
    return Split("train", folder, ("a", "b"), tuple(names), (0,) * count)


def seconds_plain(split: Split, transform, batch_size: int, total: int) -> float:
    """An image, over `total` images in batches."""
    begin = time.perf_counter()
    for start in range(0, total, batch_size):
        chosen = range(start, min(start + batch_size, total))
        torch.stack([transform(load_image(split.folder / split.paths[k % len(split.paths)])) for k in chosen])
    return (time.perf_counter() - begin) / total


def seconds_cached(dataset: ReducedDataset, batch_size: int, total: int) -> float:
    """An image, over `total` images in batches, as a DataLoader asks for them."""
    begin = time.perf_counter()
    for start in range(0, total, batch_size):
        chosen = range(start, min(start + batch_size, total))
        dataset.__getitems__([(k // len(dataset), k % len(dataset)) for k in chosen])
    return (time.perf_counter() - begin) / total


def compare(title: str, split: Split, folder: Path, args: argparse.Namespace) -> None:
    """Print a line: the rates of both, in turns, and how long the cache took."""
    begin = time.perf_counter()
    images = open_cache(split, title, stored_for(args.transform, EVEN224), folder)
    built = (time.perf_counter() - begin) / len(split.paths)
    ours = create_dataset(split, args.transform, EVEN224, "rgb", 0, images)
    transform = create_transform(args.transform)
    theirs = FaceDataset(split, transform, 0)
    for index in range(min(len(split.paths), 50)):
        if not torch.equal(ours[3, index][0], theirs[3, index][0][:, ::2, ::2]):
            raise SystemExit(f"error: image {index} differs from the plain pipeline's")
    runs = [
        (seconds_plain(split, transform, args.batch_size, len(split.paths)), seconds_cached(ours, args.batch_size, 4096))
        for _ in range(args.repeats)
    ]
    plain, cached = (statistics.median(column) for column in zip(*runs))
    ratios = sorted(slow / fast for slow, fast in runs)
    kilobytes = sum((split.folder / name).stat().st_size for name in split.paths) / len(split.paths) / 1000
    print(
        f"{title} ({kilobytes:.0f} kB each): plain {1 / plain:.1f} images/s, cached {1 / cached:.0f} images/s "
        f"({1e6 * cached:.0f} µs each), {statistics.median(ratios):.0f} times as many ({ratios[0]:.0f} to {ratios[-1]:.0f} in "
        f"{args.repeats} runs); building the cache {1000 * built:.1f} ms per image; bits equal",
        flush=True,
    )


@dataclass(frozen=True)
class Drawn(Split):
    """Images made up when they are asked for, so that a large data set needs no files."""

    def image(self, index: int) -> Image.Image:
        return Image.new("RGB", (128, 128), (index % 251, index % 13, index % 7))


def print_memory(count: int, folder: Path, args: argparse.Namespace) -> None:
    """Build a cache of `count` images, read all of it, and print the process's peak memory before and after each."""
    split = Drawn("train", folder, ("a", "b"), tuple(f"{k}.jpg" for k in range(count)), (0,) * count)
    stored, peaks = stored_for(args.transform, EVEN224), [_peak()]
    begin = time.perf_counter()
    images = open_cache(split, "made up", stored, folder)
    peaks.append(_peak())
    built = time.perf_counter() - begin
    seconds_cached(create_dataset(split, args.transform, EVEN224, "rgb", 0, images), args.batch_size, count)
    peaks.append(_peak())
    print(
        f"{count} images, cache of {images.path.stat().st_size / 1e6:.0f} MB built in {built:.1f} s: peak memory "
        f"{peaks[0]:.0f} MiB at the start, {peaks[1]:.0f} MiB after building, {peaks[2]:.0f} MiB after reading all of it",
        flush=True,
    )


def _peak() -> float:
    """MiB: resident memory at its highest. Not getrusage's, which a process inherits from the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Print a line for each kind of image, and one for each size of data set, measured in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data", description=__doc__.splitlines()[0])
    names = [name for name in ("plain", "pad", "flip", "flip-erase", "flip-erase-always") if plan_reduced(name)]
    parser.add_argument("--transform", choices=names, default="flip-erase", help="(default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=64, help="images (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each (default: %(default)s)")
    parser.add_argument("--memory", type=int, nargs="+", help="only measure memory, at this many images (Linux)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        if args.memory:
            for count in args.memory:
                print_memory(count, Path(folder), args)
            return
        print(f"one core, transform {args.transform}, batches of {args.batch_size}")
        for title, (width, height, count) in IMAGES.items():
            compare(title, write_images(Path(folder, title), width, height, count), Path(folder, "cache"), args)
    for count in MEMORY_SIZES:
        command = [sys.executable, "-m", "benchmarks.data", "--transform", args.transform, "--batch-size", str(args.batch_size)]
        subprocess.run([*command, "--memory", str(count)], check=True)


if __name__ == "__main__":
    main()
