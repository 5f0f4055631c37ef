"""Flags about the network and its optimisation: see engine.config.flags, which puts all together. No torch."""

from dataclasses import dataclass

from engine.config.flag import COMMAND, LARGEST_INT, by_recipe, flag, with_default
from engine.config.recipes import LOSSES
from models import HEADS, MODELS

_MARGINS = ", ".join(f"{margin:g} {name}" for name, margin in HEADS.items() if margin)


@dataclass
class TrainingFlags:
    """Which network is trained, from where, and how."""

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
