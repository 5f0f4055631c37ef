"""From flags to the settings of a run: what the command line leaves open, and what is no sensible value. No torch."""

import os
import re
from dataclasses import asdict

from data_preprocessing.common.words import only_if
from data_preprocessing.sources.reading import Reading
from engine.config.data_types import usual_data_type
from engine.config.flag import COMMAND
from engine.config.flags import DEFAULTS, FLAGS, Settings, flag_of, of_lifetime
from engine.config.folds import OF_THE_DATA, check_folds, is_series
from engine.config.recipes import DATA_TYPES, find_recipe
from engine.config.wishes import require_backbones, require_loss, require_one_device, require_start
from engine.errors import UsageError
from models import HEADS, MODELS

AUTO = "auto"  # --resume auto: continue the run that --run names, if there is anything to continue
_NOT_WITH_PREDICT = ("split", "margin_at_eval", "explain")  # they need labelled images
_OF_FACES = ("align", "finder", "finder_model", "every", "smooth")
_OF_MARGIN_HEADS = ("margin", "scale", "h", "margin_at_eval")


def check_flags(flags: dict) -> None:
    """Raises UsageError for a value out of range or a pair of flags that exclude each other. flags: those given."""
    for name in set(FLAGS) & set(flags):
        problem = FLAGS[name].problem(flags[name])
        if problem:
            raise UsageError(f"{flag_of(name)} {flags[name]}: {problem}")
    if flags.get("momentum", 0) >= 1:
        raise UsageError(f"--momentum {flags['momentum']}: must be below 1")
    if "resume" in flags and "evaluate" in flags:
        raise UsageError("--resume and --evaluate exclude each other: continue a run, or test it")
    if "split" in flags and "evaluate" not in flags:
        raise UsageError("--split chooses what --evaluate FILE tests; training reports on test/ where there is one")
    if "margin_at_eval" in flags and "evaluate" not in flags:
        raise UsageError("--margin-at-eval belongs to --evaluate FILE; the epoch is always chosen without labels in the head")
    _check_predict(flags)
    if "out" in flags and "evaluate" not in flags:
        raise UsageError("--out says where --evaluate FILE, alone or with --predict, writes; a training has --run NAME")
    if "out" in flags and "run" in flags:
        raise UsageError("--out and --run exclude each other: name the folder of the results, or a run below log/")
    if "explain" in flags and "evaluate" not in flags:
        raise UsageError("--explain belongs to --evaluate FILE: train first, then explain the checkpoint")
    if "deletion" in flags and "explain" not in flags:
        raise UsageError("--deletion belongs to --evaluate FILE --explain: it tests the maps that are drawn there")
    for name in ("transform", "occlude"):
        if name in flags and flags.get("augmentation") is False:
            raise UsageError(f"{flag_of(name)} {flags[name]}: this script trains without any random transform; use main.py")
    if flags.get("resume") == AUTO:
        if "run" not in flags:
            raise UsageError("--resume auto: name the run to continue or to start by --run NAME")
        if "start_epoch" in flags:
            raise UsageError("--start-epoch: --resume auto goes on where the run stands; name the file by --resume FILE")
    if "tensorboard" in flags:
        require_tensorboard(flags)
    check_folds(flags)
    check_series(flags)
    if "gpu" in flags:
        gpu_numbers(flags["gpu"])
        require_one_device(flags)
    if "save_every" in flags:
        save_interval(flags["save_every"])
    run = flags.get("run", "x")
    if not run or not run.isprintable() or len(os.fsencode(run)) > 200 or "/" in run or "\\" in run or run.startswith("."):
        raise UsageError(f"--run {run!r}: must be a plain folder name")


def check_series(flags: dict) -> None:
    """Raises UsageError for a flag that is of one run, where --seeds or --folds asks for several. flags: those given."""
    series = "--seeds" if "seeds" in flags else "--folds" if is_series(flags) else None
    if series is None:
        return
    if "seeds" in flags:
        seed_numbers(flags["seeds"])
    one = series.removeprefix("--").removesuffix("s")
    for name in (*only_if(one == "seed", "seed"), "evaluate", "checkpoint_path", "best_checkpoint_path", "start_epoch"):
        if name in flags:
            more = "; --fold N is one of them" if one == "fold" else ""
            raise UsageError(
                f"{series} and {flag_of(name)} exclude each other: a series trains a run a {one} in own folders{more}"
            )
    if flags.get("resume", AUTO) != AUTO:
        raise UsageError(f"{series}: --resume {flags['resume']} is of one run; a series goes on by --run NAME --resume auto")
    if one == "fold" and flags.get("data") is None:
        raise UsageError("--folds: name the data by --data; the drawn faces are drawn with splits of their own")


def _check_predict(flags: dict) -> None:
    if "draw" in flags and "predict" not in flags:
        raise UsageError("--draw draws what --predict PATH... predicts; name the images by it")
    for name in _OF_FACES:
        if name in flags and "faces" not in flags:
            raise UsageError(f"{flag_of(name)} goes with --predict PATH... --faces")
    if "faces" in flags and "predict" not in flags:
        raise UsageError("--faces: name photographs and videos by --predict PATH...")
    if "predict" not in flags:
        return
    if "evaluate" not in flags:
        raise UsageError("--predict: name the checkpoint to predict with by --evaluate FILE")
    for name in _NOT_WITH_PREDICT:
        if name in flags:
            raise UsageError(f"{flag_of(name)}: does not go with --predict, whose images have no labels; leave one out")
    if len(gpu_numbers(flags.get("gpu"))) > 1 or os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError("--predict works in one process; name one GPU, and start it without torchrun")


