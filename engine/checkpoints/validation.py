"""What may stand in a checkpoint of ours: every value's type and range, looked at before anything uses it.

What it says of its network, models.files.checkpoint_network has looked at before.
"""

from collections import OrderedDict
from dataclasses import asdict

import torch
from torch import Tensor

from engine.config.flag import COMMAND
from engine.config.flags import DEFAULTS, FLAGS
from engine.config.recipes import TRANSFORMS, find_recipe
from engine.config.settings import check_flags
from engine.errors import UsageError
from engine.run_folder.layout import COLUMNS
from engine.training.loss_scaling import LossScaler
from models.errors import WeightsError
from models.files.weights import require_finite
from models.files.wording import LONGEST_TEXT, is_text, readable

_DICT = (dict, OrderedDict)
_OPTIONAL_DICT = (*_DICT, type(None))
_TYPES = {
    "run": (str, type(None)),
    "optimizer": _OPTIONAL_DICT,
    "epoch": (int,),
    "best": _OPTIONAL_DICT,
    "history": (list,),
    "rng": _OPTIONAL_DICT,
    "fingerprints": _DICT,
    "progress": _OPTIONAL_DICT,
    "pictures": _DICT,
}
_DRAWN = {"epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy"}  # columns that every row has
_MOMENTS = (set(), {"step", "exp_avg", "exp_avg_sq"}, {"momentum_buffer"})  # of Adam and AdamW, of SGD
_LONGEST_NAME = 1024
_PATHS = tuple(name for name, flag in FLAGS.items() if flag.path and flag.lifetime != COMMAND)
_NUMBER = (int, float)
_CHOICES = {name: flag.choices for name, flag in FLAGS.items() if flag.choices and flag.lifetime != COMMAND and name != "model"}
_CHOICES |= {"eval_transform": TRANSFORMS, "variant": ("rafdb", "affectnet")}
_OPTIONAL = {  # those that may be None -> the type that they have otherwise
    name: flag.kind
    for name, flag in FLAGS.items()
    if flag.lifetime != COMMAND and flag.default is None and not flag.by_recipe and name not in (*_PATHS, *_CHOICES)
}
_EXAMPLES = DEFAULTS | asdict(find_recipe(DEFAULTS["model"], "RAF-DB"))  # a value of each setting's type


def check_content(content: dict) -> None:
    """Raises UsageError, or WeightsError about moments, naming the key that lacks or holds what no checkpoint does."""
    for name, kinds in _TYPES.items():
        if name not in content:
            raise UsageError(f"damaged checkpoint: it lacks its {name}")
        _require(type(content[name]) in kinds, f"{name} is a {type(content[name]).__name__}")
    _check_settings(content["model_options"], "model_options")
    _check_settings(content["args"], "args")
    _check_names(content)
    _check_records(content["epoch"], content["best"], content["history"])
    _check_optimizer(content["optimizer"])
    _check_rng(content["rng"])
    _check_scaler(content.get("scaler"))
    _check_progress(content["progress"])
    pictures = content["pictures"]
    _require(
        all(_is_name(split) and _is_vector(hashes, torch.int64) for split, hashes in pictures.items()), "images are none"
    )


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise UsageError(f"damaged checkpoint: its {text}")


def _is_name(value: object) -> bool:
    return is_text(value, _LONGEST_NAME) and value != ""


def _is_count(value: object, least: int = 0) -> bool:
    return type(value) is int and least <= value < 2**31


def _is_vector(value: object, dtype: torch.dtype) -> bool:
    return isinstance(value, Tensor) and value.dtype == dtype and value.dim() == 1


def _shown(value: object) -> str:
    if type(value) is str:
        return repr(readable(value))
    return str(value) if type(value) in (bool, *_NUMBER) else f"a {type(value).__name__}"


def _check_settings(settings: dict, where: str) -> None:
    """Names and plain values; those that the program knows have their type, choice and range."""
    for name, value in settings.items():
        _require(_is_name(name), f"{where} have an entry without a name")
        items = value if type(value) in (list, tuple) else [value]
        fits = all(item is None or type(item) in (bool, *_NUMBER) or is_text(item) for item in items)
        if name in _PATHS:
            fits = value is None or (type(value) is str and len(value) <= LONGEST_TEXT and "\0" not in value)
        elif name in _CHOICES:
            fits = type(value) is str and value in _CHOICES[name]
        elif _EXAMPLES.get(name) is not None:
            kind = type(_EXAMPLES[name])
            fits = fits and type(value) in (_NUMBER if kind is float else (kind,))
        elif name in _OPTIONAL:
            fits = value is None or type(value) in (_NUMBER if _OPTIONAL[name] is float else (_OPTIONAL[name],))
        elif name == "augmentation":
            fits = type(value) is bool
        _require(fits, f"{where} hold {_shown(value)} for {readable(name)}")
    try:
        check_flags({name: value for name, value in settings.items() if name in _EXAMPLES and value is not None})
    except UsageError as error:
        raise UsageError(f"damaged checkpoint: its {where} hold {error}") from None


