"""What a safetensors file that `models.export` wrote says beside its weights: network, classes, recipe, preprocessing."""

import json

from torch import Tensor

from models import MODELS
from models.errors import damaged
from models.files.checkpoint_content import CheckpointContent
from models.files.safetensors import no_constant, unlike

_NAMES = {"model", "model_options", "classes", "preprocessing", "recipe", "checkpoint", "data_fingerprints"}
FITS = {"plain": "stretch to size × size", "pad": "scale the long side to size, pad with black"}  # by transform
_OF_THE_MACHINE = ("cache", "pretrained")  # of a recipe: folders where it was trained


def exported_content(metadata: dict, tensors: dict[str, Tensor]) -> CheckpointContent | None:
    """The content of an exported file as that of its checkpoint, without all that training alone needs.

    metadata: of the file's header. None for another program's file, and for an export of a published file whose outputs have
    numbers for names: `tensors` then say all. Raises WeightsError where a part is missing or no JSON.
    """
    if not metadata.keys() >= _NAMES or type(metadata["model"]) is not str or metadata["model"] not in MODELS:
        return None
    told = {name: _parsed(metadata[name], name) for name in _NAMES - {"model"}}
    epoch, recipe, steps = told["checkpoint"].get("epoch"), told["recipe"], told["preprocessing"]
    if epoch is None and told["classes"] == [str(k) for k in range(len(told["classes"]))]:
        return None
    if not recipe:  # of a published file: what its authors' code does to images
        order = steps.get("channels")
        recipe = {"channel_order": order} if order in ("rgb", "bgr") else {}
        fit = next((name for name, words in FITS.items() if words == steps.get("fit")), None)
        recipe |= {"eval_transform": fit} if fit else {}
    kept = {name: value for name, value in recipe.items() if name not in _OF_THE_MACHINE}
    return CheckpointContent(
        model=metadata["model"],
        model_options=told["model_options"],
        classes=tuple(told["classes"]),
        state_dict=tensors,
        args=kept,
        fingerprints=told["data_fingerprints"],
        epoch=epoch or 0,
    )


def _parsed(text: object, name: str) -> dict | list:
    kind = list if name == "classes" else dict
    try:
        value = json.loads(text, object_pairs_hook=unlike, parse_constant=no_constant)
    except (TypeError, ValueError, RecursionError):
        value = None
    if type(value) is not kind:
        raise damaged(f"its metadata's {name} is none")
    return value
