"""What a user named on the command line and would not get: refused, or said in one line. No torch.

Only flags of this command count: what a checkpoint, a recipe or a default says was not asked for now.
"""

from data_preprocessing.sources.list_file import ENDINGS
from engine.config.flags import FLAGS, Settings, flag_of
from engine.config.folds import OF_THE_DATA
from engine.errors import UsageError
from models import MODELS

_OF_TRAINING = {name for name, one in FLAGS.items() if one.group == "optimisation"} - {"batch_size"} | {
    "transform", "sampler", "occlude", "pretrained", "init", "freeze_landmark_bn", "checkpoint_path", "best_checkpoint_path",
    "save_every", "on_nan", "print_freq", "compile", "sync_bn",
}  # fmt: skip
_NOT_OF_GIVEN_IMAGES = {"data", "cache", "skip_bad_images", "split_seed", *OF_THE_DATA}
_OF_A_START = {"pretrained", "init"}


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
