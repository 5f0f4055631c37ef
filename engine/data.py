"""The splits of a run: found, checked image by image, in the network's class order."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from data_preprocessing.audit.report import find_verdict
from data_preprocessing.common.class_names import absent_classes, display_order, require_training_images, with_classes_of
from data_preprocessing.common.console import progress
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import reason
from data_preprocessing.loading.cache import CachedImages, open_cache
from data_preprocessing.loading.cached import create_dataset, stored_for
from data_preprocessing.loading.loaders import create_loader
from data_preprocessing.loading.occlusion import HeadsetOcclusion
from data_preprocessing.loading.stored import Stored
from data_preprocessing.sources.folders import Checked, Split, Stamps, check_images
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.synthetic.command import write_synthetic
from engine.checkpoints.class_names import is_spare
from engine.config.flags import Settings
from engine.config.settings import reading_of
from engine.distributed import SINGLE, Group
from engine.run_folder.layout import WARNING
from models import MODELS

CACHE_FOLDER = Path("data/cache")
# what the recipes of SYNTHETIC are made for; many persons, each once per class, teach more than few in several views
SYNTHETIC_FOLDER, SYNTHETIC_FACES = Path("data/drawn_faces"), dict(people={"train": 100, "valid": 20, "test": 50}, views=1)
Cached = Callable[[Split, Stored], CachedImages | None] | None  # see `caching`


def locate(settings: Settings, say: Callable[[str], None], stored: Path | None = None) -> dict[str, Callable[[], Split]]:
    """The splits of --data by name, each read when called; without --data of the synthetic faces, drawn on first use.

    stored: the checkpoint that settings.data comes from, None where the command line names it.
    """
    data = settings.data
    if data is not None and stored and not os.path.exists(data):
        raise DataError(f"--data {data}, as stored in {stored}: no such file or folder; --data NEW names its new place")
    if data is None:
        if not SYNTHETIC_FOLDER.exists():
            say(f"no --data given: drawing synthetic faces into {SYNTHETIC_FOLDER}")
        try:
            data = write_synthetic(SYNTHETIC_FOLDER, **SYNTHETIC_FACES, progress=progress)
        except OSError as error:
            raise DataError(f"{SYNTHETIC_FOLDER}: cannot be written ({reason(error)}); give images by --data DIR") from None
    return open_source(data, say, reading_of(settings))


def noting(say: Callable[[str], None]) -> tuple[Callable[[str], None], list[str]]:
    """`say`, and the warnings that were said through it, for the records of a run."""
    found: list[str] = []

    def say_and_note(text: str) -> None:
        say(text)
        if text.startswith(WARNING):
            found.append(text)

    return say_and_note, found


def training_splits(data: str | None, sources: dict[str, Callable[[], Split]]) -> tuple[list[Split], list[str]]:
    """[train, selection, report], all with the classes of train, and what is to be said of them; warnings are marked.

    data: what --data names, for messages. The epoch is chosen on the second and reported on the third. Raises DataError
    where the splits do not suffice, and where train lacks a class of another.
    """
    if "train" not in sources:
        raise DataError(f"--data {data}: no train split (found {', '.join(sources)})")
    if len(sources) == 1:
        raise DataError(f"--data {data}: neither valid nor test beside train; the epoch is chosen on valid/ (or val/)")
    splits, said = {"train": sources["train"]()}, []
    train = splits["train"]
    for name, read in sources.items():
        if name != "train":
            splits[name], matched = with_classes_of(read(), train.classes, str(train.folder))
            said.append(matched)
    said.append(require_training_images(train, splits.values()))
    selection, report = splits.get("valid", splits.get("test")), splits.get("test", splits.get("valid"))
    if selection is report:
        missing = "valid" if selection.name == "test" else "test"
        said.append(
            f"warning: no {missing} split: the epoch is chosen on {selection.name} and reported on the same images, "
            "so the reported result is optimistic"
        )
    return [train, selection, report], list(filter(None, said))


def absence(split: Split) -> str:
    """A warning that names the classes of which a split to be scored has no image, "" where it has all.

    Outputs that stand for no class are none.
    """
    absent = [name for name in absent_classes(split) if not is_spare(name)]
    if not absent:
        return ""
    present = len(set(split.labels))
    return (
        f"warning: {split.name} has no image of {', '.join(absent)}: no recall is given there, and balanced accuracy and macro "
        f"F1 are means over the {present} class{'es' if present != 1 else ''} that it has"
    )


def checked(
    splits: list[Split], skip_bad: bool, say: Callable[[str], None], known: dict[str, Stamps] | None = None
) -> tuple[list[Split], dict[str, Checked]]:
    """The splits without unreadable images (named and counted through `say`), and what the check found, by split name.

    known: stamps of an earlier check by split name; unchanged files are not decoded again.
    """
    results: dict[str, Checked] = {}
    for split in splits:
        if split.name in results:
            continue
        result = check_images(split, skip_bad, progress, (known or {}).get(split.name))
        results[split.name] = result
        classes, numbers = result.split.classes, list(result.split.counts().values())
        if result.bad:
            say(f"{split.name}: {len(result.bad)} unreadable images dropped: {'; '.join(result.bad)}")
        counts = ", ".join(f"{classes[k]} {numbers[k]}" for k in display_order(classes))
        say(f"{split.name}: {len(result.split.paths)} images ({counts})")
    return [results[split.name].split for split in splits], results


def audited(settings: Settings, say: Callable[[str], None]) -> str | None:
    """What the audit beside the data, if there is one, found to leak between splits; said as a warning. Of folds nothing:
    they are no splits that it saw."""
    verdict = find_verdict(settings.data) if settings.data and settings.folds is None else None
    if verdict:
        say(f"warning: {verdict}")
    return verdict


def training_loader(
    split: Split, settings: Settings, device: torch.device, cached: Cached = None, group: Group = SINGLE
) -> DataLoader:
    """Shuffled or class-balanced batches under the training transform, or the evaluation one without augmentation.

    group: processes that each load a part of every batch.
    """
    name = settings.transform if settings.augmentation else settings.eval_transform
    dataset = _dataset(split, name, settings, cached, _occlusion(settings.occlude))
    balanced = settings.sampler == "balanced"
    share = group.rank, group.size
    pinned = device.type == "cuda"
    return create_loader(dataset, settings.batch_size, settings.workers, pinned, shuffle=True, balanced=balanced, share=share)


def evaluation_loader(
    split: Split, settings: Settings, device: torch.device, cached: Cached = None, group: Group = SINGLE
) -> DataLoader:
    """Every image once, in order, without any random transform; each process of `group` has its own part of them."""
    dataset = _dataset(split, settings.eval_transform, settings, cached, _occlusion(settings.occlude_eval, fixed=True))
    share, size = (group.rank, group.size), max(1, settings.batch_size // group.size)
    return create_loader(dataset, size, settings.workers, device.type == "cuda", share=share)


def caching(
    settings: Settings, fingerprints: dict[str, str], say: Callable[[str], None]
) -> Callable[[Split, Stored], CachedImages | None] | None:
    """What opens or builds the cache of a split's resized images as --cache says; None for `off`.

    fingerprints: of the splits by their name. Under `auto` the run goes on without a cache that cannot be had, and says so.
    """
    if settings.cache == "off":
        return None
    folder = CACHE_FOLDER if settings.cache == "auto" else Path(settings.cache)

    def open_or_build(split: Split, stored: Stored) -> CachedImages | None:
        try:
            return open_cache(split, fingerprints[split.name], stored, folder, max(1, settings.workers), say, progress)
        except DataError as error:
            if settings.cache != "auto":
                raise
            say(f"{error}; going on without a cache")
            return None

    return open_or_build


def first_batch(loader: DataLoader, epoch: int) -> tuple[Tensor, Tensor]:
    """The first images (B, C, H, W), at most 32, and labels (B,) of an epoch, as training will see them; starts no worker."""
    loader.batch_sampler.set_epoch(epoch)
    keys = next(iter(loader.batch_sampler))[:32]
    images, labels, _ = zip(*(loader.dataset[key] for key in keys))
    return torch.stack(images), torch.tensor(labels)


def _dataset(split: Split, name: str, settings: Settings, cached: Cached, occlusion: HeadsetOcclusion | None) -> Dataset:
    image = MODELS[settings.model].image
    # a headset is drawn on the image as it was decoded, each time another one in training
    stored = stored_for(name, image) if cached and not occlusion else None
    images = cached(split, stored) if stored else None
    return create_dataset(split, name, image, settings.channel_order, settings.seed, images, occlusion)


def _occlusion(name: str, fixed: bool = False) -> HeadsetOcclusion | None:
    return HeadsetOcclusion(fixed=fixed) if name == "vr" else None
