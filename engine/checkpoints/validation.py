"""What a checkpoint of ours may hold of a training: values, ranges and settings, looked at before anything uses them.

Types, and what it says of its network, models.files.checkpoint_network has looked at before.
"""

import torch

from engine.checkpoints.values import NUMBERS, is_count, is_plain, is_vector, items_of
from engine.config.flag import COMMAND
from engine.config.flags import FLAGS
from engine.config.recipes import TRANSFORMS
from engine.config.settings import check_flags
from engine.errors import UsageError
from engine.run_folder.layout import COLUMNS
from engine.seed import is_rng_state
from engine.training.epoch import Progress
from engine.training.loss_scaling import LossScaler
from engine.training.optimizers import require_state
from models.errors import WeightsError
from models.files.checkpoint_content import CheckpointContent
from models.files.wording import LONGEST_TEXT, is_name, is_text, readable

_DRAWN = {"epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy"}  # columns that every row has
_STORED = {name: flag for name, flag in FLAGS.items() if flag.lifetime != COMMAND}
_CHOICES = {name: flag.choices for name, flag in _STORED.items() if flag.choices and name != "model"}
_CHOICES |= {"eval_transform": TRANSFORMS, "variant": ("rafdb", "affectnet")}
_UNBOUNDED = ("data", "data_type")  # they depend on each other


def check_content(content: CheckpointContent) -> None:
    """Raises UsageError naming the key that holds what no checkpoint does."""
    _check_settings(content.model_options, "model_options")
    _check_settings(content.args, "args")
    run = content.run
    plain = run is None or (is_name(run) and "/" not in run and "\\" not in run and not run.startswith("."))
    _require(plain, "run is no plain folder name")
    fits = all(is_name(split) and is_text(digest) for split, digest in content.fingerprints.items())
    _require(fits, "fingerprints are no text by split")
    _check_records(content)
    try:
        if content.optimizer is not None:
            require_state(content.optimizer)
        if content.scaler is not None:
            LossScaler(torch.float16).load_state_dict(content.scaler)
    except WeightsError as error:
        raise UsageError(f"its optimiser state is {error}") from None
    except ValueError as error:
        raise UsageError(f"damaged checkpoint: its {error}") from None
    _require(content.rng is None or is_rng_state(content.rng), "rng is no random state")
    problem = content.progress is not None and Progress.problem(content.progress)
    _require(not problem, f"progress {problem}")
    fits = all(is_name(split) and is_vector(hashes, torch.int64) for split, hashes in content.pictures.items())
    _require(fits, "images are none")


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise UsageError(f"damaged checkpoint: its {text}")


def _shown(value: object) -> str:
    if type(value) is str:
        return repr(readable(value))
    return str(value) if type(value) in (bool, *NUMBERS) else f"a {type(value).__name__}"


def _check_settings(settings: dict, where: str) -> None:
    """Names and plain values; those that the program knows have their type, choice and range."""
    for name, value in settings.items():
        _require(is_name(name), f"{where} have an entry without a name")
        _require(_fits(name, value), f"{where} hold {_shown(value)} for {readable(name)}")
    bounded = _STORED.keys() - _UNBOUNDED
    try:
        check_flags({name: value for name, value in settings.items() if name in bounded and value is not None})
    except UsageError as error:
        raise UsageError(f"damaged checkpoint: its {where} hold {error}") from None


def _fits(name: str, value: object) -> bool:
    """Whether the setting `name` may have this value, whatever its range."""
    flag = _STORED.get(name)
    if flag and flag.path:
        return value is None or (type(value) is str and len(value) <= LONGEST_TEXT and "\0" not in value)
    if name in _CHOICES:
        return type(value) is str and value in _CHOICES[name]
    if name == "augmentation":
        return type(value) is bool
    if flag is None:  # of a later version, or of one command
        return all(is_plain(item) or is_text(item) for item in items_of(value))
    if value is None:
        return flag.default is None and not flag.by_recipe
    return type(value) in (NUMBERS if flag.kind is float else (flag.kind,)) and (flag.kind is not str or is_text(value))


def _check_records(content: CheckpointContent) -> None:
    _require(is_count(content.epoch), f"epoch is {_shown(content.epoch)}")
    best = content.best
    if best is not None:
        fits = set(best) == {"epoch", "valid_accuracy"} and is_count(best["epoch"], 1)
        _require(fits and type(best["valid_accuracy"]) is float and 0 <= best["valid_accuracy"] <= 1, "best is no epoch")
    for row in content.history:
        _require(type(row) is dict and _DRAWN <= set(row) <= set(COLUMNS), "history is no table of epochs")
        fits = is_count(row["epoch"], 1) and all(type(value) in NUMBERS for value in row.values())
        _require(fits, "history holds no numbers")
