"""`--finetune FILE`: a new run that starts from a trained file, with a head for the classes of its own data."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data_preprocessing.common.class_names import match_names
from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.folders import Split
from engine.checkpoints.format import Checkpoint
from engine.config.flags import Settings
from engine.network import build_model, load_weights, model_options
from models import MODELS, create_model


def settings_of(source: Checkpoint | None, flags: dict) -> dict:
    """What a run takes over from the file that it starts from: its network with options and head, and the channel order.

    A head that `flags` name goes first, and the rest comes from the recipe. {} without a file.
    """
    if source is None:
        return {}
    kept = {"model", "channel_order", *MODELS[source.model].options}
    if flags.get("head", source.settings.get("head")) != source.settings.get("head"):
        kept -= {"head", "margin", "scale", "h"}
    return {name: value for name, value in source.settings.items() if name in kept}


def load(model: nn.Module, source: Checkpoint, settings: Settings, train: Split) -> str:
    """Load the weights of `source` into `model`: all but the head exactly, and the head where its classes are those of `train`.

    The head's tensors are then put into the order of the data's classes. Any other head starts anew, as `model` has it.
    Returns a line that says what was loaded. Raises UsageError naming file and keys where the rest does not fit.
    """
    options = {name: source.settings.get(name, value) for name, value in model_options(settings).items()}
    with torch.random.fork_rng(devices=[]):  # what is built here only to be read draws nothing from the run's numbers
        trained = build_model(source.model, source.num_outputs, options, torch.device("cpu"))
        head = _Head.of(trained, create_model(source.model, source.num_outputs + 1, **options))
    load_weights(trained, source, "--finetune", lambda text: None)
    same_head = options.get("head") == model_options(settings).get("head")
    order = _order(source, train) if same_head else None
    own, found = model.state_dict(), trained.state_dict()
    new = [key for key in own if key not in found or (order is None and key in head.dimensions)]
    taken = {key: found[key] for key in own if key not in new}
    if order is not None:
        taken |= head.reordered(found, order)
    model.load_state_dict({**own, **taken})
    return _said(source, train, len(taken), len(new), order)


@dataclass(frozen=True)
class _Head:
    """dimensions: by key of each tensor whose shape grows with the number of classes, the dimension that does."""

    dimensions: dict[str, int]

    @classmethod
    def of(cls, model: nn.Module, other: nn.Module) -> "_Head":
        """Found by the shapes of the same network for another number of classes, so that no network has to say it."""
        shapes = {key: value.shape for key, value in other.state_dict().items()}
        changed = {key: value.shape for key, value in model.state_dict().items() if value.shape != shapes[key]}
        return cls({key: next(k for k, n in enumerate(shape) if n != shapes[key][k]) for key, shape in changed.items()})

    def reordered(self, state: dict[str, Tensor], order: list[int]) -> dict[str, Tensor]:
        """The head's tensors with output k taken from output order[k]."""
        chosen = torch.tensor(order)
        return {key: state[key].index_select(dimension, chosen) for key, dimension in self.dimensions.items()}


def _order(source: Checkpoint, train: Split) -> list[int] | None:
    """For each class of `train` the output of `source` that means it; None where their classes are not the same.

    A published file names no classes, and --data_type is of the new data: nothing says what its outputs are.
    """
    classes = source.classes
    if classes is None or len(classes) != len(train.classes):
        return None
    try:
        matches = match_names(classes, train.classes)
    except DataError:
        return None
    return [classes.index(matches[name]) for name in train.classes] if len(matches) == len(classes) else None


def _said(source: Checkpoint, train: Split, taken: int, new: int, order: list[int] | None) -> str:
    number = len(train.classes)
    if order is None:
        theirs = f"classes are {', '.join(source.classes)}" if source.classes else "outputs have no names"
        head = f"the head for {number} classes is new ({new} tensors; the file's {source.num_outputs} {theirs})"
    elif order == list(range(number)):
        head = f"the head with them: its {number} classes are the data's"
    else:
        head = f"the head with them, its {number} classes put into the data's order: {', '.join(train.classes)}"
    return f"--finetune {source.path}: {taken} tensors loaded{source.told}, {head}"
