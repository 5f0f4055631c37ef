"""`--explain`: examples with their maps; `--deletion`: curves that tell whether the maps mean anything."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from data_preprocessing.common.files import replacing
from engine import data
from engine.config.flags import Settings
from engine.evaluation.fast import fastest
from engine.evaluation.predictions import Predictions
from engine.explain.columns import columns, named_maps
from engine.explain.curve_plot import plot_deletion
from engine.explain.deletion import (
    ORDERS,
    PATCHES,
    STEPS,
    Curve,
    area,
    deletion_curves,
    difference,
    forwards,
    orders_of,
    random_maps,
    ranks,
)  # fmt: skip
from engine.explain.examples import choose_examples, draw_examples
from engine.explain.maps import in_chunks
from engine.figures.tiles import denormalised
from engine.network import model_title
from engine.run_folder import layout
from models import MODELS

FOLDER, RECORD = "explain", "explain.json"
EXAMPLES, CURVES, TABLE = "examples.png", "deletion.png", "deletion.csv"
SAMPLE = 96  # images of the curves: each goes through the network 64 times where two maps are tested
CHUNK = 16  # of them a forward
BLANK = "0 in normalised values, the mean colour that the network's images are normalised by"


@dataclass(frozen=True)
class Explained:
    """What is explained: a network on its device, and what it said of every image of a data set."""

    model: nn.Module
    dataset: Dataset
    predictions: Predictions
    classes: tuple[str, ...]
    settings: Settings
    device: torch.device
    precision: torch.dtype

    @property
    def title(self) -> str:
        """Network and split, for headings."""
        return f"{model_title(self.settings)} on {self.dataset.split.name}"

    def images(self, numbers: list[int]) -> Tensor:
        """These images as the network takes them, (N, C, H, W), on the CPU."""
        shown = data.progress(numbers, len(numbers), "reading images")
        return torch.stack([self.dataset[0, number][0] for number in shown])  # keys are (epoch, number)


def explain(folder: Path, explained: Explained, say: Callable[[str], None]) -> None:
    """Draw and write everything into `folder`/explain, and say the figures. Raises OSError."""
    folder = folder / FOLDER
    folder.mkdir()
    record = {"split": explained.dataset.split.name, "examples": _examples(folder, explained, say)}
    written = [EXAMPLES, RECORD]
    if explained.settings.deletion:
        record["deletion"] = _deletion(folder, explained, say)
        written[1:1] = [CURVES, TABLE]
    else:
        say("whether the network uses what its maps show, --deletion tests")
    layout.write_json(folder / RECORD, record)
    say(f"written: {folder}/ ({', '.join(written)})")


def _examples(folder: Path, explained: Explained, say: Callable[[str], None]) -> list[dict]:
    """examples.png; what it shows, for the record."""
    examples = choose_examples(explained.predictions, explained.classes)
    images = explained.images([example.number for example in examples])
    image = MODELS[explained.settings.model].image
    faces = denormalised(images, image.mean, image.std)
    if explained.settings.channel_order == "bgr":
        faces = faces[..., ::-1]
    faces = np.ascontiguousarray(np.broadcast_to(faces, (*faces.shape[:3], 3)))
    shown = columns(explained.model, images.to(explained.device))
    title = f"{explained.title}: of each class the most confident right and wrong answer"
    draw_examples(examples, faces, shown, title, folder / EXAMPLES)
    say(f"explained: {len(examples)} images ({'; '.join(' '.join(column.heading) for column in shown)})")
    paths = explained.dataset.split.paths
    return [{"path": str(paths[example.number]), **vars(example)} for example in examples]


def _deletion(folder: Path, explained: Explained, say: Callable[[str], None]) -> dict:
    """deletion.png and deletion.csv, their figures said; the same for the record."""
    total = len(explained.predictions.labels)
    numbers = np.unique(np.linspace(0, total - 1, min(SAMPLE, total)).round().astype(int)).tolist()
    images, labels = explained.images(numbers), torch.from_numpy(explained.predictions.labels[numbers])
    methods = named_maps(explained.model)
    cost = forwards(len(numbers), 1 + len(ORDERS) * len(methods))
    say(
        f"deletion curves: {len(numbers)} of the {total} images, evenly spaced, {cost:,} forwards; blank is {BLANK}; "
        f"random order in patches of 1/{PATCHES} of the side"
    )
    ties = random_maps(len(numbers), images.shape[-1], explained.settings.seed)
    orders = {"random": ranks(ties, ties, largest_first=True)}
    for name, method in methods.items():
        maps = _maps(explained, method, images, name)
        orders |= {f"{name}, {order}": places for order, places in orders_of(maps, ties).items()}
    curves = deletion_curves(_runner(explained, images, say), images, labels, orders, CHUNK, data.progress)
    random = curves.pop("random")
    found = {name: {order: curves[f"{name}, {order}"] for order in ORDERS} for name in methods}
    plot_deletion(found, random, f"{explained.title}: {len(numbers)} images", folder / CURVES)
    _write_table(folder / TABLE, found, random)
    figures = {name: _figures(by_order) for name, by_order in found.items()}
    for name, areas in figures.items():
        say(_sentence(name, areas, random))
    return {
        "pictures": len(numbers),
        "forwards": cost,
        "steps": STEPS,
        "blank": BLANK,
        "random": {"accuracy_area": float(area(random.accuracy)), "probability_area": float(area(random.probability))},
        "maps": figures,
    }


def _maps(explained: Explained, method: Callable, images: Tensor, name: str) -> Tensor:
    parts = images.split(CHUNK)
    run = partial(in_chunks, method, explained.model)
    return torch.cat([run(some.to(explained.device)).cpu() for some in data.progress(parts, len(parts), name)])


def _runner(explained: Explained, images: Tensor, say: Callable[[str], None]) -> Callable[[Tensor], Tensor]:
    """Images -> logits, by the network's form for inference where it agrees with the plain one."""
    run, reason = fastest(explained.model, images[:CHUNK].to(explained.device), None, explained.precision)
    if reason:
        say(reason)
    return lambda some: run(some.to(explained.device, memory_format=torch.channels_last), None)


