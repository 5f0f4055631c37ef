"""`--finetune FILE`: a new run that starts from a trained file's weights, with a head for the classes of its own data."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from data_preprocessing.common.class_names import match_names
from data_preprocessing.common.errors import DataError
from engine.checkpoints.format import Checkpoint, load_checkpoint
from engine.config.recipes import DATA_TYPES
from engine.errors import UsageError
from engine.network import load_weights
from models import MODELS, create_model
from models.files.published_files import find_published

FLAG = "--finetune"


@dataclass(frozen=True)
class Source:
    """A trained file. classes: names of its outputs, () where it tells none and is no published file known by name."""

    checkpoint: Checkpoint
    classes: tuple[str, ...]

    @property
    def settings(self) -> dict:
        """What the new run takes over: the network with its options, and the order of the channels that it reads."""
        told, options = self.checkpoint.settings, MODELS[self.checkpoint.model].options
        return {name: told[name] for name in ("model", "channel_order", *options) if told.get(name) is not None}


def read_source(name: str, flags: dict) -> Source:
    """The file that --finetune names, any that --evaluate can read. name: a path, or one such as published:rafdb.

    flags: the command line's, only those given. Raises UsageError where it cannot be used or holds another network or head.
    """
    try:
        published = find_published(name)
    except ValueError as error:
        raise UsageError(f"{FLAG} {error}") from None
    checkpoint = load_checkpoint(published.path if published else name, FLAG, flags)
    if published:
        return Source(checkpoint, DATA_TYPES[published.data_type].label_order)
    return Source(checkpoint, () if checkpoint.is_foreign else checkpoint.classes)


def load_source(model: nn.Module, source: Source, classes: tuple[str, ...], options: dict, say: Callable[[str], None]) -> None:
    """Load everything but the head exactly into `model`, whose outputs stand for `classes`, and say what became of the head.

    Where each class is among the file's, the head is taken as well, its outputs in the order of `classes`; otherwise all of it
    stays as it was made: a random output beside trained ones would start at another scale. options: of `create_model`. Raises
    UsageError where the weights do not fit.
    """
    checkpoint = source.checkpoint
    head = outputs_of_head(checkpoint.model, options)
    taken = _taken(source, classes)
    own, state = model.state_dict(), dict(checkpoint.state_dict)
    for key, axis in head.items():
        if key in state:
            state[key] = _rows(state[key], axis, taken) if taken else own[key]
    load_weights(model, replace(checkpoint, state_dict=state), FLAG, lambda text: None)
    say(f"{FLAG} {checkpoint.path}: {len(state) - len(head)} tensors loaded exactly; {_told(source, classes, taken, head)}")


def outputs_of_head(name: str, options: dict) -> dict[str, int]:
    """Key -> axis of each tensor of the network `name` that has an entry for each class: what changes with their number."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):  # shapes alone, and no random draw of the run's
        few, more = (create_model(name, number, **options).state_dict() for number in (2, 3))
    changed = {key: [a != b for a, b in zip(few[key].shape, more[key].shape)] for key in few}
    return {key: axes.index(True) for key, axes in changed.items() if any(axes)}


def _taken(source: Source, classes: tuple[str, ...]) -> list[int]:
    """The file's output for each class, [] where it lacks one."""
    try:
        matches = match_names(source.classes, classes) if source.classes else {}
    except DataError as error:
        raise UsageError(f"{FLAG} {source.checkpoint.path}: {error}") from None
    if not all(name in matches for name in classes):
        return []
    return [source.classes.index(matches[name]) for name in classes]


def _rows(tensor: Tensor, axis: int, taken: list[int]) -> Tensor:
    return tensor.index_select(axis, torch.tensor(taken, device=tensor.device))


def _told(source: Source, classes: tuple[str, ...], taken: list[int], head: dict[str, int]) -> str:
    number = source.checkpoint.num_outputs
    if not taken:
        missing = [name for name in classes if name not in match_names(source.classes, classes)] if source.classes else []
        why = f"no output for {', '.join(missing)}" if missing else "the file names no classes"
        return f"the head is new ({len(head)} tensors), {number} outputs -> {len(classes)}: {why}"
    if taken == list(range(number)):
        return f"the head too ({len(head)} tensors): the same {number} classes"
    if len(taken) == number:
        return f"the head too ({len(head)} tensors), its {number} outputs put in the order {', '.join(classes)}"
    return f"the head's outputs of {', '.join(classes)} too ({len(taken)} of {number})"
