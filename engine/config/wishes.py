"""What a user named on the command line and would not get: refused, or said in one line. No torch.

Only flags of this command count: what a checkpoint, a recipe or a default says was not asked for now.
"""

from data_preprocessing.sources.reading import ENDINGS
from engine.config.flags import DEFAULTS, FLAGS, Settings, flag_of
from engine.config.folds import OF_THE_DATA
from engine.errors import UsageError
from models import MODELS

_OF_TRAINING = {name for name, one in FLAGS.items() if one.group == "optimisation"} - {"batch_size"} | {
    "transform", "sampler", "occlude", "pretrained", "init", "finetune", "freeze", "freeze_landmark_bn", "checkpoint_path",
    "best_checkpoint_path", "save_every", "on_nan", "print_freq", "compile", "sync_bn",
}  # fmt: skip
_NOT_OF_GIVEN_IMAGES = {"data", "cache", "skip_bad_images", "split_seed", *OF_THE_DATA}
_OF_A_START = {"pretrained", "init", "finetune"}


def require_backbones(settings: Settings, flags: dict) -> None:
    """Raises UsageError for a flag about backbones where the network has none."""
    architecture = MODELS[settings.model]
    if flags.get("pretrained", "none") != "none" and not architecture.pretrained_files:
        raise UsageError(f"--pretrained {flags['pretrained']}: {settings.model} has no pretrained backbones; leave it out")
    if flags.get("feature_lr_scale", 1.0) != 1.0 and not architecture.has_features:
        raise UsageError(
            f"--feature-lr-scale {flags['feature_lr_scale']:g}: {settings.model} has no backbones with a rate of their own; "
            "leave it out"
        )


def require_loss(settings: Settings) -> None:
    """Raises UsageError for class weights or smoothing that the chosen objective or sampler already has a form of."""
    for name in ("class_weights", "label_smoothing"):
        if settings.loss != "ce" and getattr(settings, name) != DEFAULTS[name]:
            raise UsageError(f"{flag_of(name)}: --loss {settings.loss} is a published objective as it is; add --loss ce")
    if settings.class_weights != "none" and settings.sampler == "balanced":
        raise UsageError("--class-weights: --sampler balanced draws every class equally often already; leave one out")
    if settings.label_smoothing >= 1:
        raise UsageError(f"--label-smoothing {settings.label_smoothing:g}: must be below 1, where labels say nothing any more")


def require_start(settings: Settings, flags: dict) -> None:
    """Raises UsageError for flags about the first weights that exclude each other or that the network has no use for."""
    if "finetune" in flags:
        for name, harmless in (("pretrained", "none"), ("resume", "auto"), ("start_epoch", None)):
            if flags.get(name, harmless) != harmless:
                raise UsageError(f"--finetune and {flag_of(name)} exclude each other: a new run starts from FILE")
    if settings.freeze == "features" and not MODELS[settings.model].has_features:
        raise UsageError(f"--freeze features: {settings.model} has no backbones to freeze; leave it out")


def require_one_device(flags: dict) -> None:
    """Raises UsageError where --gpu names a GPU and --device something else; `--device cpu --gpu 0,1` are two processes."""
    device, gpu = flags.get("device"), flags.get("gpu")
    if gpu is not None and (device == "mps" or (device == "cpu" and "," not in gpu)):
        raise UsageError(f"--gpu {gpu} and --device {device} exclude each other: a number is of a CUDA GPU; leave one out")


def without_effect(flags: dict, processes: int = 1) -> str:
    """A line that names the given flags which change nothing in this command, "" where there are none.

    processes: how many train together.
    """
    reasons = []
    if "evaluate" in flags:
        reasons.append((_OF_TRAINING, "nothing is trained"))
        if "predict" in flags:
            reasons.append((_NOT_OF_GIVEN_IMAGES, "the images are those that --predict names"))
    elif processes == 1:
        reasons.append(({"sync_bn"}, "one process trains, whose BatchNorm sees the whole batch"))
    if "folds" not in flags and not flags.get("data", ENDINGS[0]).lower().endswith(ENDINGS):
        reasons.append(({"split_seed"}, "the data have splits of their own"))
    if flags.get("resume", "auto") != "auto":
        reasons.append((_OF_A_START, "the weights are the checkpoint's"))
    found = [([flag_of(name) for name in FLAGS if name in names & flags.keys()], why) for names, why in reasons]
    return "; ".join(f"without effect: {', '.join(given)} ({why})" for given, why in found if given)
