"""The published training protocols: one table of recipes, model × data type, and what the data types themselves fix.

Imports no torch. Sources: POSTER V2 (Mao et al., 2023, arXiv:2301.12149, section 4.2), POSTER V1 (Zheng et al., 2023,
arXiv:2204.04083), Deep-Emotion (arXiv:1902.01019) and their public training code; for AI-Hub and VR the study that was
built on POSTER V2's. REPRODUCTION.md lists where we deviate.
"""

from dataclasses import dataclass, field, replace

from models import MODELS
from models.contract import OTHER
from models.files.published_files import LABEL_ORDERS


@dataclass(frozen=True)
class Recipe:
    """How a network is trained on a data set: each field is a setting of the same name, with a flag of its own.

    rho: SAM's radius, 0 for none. lr_decay: the rate's factor an epoch. transform and eval_transform: names of
    `data_preprocessing.loading.transforms`, loss: of `engine.training.losses`.
    sampler: shuffled, or class-balanced with replacement.
    more: other settings than these, which replace the flags' defaults.
    """

    lr: float
    batch_size: int
    epochs: int
    loss: str = "ce"
    optimizer: str = "adam"
    rho: float = 0.05
    lr_decay: float = 0.98
    weight_decay: float = 0.0
    transform: str = "flip-erase"
    eval_transform: str = "plain"
    sampler: str = "shuffled"
    channel_order: str = "rgb"
    more: dict = field(default_factory=dict)


# Names for the command line, which imports neither torch nor torchvision; tests hold them equal to the tables themselves
LOSSES = ("ce", "2ls+ce")
TRANSFORMS = ("plain", "pad", "flip", "flip-erase", "flip-erase-always", "flip-noise-erase", "jitter-affine-erase")
FINDERS = ("yunet", "retinaface")  # the default first
SYNTHETIC = "synthetic"  # our own, for the drawn faces that serve where there is no --data

_V2 = Recipe(lr=3.5e-5, batch_size=144, epochs=200)
_V2_AFFECTNET = replace(_V2, lr=1e-6, transform="flip-erase-always", sampler="balanced")
_STUDY = replace(_V2, batch_size=64, epochs=50, transform="jitter-affine-erase", eval_transform="pad")
_V1 = Recipe(lr=4e-5, batch_size=200, epochs=300, loss="2ls+ce", transform="flip-noise-erase")
_DEEP = Recipe(lr=5e-3, batch_size=128, epochs=100, rho=0.0, lr_decay=1.0, transform="plain")
_DEEP_PAPER = replace(_DEEP, weight_decay=1e-3)
_ANY = Recipe(lr=1e-3, batch_size=64, epochs=100, rho=0.0, transform="flip")  # of a network without a recipe of its own
_DRAWN = dict(rho=0.0, transform="flip")  # of 300 drawn faces (engine.data), in minutes on two cores

RECIPES = {
    "poster_v2": {
        "RAF-DB": _V2,
        "AffectNet-7": _V2_AFFECTNET,
        "AffectNet-8": _V2_AFFECTNET,
        "CAER-S": replace(_V2, lr=4e-5, transform="flip-erase-always"),
        "AI-Hub": _STUDY,
        "VR": _STUDY,
        SYNTHETIC: replace(
            _V2,
            lr=1.2e-4,
            batch_size=4,
            epochs=3,
            lr_decay=0.5,
            more={"precision": "auto", "init": "positions", "feature_lr_scale": 0.1, "pretrained": "none"},
            **_DRAWN,
        ),
        OTHER: _V2,
    },
    "poster_v1": {
        "RAF-DB": replace(_V1, channel_order="bgr"),
        SYNTHETIC: replace(_V1, lr=1.2e-4, batch_size=8, epochs=8, more={"precision": "auto", "pretrained": "none"}, **_DRAWN),
        OTHER: _V1,
    },
    "deep_emotion": {SYNTHETIC: replace(_DEEP, lr=1e-3, batch_size=32, epochs=80), OTHER: _DEEP},
    "deep_emotion_paper": {SYNTHETIC: replace(_DEEP_PAPER, lr=1e-3, batch_size=32, epochs=80), OTHER: _DEEP_PAPER},
    OTHER: {SYNTHETIC: replace(_ANY, batch_size=32, epochs=80), OTHER: _ANY},
}


@dataclass(frozen=True)
class DataType:
    """label_order: the published weights' classes in output order, () where none is known; numbers start at first_label.

    variant: of POSTER V1.
    """

    label_order: tuple[str, ...] = ()
    first_label: int = 0
    variant: str = "rafdb"


DATA_TYPES = {
    "RAF-DB": DataType(LABEL_ORDERS["RAF-DB"], first_label=1),
    "AffectNet-7": DataType(LABEL_ORDERS["AffectNet-7"], variant="affectnet"),
    "AffectNet-8": DataType(LABEL_ORDERS["AffectNet-8"], variant="affectnet"),
    "CAER-S": DataType(LABEL_ORDERS["CAER-S"]),
    "AI-Hub": DataType(),
    "VR": DataType(),
    "FER2013": DataType(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")),
    SYNTHETIC: DataType(),
}


def find_recipe(model: str, data_type: str) -> Recipe:
    """The row of RECIPES for a network and a data set, its `other` row where it was not published on that data set."""
    rows = RECIPES[MODELS[model].family]
    return rows.get(data_type, rows[OTHER])


def recipe_table() -> str:
    """RECIPES as text, for --help."""
    columns = ("lr", "batch_size", "epochs", "loss", "rho", "lr_decay", "weight_decay", "transform", "sampler", "channel_order")
    rows = [("model", "data type", *columns)]
    for family, recipes in RECIPES.items():
        rows += [(family, kind, *(_cell(getattr(recipe, name)) for name in columns)) for kind, recipe in recipes.items()]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join(["recipes, by --model and --data_type (a POSTER V1 of any size is poster_v1):", *lines])


def _cell(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
