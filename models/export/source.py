"""The checkpoint that is exported: its network, what its outputs are called, and all that the file's metadata says."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from data_preprocessing.common.files import file_digest
from data_preprocessing.common.words import only_if
from models.export.errors import ExportError
from models.files.checkpoint_network import NetworkFile
from models.files.exported import FITS
from models.files.published_files import LABEL_ORDERS, find_published
from models.images import Preparation, open_checkpoint, preparation

ALIGNMENT = (
    "aligned face crops: one upright face that fills the image, cut out as in the training data; the "
    "network does not look for faces"
)
_PATHS = ("data", "cache", "pretrained")  # of the machine that trained; the last part of each is kept


@dataclass(frozen=True)
class Source:
    """path: as given. network: what the file says. model: with its weights, in evaluation mode. classes: of the outputs, in
    order. sha256: of the file. notes: what a user should know of the export, a sentence each. trained_on: the
    data set of a published network, or the drawn faces; None where only the protocol's name is known."""

    path: str
    network: NetworkFile
    model: nn.Module
    preparation: Preparation
    classes: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...]
    trained_on: str | None

    @property
    def recipe(self) -> dict:
        """The settings that the network was trained with, {} where the file does not say."""
        return {
            name: Path(value).name if name in _PATHS and isinstance(value, str) else value
            for name, value in self.network.args.items()
            if value is not None
        }

    def metadata(self, output: str, takes_pixels: bool, precision: str) -> dict[str, str]:
        """What is written into the exported file, as text; JSON but for alignment, model, output and precision."""
        kind, network = self.preparation.image, self.network
        steps = {
            "size": kind.size, "fit": FITS.get(self.preparation.fit, self.preparation.fit),
            "resampling": "bilinear, antialiased",
            "channels": "grey" if kind.mode == "L" else self.preparation.channel_order, "scale": 1 / 255,
            "mean": kind.mean, "std": kind.std,
        }  # fmt: skip
        shape = ["batch", "height", "width", 3] if takes_pixels else ["batch", len(kind.mean), kind.size, kind.size]
        told = {
            "classes": self.classes,
            "input": {"name": "images", "type": "uint8" if takes_pixels else "float32", "shape": shape},
            "preprocessing": steps | {"inside": takes_pixels},
            "model_options": network.model_options,
            "recipe": self.recipe,
            "checkpoint": {"sha256": self.sha256, "epoch": None if network.is_foreign else network.epoch},
            "data_fingerprints": network.fingerprints,
        }
        text = {name: json.dumps(value, ensure_ascii=False, default=str) for name, value in told.items()}
        return {"model": network.model, "output": output, "precision": precision, "alignment": ALIGNMENT, **text}


def open_source(text: str, named: str | None) -> Source:
    """The checkpoint at `text`, a path or published:NAME. named: --classes, for a file that names none.

    Raises ExportError and WeightsError.
    """
    try:
        published = find_published(text)
    except ValueError as error:
        raise ExportError(str(error)) from None
    path = published.path if published else Path(text)
    network, model = open_checkpoint(path)
    order = LABEL_ORDERS[published.data_type] if published else None
    classes, note = _classes(network, text, named, order)
    head = network.model_options.get("head", "linear")
    margin = f"head {head}: its plain logits (scale × cosine) are exported; the margin belongs to training alone"
    notes = only_if(note, note) + only_if(head != "linear", margin)
    drawn = "synthetic" if network.args.get("data_type") == "synthetic" and not network.args.get("data") else None
    trained_on = published.data_type if published else drawn
    return Source(text, network, model.eval(), preparation(network), classes, file_digest(path), tuple(notes), trained_on)


def _classes(network: NetworkFile, text: str, named: str | None, order: tuple[str, ...] | None) -> tuple[tuple[str, ...], str]:
    known = network.classes or order
    given = tuple(name.strip() for name in named.split(",")) if named is not None else None
    if known and given:
        raise ExportError(f"--classes: {text} names its classes ({', '.join(known)}); leave --classes out")
    if given and (len(given) != network.num_outputs or len(set(given)) < len(given) or not all(given)):
        raise ExportError(f"--classes {named}: give {network.num_outputs} different names, in the order of the outputs")
    if known or given:
        return known or given, ""
    numbers = tuple(map(str, range(network.num_outputs)))
    return numbers, f"the file names no classes: the outputs are called 0 to {numbers[-1]} (--classes NAME,NAME,... names them)"


def example(source: Source, takes_pixels: bool) -> torch.Tensor:
    """A batch of two that the exported network takes."""
    kind = source.preparation.image
    if takes_pixels:
        return torch.zeros(2, 100, 90, 3, dtype=torch.uint8)
    return torch.zeros(2, len(kind.mean), kind.size, kind.size)