def _figures(curves: dict[str, Curve]) -> dict:
    """The areas of each order, and how much more the others have than the most attended first, with 95 % intervals."""
    figures: dict = {}
    for what, attribute in (("accuracy", "hits"), ("probability", "kept")):
        most = getattr(curves["most"], attribute)
        figures[what] = {order: {"area": float(area(getattr(curve, what)))} for order, curve in curves.items()}
        for order in ORDERS[1:]:
            gain = difference(most, getattr(curves[order], attribute))
            figures[what][order] |= dict(zip(("more_than_most", "low", "high"), gain))
    return figures


def _sentence(name: str, figures: dict, random: Curve) -> str:
    parts = []
    for what, by_order in figures.items():
        most, least, another = (by_order[order] for order in ORDERS)
        parts.append(
            f"area under {what} {most['area']:.3f} with the most attended first, {area(getattr(random, what)):.3f} at random, "
            f"{least['area']:.3f} with the least first, {_more(least)}; {another['area']:.3f} by another image's map, "
            f"{_more(another)}"
        )
    return f"{name}: {'; '.join(parts)}"


def _more(figures: dict) -> str:
    return f"{figures['more_than_most']:+.3f} [{figures['low']:.3f}, {figures['high']:.3f}]"


def _write_table(path: Path, found: dict[str, dict[str, Curve]], random: Curve) -> None:
    """A row a map, order and share of the image that is blank."""
    rows = [(name, order, curve) for name, curves in found.items() for order, curve in curves.items()]
    with replacing(path) as partial_path, open(partial_path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["map", "first", "blanked", "accuracy", "probability"])
        for name, order, curve in [*rows, ("", "random", random)]:
            for step, (accuracy, probability) in enumerate(zip(curve.accuracy, curve.probability)):
                writer.writerow([name, order, f"{step / STEPS:g}", f"{accuracy:.9g}", f"{probability:.9g}"])
