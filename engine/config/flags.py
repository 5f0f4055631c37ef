"""Every flag of `main.py`, once: the fields of `Settings`. No torch.

The parser, the defaults, the range checks, what a checkpoint stores and may hold, what makes two runs one configuration, and
docs/flags.md are read from here.
"""

import argparse
from dataclasses import dataclass, fields

from engine.config.flag import COMMAND, LARGEST_INT, MACHINE, by_recipe, described, flag, with_default
from engine.config.machine import worker_count
from engine.config.recipes import DATA_TYPES, FINDERS, LOSSES, SYNTHETIC, TRANSFORMS
from models import HEADS, MODELS

GROUPS = ("data", "model", "optimisation", "run")
_MARGINS = ", ".join(f"{margin:g} {name}" for name, margin in HEADS.items() if margin)


@dataclass
class Settings:
    """All settings of a command, one field per flag; those without a flag come from the script, the data set and the recipe."""

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
        f"protocol (default: RAF-DB; FER2013 for its CSV; without --data {SYNTHETIC})",
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

    model: str = with_default("--model", "model", "", "poster_v2", choices=MODELS)  # also what is registered later
    head: str = with_default("--head", "model", "of a POSTER", "linear", choices=tuple(HEADS))
    margin: float | None = flag("--margin", "model", f"of a margin head (default: {_MARGINS})", metavar="X", least=0)
    scale: float = with_default("--scale", "model", "factor of a margin head's cosines", 64.0, metavar="X", above=0)
    h: float = with_default(
        "--h", "model", "how much AdaFace's margin follows the embedding's length", 0.333, metavar="X", least=0
    )
    pretrained: str = with_default(
        "--pretrained", "model", "folder of the backbones' files, or none", "models/pretrain", metavar="DIR", path=True
    )
    init: str = with_default(
        "--init", "model", "how POSTER V2's transformer starts", "reference", choices=("reference", "positions")
    )
    finetune: str | None = flag(
        "--finetune",
        "model",
        "start from this trained file, with a new head where its classes are others; published:rafdb as for --evaluate",
        metavar="FILE",
        path=True,
    )
    freeze: str = with_default(
        "--freeze", "model", "features: train what follows the backbones alone", "none", choices=("none", "features")
    )
    freeze_landmark_bn: bool = flag(
        "--freeze-landmark-bn", "model", "keep the landmark network's BatchNorm still (default: it moves)", False
    )

    epochs: int | None = by_recipe("--epochs", "optimisation", "epochs in all", metavar="N", least=1, most=LARGEST_INT)
    start_epoch: int | None = flag(
        "--start-epoch",
        "optimisation",
        "epochs to count as done (default: 0, or the resumed file's)",
        metavar="N",
        least=0,
        most=LARGEST_INT,
        lifetime=COMMAND,
    )
    patience: int = flag(
        "--patience",
        "optimisation",
        "stop after N epochs without a better validation accuracy (default: 0, train all --epochs)",
        0,
        metavar="N",
        least=0,
        most=LARGEST_INT,
    )
    batch_size: int | None = by_recipe(
        "-b --batch-size", "optimisation", "images per step", metavar="N", least=1, most=LARGEST_INT
    )
    accumulate: int = with_default(
        "--accumulate", "optimisation", "parts that a batch is computed in", 1, metavar="N", least=1, most=LARGEST_INT
    )
    loss: str | None = by_recipe("--loss", "optimisation", "cross-entropy, or with twice a label-smoothed one", choices=LOSSES)
    class_weights: str = flag(
        "--class-weights",
        "optimisation",
        "weights of the classes in the loss: balanced (inverse to their numbers), or a CSV of class,weight (default: none)",
        "none",
        metavar="balanced|FILE",
        path=True,
    )
    label_smoothing: float = with_default(
        "--label-smoothing", "optimisation", "share of each label spread over all classes", 0.0, metavar="X", least=0
    )
    optimizer: str | None = by_recipe("--optimizer", "optimisation", "what SAM drives", choices=("adam", "adamw", "sgd"))
    lr: float | None = by_recipe("--lr --learning-rate", "optimisation", "rate of the first epoch", metavar="X", above=0)
    lr_decay: float | None = by_recipe("--lr-decay", "optimisation", "the rate's factor per epoch", metavar="X", above=0)
    feature_lr_scale: float = with_default(
        "--feature-lr-scale", "optimisation", "backbones' rate as a fraction of --lr", 1.0, metavar="X", least=0
    )
    momentum: float = with_default(
        "--momentum", "optimisation", "SGD's; above 0 it replaces Adam's β1, 0.9", 0.0, metavar="X", least=0
    )
    weight_decay: float | None = by_recipe("--wd --weight-decay", "optimisation", metavar="X", least=0)
    rho: float | None = by_recipe(
        "--rho", "optimisation", "SAM's radius; 0: the plain optimiser, one pass", metavar="X", least=0
    )

    config: str | None = flag(
        "--config",
        "run",
        "read flags from this JSON or YAML file, args.json of a run among them; the command line goes first",
        metavar="FILE",
        path=True,
        lifetime=COMMAND,
    )
    resume: str | None = flag(
        "--resume",
        "run",
        "checkpoint to continue; flags that are not given come from it; auto: the newest of --run NAME, or start it",
        metavar="FILE|auto",
        path=True,
        lifetime=COMMAND,
    )
    evaluate: str | None = flag(
        "-e --evaluate",
        "run",
        "checkpoint to test; nothing is trained; published:rafdb is a file of python -m models.fetch",
        metavar="FILE",
        path=True,
        lifetime=COMMAND,
    )
    predict: list[str] | None = flag(  # noqa: RUF009, its default is None
        "--predict",
        "run",
        "with --evaluate FILE: predict the class of each image in these files, folders, globs: aligned face crops, no labels",
        metavar="PATH",
        path=True,
        many=True,
        lifetime=COMMAND,
    )
    out: str | None = flag(
        "--out",
        "run",
        "with --evaluate: new or empty folder for the results (default: log/<run>)",
        metavar="DIR",
        path=True,
        lifetime=COMMAND,
    )
    draw: bool | None = flag(
        "--draw",
        "run",
        "with --predict: one PNG per image, with a bar per class and where the network looks; with --faces photographs, videos "
        "and crops with what is predicted",
        lifetime=COMMAND,
    )
    faces: bool | None = flag(
        "--faces",
        "run",
        "with --predict: find the faces in photographs and videos, and predict each (requirements-faces.txt)",
        lifetime=COMMAND,
    )
    align: str | None = flag(
        "--align",
        "run",
        "with --faces: how a face is cropped (default: as the checkpoint's training images, where it tells; else points)",
        choices=("points", "box"),
        lifetime=COMMAND,
    )
    finder: str | None = flag(
        "--finder",
        "run",
        f"with --faces: what finds them (default: {FINDERS[0]})",
        choices=FINDERS,
        lifetime=COMMAND,
    )
    finder_model: str | None = flag(
        "--finder-model",
        "run",
        "with --faces: an ONNX file of the finder's network in place of its package's",
        metavar="FILE",
        path=True,
        lifetime=COMMAND,
    )
    every: int | None = flag(
        "--every",
        "run",
        "with --faces: look at every Nth frame of a video (default: 1)",
        metavar="N",
        least=1,
        most=LARGEST_INT,
        lifetime=COMMAND,
    )
    smooth: float | None = flag(
        "--smooth",
        "run",
        "with --faces: seconds of a video that a face's probabilities are averaged over (default: 0.5)",
        metavar="X",
        least=0,
        most=60,
        lifetime=COMMAND,
    )
    explain: bool | None = flag(
        "--explain", "run", "with --evaluate: draw where the network looks, on two images per class", lifetime=COMMAND
    )
    deletion: bool | None = flag(
        "--deletion", "run", "with --explain: test as well whether that matters, by blanking it (minutes)", lifetime=COMMAND
    )
    margin_at_eval: bool | None = flag(
        "--margin-at-eval",
        "run",
        "repeat the published evaluation, which gives the labels to the head",
        lifetime=COMMAND,
        configures=True,
    )
    run: str | None = flag("--run", "run", "name of the run's folders (default: the time)", metavar="NAME", lifetime=COMMAND)
    checkpoint_path: str | None = flag(
        "--checkpoint_path", "run", "(default: checkpoint/<run>/last.pth)", metavar="FILE", path=True, lifetime=COMMAND
    )
    best_checkpoint_path: str | None = flag(
        "--best_checkpoint_path", "run", "(default: checkpoint/<run>/best.pth)", metavar="FILE", path=True, lifetime=COMMAND
    )
    save_every: str = with_default(
        "--save-every",
        "run",
        "steps or minutes between two checkpoints within an epoch",
        "15m",
        metavar="N|Nm",
        lifetime=MACHINE,
    )
    on_nan: str = with_default(
        "--on-nan", "run", "a step whose loss or gradient is not finite", "stop", choices=("stop", "skip")
    )
    stall_seconds: float = with_default(
        "--stall-seconds", "run", "report what a batch waits for after X s", 300.0, metavar="X", above=0, lifetime=MACHINE
    )
    seed: int = with_default("--seed", "run", "of every random draw", 0, metavar="N", least=0, most=2**63 - 1, configures=False)
    seeds: str | None = flag(
        "--seeds",
        "run",
        "train one run per seed, NAME_seed<N>, and report mean, deviation and 95 %% interval",
        metavar="N,N,N",
        lifetime=COMMAND,
    )
    print_freq: int = with_default(
        "-p --print-freq", "run", "steps between two reports", 10, metavar="N", least=1, most=LARGEST_INT, lifetime=MACHINE
    )
    tensorboard: bool | None = flag(
        "--tensorboard", "run", "write log/<run>/tensorboard/ too, where that package is installed", lifetime=COMMAND
    )
    device: str = with_default("--device", "run", "", "auto", choices=("auto", "cpu", "cuda", "mps"), lifetime=MACHINE)
    precision: str = with_default(
        "--precision", "run", "auto: bf16 where the hardware has it", "fp32", choices=("auto", "fp32", "bf16", "fp16")
    )
    tf32: str = with_default(
        "--tf32",
        "run",
        "auto: float32 products on a GPU in TF32, where it has it; off: in full",
        "auto",
        choices=("auto", "off"),
        configures=False,
    )
    deterministic: str = with_default(
        "--deterministic",
        "run",
        "equal runs give equal bits; auto: as far as the GPU has kernels; on: or not at all; off: faster",
        "auto",
        choices=("auto", "on", "off"),
        configures=False,
    )
    compile: bool = flag("--compile", "run", "compile the network by torch.compile (default: not)", False)
    gpu: str | None = flag(
        "--gpu", "run", "number of the CUDA GPU; several: one process each (default: 0)", metavar="N|N,N", lifetime=COMMAND
    )
    sync_bn: bool = flag(
        "--sync-bn", "run", "with several processes: BatchNorm over the whole batch (default: each its part)", False
    )

    augmentation: bool = True  # False in main_no_augmentation.py
    variant: str | None = None  # of POSTER V1, by the data set
    eval_transform: str | None = None  # of the recipe
    alignment: str | None = None  # how `prepare --align` cropped the faces of --data; none where it did not


FLAGS = {item.name: described(item) for item in fields(Settings) if item.metadata}
DEFAULTS = {name: one.default for name, one in FLAGS.items() if one.lifetime != COMMAND and not one.by_recipe}
DEFAULTS = {name: value for name, value in DEFAULTS.items() if name not in ("data", "data_type")}  # they depend on each other


def flag_of(name: str) -> str:
    """The flag that a user types for the setting `name`."""
    return FLAGS[name].shown


def of_lifetime(lifetime: str) -> tuple[str, ...]:
    """Names of the settings of one lifetime."""
    return tuple(name for name, one in FLAGS.items() if one.lifetime == lifetime)


def configures(name: str) -> bool:
    """Whether runs that differ in the setting `name` are different configurations. Data are known by their content."""
    return name not in FLAGS or FLAGS[name].configures


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` every flag, by groups."""
    for group in GROUPS:
        titled = parser.add_argument_group(group)
        for one in FLAGS.values():
            if one.group == group:
                titled.add_argument(*one.names, **one.options())
