"""Flags about the data: see engine.config.flags, which puts all together. No torch."""

from dataclasses import dataclass

from engine.config.flag import COMMAND, LARGEST_INT, MACHINE, by_recipe, flag, with_default
from engine.config.machine import worker_count
from engine.config.recipes import DATA_TYPES, SYNTHETIC, TRANSFORMS


@dataclass
class DataFlags:
    """What is read, how it is cut into splits, and what becomes of an image before the network."""

    data: str | None = flag(
        "--data",
        "data",
        "train/, valid/, test/ with one folder per class; FER2013's CSV; a list of images (default: drawn faces)",
        metavar="DIR|FILE",
        path=True,
        configures=False,
    )
    data_type: str | None = flag(
        "--data_type",
        "data",
        "protocol (default: RAF-DB; FER2013 for its CSV; of a folder that prepare wrote what it was made of; without --data "
        f"{SYNTHETIC})",
        choices=tuple(DATA_TYPES),
    )
    transform: str | None = by_recipe("--transform", "data", "of training images", choices=TRANSFORMS)
    sampler: str | None = by_recipe(
        "--sampler", "data", "balanced: every class equally often, with replacement", choices=("shuffled", "balanced")
    )
    channel_order: str | None = flag(
        "--channel-order",
        "data",
        "(default: rgb; bgr for poster_v1 on RAF-DB, as published)",
        choices=("rgb", "bgr"),
        by_recipe=True,
    )
    split: str | None = flag(
        "--split",
        "data",
        "what --evaluate tests (default: test where there is one)",
        choices=("valid", "test"),
        lifetime=COMMAND,
    )
    columns: str | None = flag(
        "--columns",
        "data",
        "of a list: image=NAME,label=NAME; split, subject, box too (default: by their usual names)",
        metavar="ROLE=NAME,...",
        configures=False,
    )
    root: str | None = flag(
        "--root",
        "data",
        "what a list's paths are relative to (default: its folder)",
        metavar="DIR",
        path=True,
        configures=False,
    )
    subject_regex: str | None = flag(
        "--subject-regex",
        "data",
        "of a list or --folds: who is seen: first group, or whole match, of R in an image's path",
        metavar="R",
        configures=False,
    )
    split_seed: int = with_default(
        "--split-seed", "data", "of what is cut: a list without splits, --folds", 0, metavar="N", least=0, most=2**32 - 1,
        configures=False,
    )  # fmt: skip
    folds: str | None = flag(
        "--folds",
        "data",
        "cross-validation: train one run per fold, NAME_fold<N>, and report all test images together; subjects: leave one "
        "subject out",
        metavar="K|subjects",
        configures=False,
    )
    fold: int | None = flag(
        "--fold",
        "data",
        "with --folds: train and test this fold alone, from 1",
        metavar="N",
        least=1,
        most=LARGEST_INT,
        configures=False,
    )
    group: str = flag(
        "--group",
        "data",
        "of --folds: what stays in one fold (default: auto, subject where known)",
        "auto",
        choices=("auto", "subject", "none"),
        configures=False,
    )
    skip_bad_images: bool = flag(
        "--skip-bad-images", "data", "drop and count unreadable images (default: stop at the first)", False
    )
    occlude: str = with_default(
        "--occlude", "data", "cover training faces as a VR headset does", "none", choices=("none", "vr")
    )
    occlude_eval: str = with_default(
        "--occlude-eval", "data", "the same for valid and test faces", "none", choices=("none", "vr")
    )
    cache: str = flag(
        "--cache",
        "data",
        "where decoded and resized images are kept (default: auto, data/cache)",
        "auto",
        metavar="auto|off|DIR",
        path=True,
        lifetime=MACHINE,
    )
    workers: int = with_default(
        "-j --workers",
        "data",
        "decoding processes; auto: as many as there are cores to spare, at most 16",
        2,
        metavar="N|auto",
        least=0,
        most=1024,
        lifetime=MACHINE,
        convert=worker_count,
    )