def _check_names(content: dict) -> None:
    run = content["run"]
    is_folder = run is None or (_is_name(run) and "/" not in run and "\\" not in run and not run.startswith("."))
    _require(is_folder, "run is no plain folder name")
    fits = all(_is_name(split) and is_text(digest) for split, digest in content["fingerprints"].items())
    _require(fits, "fingerprints are no text by split")


def _check_records(epoch: int, best: dict | None, history: list) -> None:
    _require(_is_count(epoch), f"epoch is {_shown(epoch)}")
    if best is not None:
        fits = set(best) == {"epoch", "valid_accuracy"} and _is_count(best["epoch"], 1)
        _require(fits and type(best["valid_accuracy"]) is float and 0 <= best["valid_accuracy"] <= 1, "best is no epoch")
    for row in history:
        _require(type(row) is dict and _DRAWN <= set(row) <= set(COLUMNS), "history is no table of epochs")
        _require(
            _is_count(row["epoch"], 1) and all(type(value) in _NUMBER for value in row.values()), "history holds no numbers"
        )


def _check_optimizer(optimizer: dict | None) -> None:
    if optimizer is None:
        return
    state, groups = optimizer.get("state"), optimizer.get("param_groups")
    _require(set(optimizer) == {"state", "param_groups"} and type(state) in _DICT, "optimizer is no optimiser's state")
    _require(type(groups) is list and all(type(group) in _DICT for group in groups), "optimizer has no parameter groups")
    numbers = []
    for group in groups:
        _require(
            type(group.get("params")) is list and all(map(_is_count, group["params"])), "optimizer's params are no numbers"
        )
        numbers += group["params"]
        options = [value for name, value in group.items() if name != "params"]
        fits = all(_is_name(name) for name in group) and all(map(_is_option, options))
        _require(fits, "optimizer has options that are no numbers")
    _require(len(set(numbers)) == len(numbers) and set(state) <= set(numbers), "optimizer has moments of no parameter")
    tensors = {}
    for number, moments in state.items():
        _require(type(moments) in _DICT and set(moments) in _MOMENTS, "optimizer holds moments of no known optimiser")
        step = moments.get("step", 0)
        fits = type(step) in _NUMBER or (isinstance(step, Tensor) and step.numel() == 1)
        _require(fits and 0 <= float(step) < 2**53, "optimizer has a step that is no count")
        tensors |= {f"{name} of parameter {number}": value for name, value in moments.items() if name != "step"}
    tensors = {name: value for name, value in tensors.items() if value is not None}
    _require(all(isinstance(value, Tensor) for value in tensors.values()), "optimizer holds moments that are no tensors")
    try:
        require_finite(tensors)
    except WeightsError as error:
        raise WeightsError(f"its optimiser state is {error}") from None


def _check_scaler(scaler: object) -> None:
    if scaler is None:
        return
    _require(type(scaler) is dict and set(scaler) == {"scale", "steps"}, "scaler is none")
    try:
        LossScaler(torch.float16).load_state_dict(scaler)
    except ValueError as error:
        raise UsageError(f"damaged checkpoint: its scaler is {error}") from None


def _is_option(value: object) -> bool:
    items = value if type(value) in (list, tuple) else [value]
    return all(item is None or type(item) in (bool, *_NUMBER) for item in items)


def _check_rng(rng: dict | None) -> None:
    if rng is None:
        return
    fits = set(rng) == {"cpu", "cuda"} and type(rng["cuda"]) is list
    _require(fits and all(_is_vector(state, torch.uint8) for state in [rng["cpu"], *rng["cuda"]]), "rng is no random state")
    try:
        torch.Generator().set_state(rng["cpu"])
        for state in rng["cuda"] if torch.cuda.is_available() else []:
            if state.numel() == torch.Generator("cuda").get_state().numel():  # Apple's are of another size
                torch.Generator("cuda").set_state(state)
    except (RuntimeError, TypeError):
        raise UsageError("damaged checkpoint: its rng is no random state") from None


def _check_progress(progress: dict | None) -> None:
    if progress is None:
        return
    fits = set(progress) == {"step", "losses", "hits", "sizes", "batch_size", "skipped"}
    fits = fits and _is_count(progress["step"], 1) and _is_count(progress["batch_size"], 1) and _is_count(progress["skipped"])
    _require(fits, "progress lacks a count")
    losses, hits, sizes = (progress[name] for name in ("losses", "hits", "sizes"))
    fits = _is_vector(losses, torch.float32) and _is_vector(hits, torch.int64) and _is_vector(sizes, torch.int64)
    _require(fits and len(losses) == len(hits) == len(sizes) == progress["step"], "progress is not of as many steps")
    fits = bool((hits >= 0).all() and (hits <= sizes).all())
    _require(fits and progress["skipped"] <= progress["step"], "progress counts more than there was")
