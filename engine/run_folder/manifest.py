"""The images that a run was trained and tested on, one by one: so that they are not checked twice, and are known again."""

import contextlib
import csv
from pathlib import Path

import torch
from torch import Tensor

from data_preprocessing.common.files import replacing
from data_preprocessing.sources.folders import Stamps

_COLUMNS = ("split", "path", "bytes", "changed_ns", "sha256")


def write_manifest(path: Path, stamps: dict[str, Stamps]) -> None:
    """A CSV with a row per image, by split; stamps as in data_preprocessing.sources.folders.Checked."""
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for split, images in stamps.items():
            writer.writerows((split, name, *stamp) for name, stamp in images.items())


def read_manifest(path: Path) -> dict[str, Stamps]:
    """What `write_manifest` wrote, {} where there is no such file or it is damaged: then every image is checked anew."""
    stamps: dict[str, Stamps] = {}
    with contextlib.suppress(OSError, ValueError, csv.Error):
        with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
            for row in csv.DictReader(file, strict=True):
                if set(row) != set(_COLUMNS) or len(row["sha256"] or "") != 64:
                    return {}
                stamp = int(row["bytes"]), int(row["changed_ns"]), row["sha256"]
                stamps.setdefault(row["split"], {})[row["path"]] = stamp
        return stamps
    return {}


def image_hashes(stamps: Stamps) -> Tensor:
    """(N,) int64: the first 8 bytes of each image's SHA-256, to be kept in checkpoints."""
    return torch.tensor([int.from_bytes(bytes.fromhex(d[:16]), signed=True) for *_, d in stamps.values()], dtype=torch.int64)


def seen_images(known: dict[str, Tensor], stamps: Stamps) -> dict[str, int]:
    """How many of the images of `stamps` a run had in each of its splits, by their content. known: of its checkpoint."""
    hashes = image_hashes(stamps)
    return {split: int(torch.isin(hashes, seen).sum()) for split, seen in known.items()}
