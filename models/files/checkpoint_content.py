"""What a checkpoint of ours holds: the one table of its keys, from which it is written, read and checked.

The file is one flat dict, written by torch.save and read by models.files.safe_load: `format`, `version`, a key per field of
CheckpointContent, and `checksum` over all of them (models.files.checksum). Version 1 had neither checksum, images nor
progress (models.files.migrate).
"""

from collections import OrderedDict
from dataclasses import dataclass, field, fields
from typing import Self

from torch import Tensor

from models.errors import WeightsError

FORMAT = "poster-reproduction"
VERSION = 2
DICTS = (dict, OrderedDict)


def _of(*kinds: type | None, may_lack: bool = False) -> dict:
    """Metadata of a key. kinds: the types of its value in the file, None for none. may_lack: added to the format later."""
    known = [type(None) if kind is None else kind for kind in kinds]
    return {"kinds": (*known, OrderedDict) if dict in known else tuple(known), "may_lack": may_lack}


@dataclass(kw_only=True)
class CheckpointContent:
    """A checkpoint's keys, in the order of the file; the defaults are what a published file comes to.

    progress: None at an epoch's end; within epoch number epoch + 1 a dict of engine.training.epoch.Progress. pictures: dict
    of split -> int64 tensor (N,), the first 8 bytes of each image's SHA-256. run: name of the run's folders. model: a name
    in models.MODELS. model_options: the arguments of create_model that MODELS[model].options names. classes: in the order of
    the outputs. optimizer: what optimizer.state_dict() gives. scaler: of engine.training.loss_scaling. rng: of engine.seed.
    args: the run's settings, dict of str -> None, bool, int, float or str. fingerprints: dict of split -> SHA-256 over its
    images' names and contents. epoch: epochs completed. history: the rows of metrics.csv. best: {"epoch": int,
    "valid_accuracy": float}, the epoch chosen so far.
    """

    progress: dict | None = field(default=None, metadata=_of(dict, None))
    pictures: dict[str, Tensor] = field(default_factory=dict, metadata=_of(dict))
    run: str | None = field(default=None, metadata=_of(str, None))
    model: str = field(default="", metadata=_of(str))
    model_options: dict = field(default_factory=dict, metadata=_of(dict))
    classes: tuple[str, ...] | None = field(default=None, metadata=_of(list))
    state_dict: dict[str, Tensor] = field(default_factory=dict, metadata=_of(dict))
    optimizer: dict | None = field(default=None, metadata=_of(dict, None))
    scaler: dict | None = field(default=None, metadata=_of(dict, None, may_lack=True))
    rng: dict | None = field(default=None, metadata=_of(dict, None))
    args: dict = field(default_factory=dict, metadata=_of(dict))
    fingerprints: dict[str, str] = field(default_factory=dict, metadata=_of(dict))
    epoch: int = field(default=0, metadata=_of(int))
    history: list[dict] = field(default_factory=list, metadata=_of(list))
    best: dict | None = field(default=None, metadata=_of(dict, None))

    @classmethod
    def from_file(cls, content: dict) -> Self:
        """From what a file of the newest version holds; engine.checkpoints.validation checks what training alone needs.

        Raises WeightsError naming the first key that lacks or holds another type.
        """
        found = {}
        for key in fields(CheckpointContent):
            if key.name not in content and not key.metadata["may_lack"]:
                raise WeightsError(f"damaged checkpoint: it lacks its {key.name}")
            value = content.get(key.name)
            if type(value) not in key.metadata["kinds"]:
                raise WeightsError(f"damaged checkpoint: its {key.name} is a {type(value).__name__}")
            found[key.name] = tuple(value) if key.name == "classes" else value
        return cls(**found)

    def to_file(self) -> dict:
        """What the file holds, but for its checksum."""
        kept = {key.name: getattr(self, key.name) for key in fields(CheckpointContent)}
        return {"format": FORMAT, "version": VERSION, **kept, "classes": list(self.classes)}
