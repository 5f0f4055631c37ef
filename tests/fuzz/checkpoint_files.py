"""Contents of checkpoints and files of them, sound and hostile, for the tests of reading."""

import io
import json
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engine.training.optimizers import create_optimizer, parameter_groups
from models import create_model
from models.files.checkpoint_content import FORMAT, VERSION
from models.files.checksum import checksum

CLASSES = ["anger", "happiness", "슬픔"]
ROW = {
    "epoch": 1,
    "learning_rate": 1e-4,
    "train_loss": 1.0,
    "train_accuracy": 0.5,
    "valid_loss": 1.25,
    "valid_accuracy": 0.375,
    "valid_balanced_accuracy": 0.25,
    "valid_macro_f1": 0.125,
}
ARGS = {
    "optimizer": "adam",
    "lr": 1e-4,
    "batch_size": 8,
    "data_type": "RAF-DB",
    "data": "data",
    "augmentation": True,
    "seed": 0,
}


def pattern(shape: torch.Size) -> Tensor:
    """float32 of `shape`, counting through sixteenths, which are exact and compress well."""
    return (torch.arange(shape.numel()) % 64 / 16 - 2).reshape(shape)


def trained_content() -> dict:
    """What a checkpoint of Deep-Emotion holds in the middle of its second epoch, checksum included.

    Weights, moments and the running statistics are filled with a pattern.
    """
    model = create_model("deep_emotion", len(CLASSES))
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 1e-4, 0.0, 0.0, 0.0)
    model(torch.zeros(2, 1, 48, 48)).sum().backward()
    optimizer.step()
    for moments in optimizer.state.values():
        for name in ("exp_avg", "exp_avg_sq"):
            moments[name] = pattern(moments[name].shape).abs()
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.copy_(pattern(value.shape))
    content = dict(
        run="fuzz",
        model="deep_emotion",
        model_options={},
        classes=list(CLASSES),
        state_dict=model.state_dict(),
        optimizer=optimizer.state_dict(),
        epoch=1,
        best={"epoch": 1, "valid_accuracy": 0.375},
        history=[dict(ROW)],
        rng={"cpu": torch.Generator().manual_seed(0).get_state(), "cuda": []},
        args=dict(ARGS),
        fingerprints={"train": "ab" * 32, "valid": "cd" * 32},
        pictures={"train": torch.arange(5), "valid": torch.arange(-3, 0)},
        progress={
            "step": 2,
            "losses": torch.tensor([1.5, 1.25]),
            "hits": torch.tensor([3, 0]),
            "sizes": torch.tensor([8, 0]),
            "batch_size": 8,
            "skipped": 1,
        },
    )
    return signed({"format": FORMAT, "version": VERSION, **content})


def signed(content: dict) -> dict:
    """`content` with the checksum that fits it, so that a check of what it holds cannot hide behind the checksum."""
    return content | {"checksum": checksum(content)}


def file_bytes(content: object, legacy: bool = False) -> bytes:
    """What torch.save writes, in the format before torch 1.6 if `legacy`."""
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


def rezipped(data: bytes, change: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The zip archive `data` with other bytes, or more entries, under the names (without their folder) in `change`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change.get(name.partition("/")[2], old.read(name)))
        for name in change.keys() - {name.partition("/")[2] for name in old.namelist()}:
            new.writestr(f"{old.namelist()[0].partition('/')[0]}/{name}", change[name])
    return stream.getvalue()


def safetensors_bytes(tensors: dict[str, Tensor], metadata: dict | None = None) -> bytes:
    """What the safetensors library writes of contiguous float32 and int64 tensors."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, tensor in tensors.items():
        end = len(data) + tensor.numel() * tensor.element_size()
        kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += tensor.numpy().tobytes()
    return with_header(header, data)


def with_header(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of any header, an object or bytes. length: what it claims to have, by default the truth."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def with_pickle(payload: bytes) -> bytes:
    """A zip archive as torch writes it, whose data.pkl is `payload`."""
    return rezipped(file_bytes({}), {"data.pkl": payload})


@dataclass
class Sound:
    """A checkpoint's content, and sound files: ours, bare weights, both in the format before torch 1.6, and as safetensors.

    canary: a path that the code in a hostile pickle would leave something at.
    """

    canary: Path
    content: dict = field(default_factory=trained_content)

    def __post_init__(self):
        bare = OrderedDict(self.content["state_dict"])
        self.files = {
            "ours": file_bytes(self.content),
            "bare": file_bytes(bare),
            "ours, old": file_bytes(self.content, legacy=True),
            "bare, old": file_bytes(bare, legacy=True),
        }
        self.safetensors = safetensors_bytes(bare, {"format": "pt"})

    def pickle_in(self, name: str) -> bytes:
        """data.pkl of the file `name`."""
        with zipfile.ZipFile(io.BytesIO(self.files[name])) as archive:
            return archive.read(next(entry for entry in archive.namelist() if entry.endswith("data.pkl")))
