"""The splits of a run: found, checked picture by picture, in the network's class order."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from data_preprocessing.datasets import FaceDataset
from data_preprocessing.errors import DataError
from data_preprocessing.folders import Split, check_pictures, check_same_classes
from data_preprocessing.loaders import create_loader
from data_preprocessing.sources import open_source
from data_preprocessing.synthetic import write_synthetic
from data_preprocessing.transforms import create_transform
from models import MODELS

SYNTHETIC_FOLDER = Path("data/synthetic")


def progress(items: Iterable, total: int, text: str) -> tqdm:
    """A progress bar over `items`, silent where the output is no terminal."""
    return tqdm(items, total=total, desc=text, leave=False, disable=not sys.stderr.isatty())


def locate(data: str | None, say: Callable[[str], None]) -> dict[str, Callable[[], Split]]:
    """The splits of --data by name, each read when called; without --data of the synthetic faces, drawn on first use."""
    if data is None:
        if not SYNTHETIC_FOLDER.exists():
            say(f"no --data given: drawing synthetic faces into {SYNTHETIC_FOLDER}")
        data = write_synthetic(SYNTHETIC_FOLDER, progress=progress)
    return open_source(data, say)


def training_splits(data: str | None, sources: dict[str, Callable[[], Split]]) -> tuple[list[Split], str]:
    """[train, selection, report] and a warning, empty where there is none.

    data: what --data names, for messages. The epoch is chosen on the second and reported on the third. Raises DataError
    where the splits do not suffice.
    """
    if "train" not in sources:
        raise DataError(f"--data {data}: no train split (found {', '.join(sources)})")
    if len(sources) == 1:
        raise DataError(f"--data {data}: neither valid nor test beside train; the epoch is chosen on valid/ (or val/)")
    splits = {name: read() for name, read in sources.items()}
    check_same_classes(splits.values())
    selection, report = splits.get("valid", splits.get("test")), splits.get("test", splits.get("valid"))
    warning = ""
    if selection is report:
        missing = "valid" if selection.name == "test" else "test"
        warning = (
            f"warning: no {missing} split: the epoch is chosen on {selection.name} and reported on the same pictures, "
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


def training_loader(split: Split, settings: SimpleNamespace, device: torch.device) -> DataLoader:
    """Shuffled or class-balanced batches under the training transform, or the evaluation one without augmentation."""
    name = settings.transform if settings.augmentation else settings.eval_transform
    dataset = FaceDataset(split, _transform(name, settings), settings.seed)
    pin, balanced = device.type == "cuda", settings.sampler == "balanced"
    return create_loader(dataset, settings.batch_size, settings.workers, pin, shuffle=True, balanced=balanced)


def evaluation_loader(split: Split, settings: SimpleNamespace, device: torch.device) -> DataLoader:
    """Every picture once, in order, without any random transform."""
    dataset = FaceDataset(split, _transform(settings.eval_transform, settings), settings.seed)
    return create_loader(dataset, settings.batch_size, settings.workers, device.type == "cuda")


def _transform(name: str, settings: SimpleNamespace):
    return create_transform(name, MODELS[settings.model].picture, settings.channel_order)