def gpu_numbers(text: str | None) -> tuple[int, ...]:
    """--gpu -> the numbers of GPUs: "0" -> (0,), "0,1" -> (0, 1); () where it was not given. Raises UsageError."""
    if text is None:
        return ()
    if not re.fullmatch(r"\d{1,4}(,\d{1,4})*", text, re.ASCII) or len(set(text.split(","))) < len(text.split(",")):
        raise UsageError(f"--gpu {text}: give a GPU's number such as 0, or several such as 0,1")
    return tuple(map(int, text.split(",")))


def seed_numbers(text: str) -> tuple[int, ...]:
    """--seeds -> the seeds: "0,1,2" -> (0, 1, 2). Raises UsageError."""
    seeds = tuple(map(int, text.split(","))) if re.fullmatch(r"\d{1,19}(,\d{1,19})*", text, re.ASCII) else ()
    if len(seeds) < 2 or len(set(seeds)) < len(seeds) or max(seeds) > FLAGS["seed"].most:
        raise UsageError(f"--seeds {text[:60]}: give two or more different seeds such as 0,1,2 (one: --seed 0)")
    return seeds


def require_tensorboard(flags: dict) -> None:
    """Raises UsageError where --tensorboard cannot do anything: in a test, or without the package."""
    if "evaluate" in flags:
        raise UsageError("--tensorboard follows a training; --evaluate draws its own figures")
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise UsageError(
            "--tensorboard: the package is not installed; python -m pip install tensorboard, or leave the flag out"
        ) from None


def save_interval(text: str) -> tuple[int | None, float | None]:
    """--save-every -> (steps, None) or (None, seconds): "200" are steps, "15m" minutes. Raises UsageError."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(m|min)?", text, re.ASCII)
    if not match or not float(match[1]) > 0 or ("." in match[1] and not match[2]):
        raise UsageError(f"--save-every {text}: give a number of steps such as 200, or minutes such as 15m")
    return (None, 60 * float(match[1])) if match[2] else (int(match[1]), None)


def resolve(flags: dict, stored: dict) -> Settings:
    """All settings. A flag that was given wins over a checkpoint's setting, that over the recipe, that over DEFAULTS.

    flags: given on the command line. stored: the settings of the checkpoint that is resumed or tested, {} for a new run.
    Without data the built-in synthetic faces are used, under recipes of their own. Raises UsageError for a flag that the
    network or its head has no use for.
    """
    if "evaluate" in flags and "data" in flags and flags["data"] != stored.get("data"):
        stored = {name: value for name, value in stored.items() if name not in OF_THE_DATA}
    chosen = stored | flags
    data = chosen.get("data")
    trained = "finetune" not in flags and bool(stored or "evaluate" in flags)
    data_type = chosen.get("data_type") or usual_data_type(data, trained)
    recipe = asdict(find_recipe(chosen.get("model", DEFAULTS["model"]), data_type))
    settings = {"data": data, "data_type": data_type, "augmentation": True, "variant": DATA_TYPES[data_type].variant}
    settings |= DEFAULTS | recipe.pop("more") | recipe
    settings |= {name: value for name, value in stored.items() if name in settings}
    settings = Settings(**settings | dict.fromkeys(of_lifetime(COMMAND)) | flags)
    check_model(settings, flags)
    require_backbones(settings, flags)
    require_loss(settings)
    require_start(settings, flags)
    if settings.margin is None:
        settings.margin = HEADS[settings.head]
    return settings


def reading_of(settings: Settings) -> Reading:
    """How the data set is read and cut."""
    contempt = settings.data_type != "AffectNet-7"
    return Reading(seed=settings.split_seed, contempt=contempt, **{name: getattr(settings, name) for name in OF_THE_DATA})


def check_model(settings: Settings, flags: dict) -> None:
    """Raises UsageError for a flag that the chosen network or head has no use for."""
    architecture = MODELS[settings.model]
    if not architecture.has_heads and settings.head != "linear":
        raise UsageError(f"--head {settings.head}: {settings.model} has no head to replace; only the POSTERs have")
    for name in _OF_MARGIN_HEADS:
        if name in flags and settings.head == "linear":
            with_margin = ", ".join(name for name, margin in HEADS.items() if margin)
            raise UsageError(f"{flag_of(name)}: the head is linear, without a margin; it goes with --head {with_margin}")
    if "h" in flags and settings.head != "adaface":
        raise UsageError(f"--h: {settings.head} has no h; it goes with --head adaface")
    if "freeze_landmark_bn" in flags and not architecture.has_landmark_branch:
        raise UsageError(f"--freeze-landmark-bn: {settings.model} has no landmark network")
    if settings.init not in architecture.inits:
        with_it = [name for name, other in MODELS.items() if settings.init in other.inits]
        raise UsageError(f"--init {settings.init}: {settings.model} has no such start; only {', '.join(with_it)} has")
    if architecture.image.mode == "L" and settings.channel_order == "bgr":
        raise UsageError(f"--channel-order bgr: {settings.model} takes grey images")
