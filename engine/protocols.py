"""The published training protocol of each data set, and what they all share. Imports no torch.

Sources: POSTER V2 (Mao et al., 2023, arXiv:2301.12149, section 4.2) and its public training code; for VR the AI Hub / VR
study that was built on that code. REPRODUCTION.md lists where we deviate.
"""

from dataclasses import dataclass

LR_DECAY = 0.98  # the learning rate's factor per epoch in every published run
DEFAULTS = {  # where neither the command line, nor a resumed checkpoint, nor the protocol says otherwise
    "model": "poster_v2",
    "optimizer": "adam",
    "momentum": 0.0,
    "weight_decay": 0.0,
    "rho": 0.05,
    "feature_lr_scale": 1.0,
    "init": "reference",
    "pretrained": "models/pretrain",
    "freeze_landmark_bn": False,
    "seed": 0,
    "workers": 2,
    "print_freq": 10,
    "device": "auto",
    "precision": "fp32",
    "skip_bad_images": False,
}


@dataclass(frozen=True)
class Protocol:
    """One row of the table below.

    train_transform and eval_transform are names of `data_preprocessing.transforms`; label_order lists the published
    weights' classes in output order, label_numbers starts at first_label.
    """

    lr: float
    batch_size: int = 144
    epochs: int = 200
    train_transform: str = "flip-erase"
    eval_transform: str = "plain"
    balanced_sampling: bool = False
    label_order: tuple[str, ...] = ()
    first_label: int = 0
    overrides: tuple[tuple[str, object], ...] = ()


SYNTHETIC = "synthetic"  # our own protocol, for the drawn faces that serve where there is no --data
_AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")

PROTOCOLS = {
    "RAF-DB": Protocol(
        lr=3.5e-5,
        label_order=("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"),
        first_label=1,
    ),
    "AffectNet-7": Protocol(1e-6, train_transform="flip-erase-always", balanced_sampling=True, label_order=_AFFECTNET[:7]),
    "AffectNet-8": Protocol(1e-6, train_transform="flip-erase-always", balanced_sampling=True, label_order=_AFFECTNET),
    "CAER-S": Protocol(
        lr=4e-5,
        train_transform="flip-erase-always",
        label_order=("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    ),
    "VR": Protocol(3.5e-5, batch_size=64, epochs=50, train_transform="jitter-affine-erase", eval_transform="pad"),
    SYNTHETIC: Protocol(
        lr=1.2e-4,
        batch_size=8,
        epochs=2,
        train_transform="flip",
        overrides=(
            ("rho", 0.0),
            ("precision", "auto"),
            ("init", "positions"),
            ("feature_lr_scale", 0.1),
            ("pretrained", "none"),
        ),
    ),
}
