"""The splits of a run: found, checked picture by picture, in the network's class order."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from data_preprocessing.datasets import FaceDataset
from data_preprocessing.errors import DataError
from data_preprocessing.folders import Split, check_pictures, check_same_classes, find_splits, read_split
from data_preprocessing.loaders import create_loader
from data_preprocessing.synthetic import write_synthetic
from data_preprocessing.transforms import create_transform
from engine.protocols import Protocol

SYNTHETIC_FOLDER = Path("data/synthetic")


def progress(items: Iterable, total: int, text: str) -> tqdm:
    """A progress bar over `items`, silent where the output is no terminal."""
    return tqdm(items, total=total, desc=text, leave=False, disable=not sys.stderr.isatty())


def locate(data: str | None, say: Callable[[str], None]) -> dict[str, Path]:
    """The split folders of --data, or of the built-in synthetic faces, which are drawn on first use."""
    if data is None:
        if not SYNTHETIC_FOLDER.exists():
            say(f"no --data given: drawing synthetic faces into {SYNTHETIC_FOLDER}")
        data = write_synthetic(SYNTHETIC_FOLDER, progress=progress)
    return find_splits(data)


def training_splits(folders: dict[str, Path]) -> tuple[list[Split], str]:
    """[train, selection, report] and a warning, empty where there is none.

    The epoch is chosen on the second and reported on the third. Raises DataError where the folders do not suffice.
    """
    root = next(iter(folders.values())).parent
    if "train" not in folders:
        raise DataError(f"--data {root}: no train/ folder (found {', '.join(f'{p.name}/' for p in folders.values())})")
    if len(folders) == 1:
        raise DataError(f"--data {root}: neither valid/ (or val/) nor test/ beside train/; the epoch is chosen on valid/")
    splits = {name: read_split(name, folder) for name, folder in folders.items()}
    check_same_classes(splits.values())
    selection, report = splits.get("valid", splits.get("test")), splits.get("test", splits.get("valid"))
    warning = ""
    if selection is report:
        missing = "valid" if selection.name == "test" else "test"
        warning = (
            f"warning: no {missing}/ folder: the epoch is chosen on {selection.name}/ and reported on the same pictures, "
            "so the reported result is optimistic"
        )
    return [splits["train"], selection, report], warning


def checked(splits: list[Split], skip_bad: bool, say: Callable[[str], None]) -> tuple[list[Split], dict[str, str]]:
    """The splits without unreadable pictures (named and counted through `say`), and each one's fingerprint."""
    clean, fingerprints = {}, {}
    for split in splits:
        if split.name in clean:
            continue
        clean[split.name], bad, fingerprints[split.name] = check_pictures(split, skip_bad, progress)
        if bad:
            say(f"{split.name}: {len(bad)} unreadable pictures dropped: {'; '.join(bad)}")
        counts = ", ".join(f"{name} {n}" for name, n in clean[split.name].counts().items())
        say(f"{split.name}: {len(clean[split.name].paths)} pictures ({counts})")
    return [clean[split.name] for split in splits], fingerprints


def training_loader(split: Split, protocol: Protocol, settings, device: torch.device) -> DataLoader:
    """Shuffled or class-balanced batches under the protocol's training transform, or its evaluation one without any."""
    name = protocol.train_transform if settings.augmentation else protocol.eval_transform
    dataset = FaceDataset(split, create_transform(name), settings.seed)
    pin, balanced = device.type == "cuda", protocol.balanced_sampling
    return create_loader(dataset, settings.batch_size, settings.workers, pin, shuffle=True, balanced=balanced)


def evaluation_loader(split: Split, protocol: Protocol, settings, device: torch.device) -> DataLoader:
    """Every picture once, in order, without any random transform."""
    dataset = FaceDataset(split, create_transform(protocol.eval_transform), settings.seed)
    return create_loader(dataset, settings.batch_size, settings.workers, device.type == "cuda")
