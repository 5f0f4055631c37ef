"""The objective of a run: one of the published losses, or cross-entropy with class weights or label smoothing."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from data_preprocessing.common.class_names import match_names
from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.folders import Split
from engine.config.flags import Settings
from engine.errors import UsageError
from engine.training.losses import LOSSES, WeightedCrossEntropy

_HEADER = ["class", "weight"]


def create_objective(settings: Settings, train: Split) -> tuple[Callable[[Tensor, Tensor], Tensor], str]:
    """The objective on logits (B, C) and labels (B,), and a line that says its class weights, "" for equal ones.

    train: the training split, in the network's class order. Raises UsageError for a file of weights that does not fit.
    """
    if settings.class_weights == "none" and not settings.label_smoothing:
        return LOSSES[settings.loss], ""
    if settings.class_weights == "none":
        return WeightedCrossEntropy(None, settings.label_smoothing), ""
    if settings.class_weights == "balanced":
        weights, origin = balanced(list(train.counts().values())), "balanced"
    else:
        weights, origin = read_weights(Path(settings.class_weights), train.classes), settings.class_weights
    shown = ", ".join(f"{name} {value:.3g}" for name, value in zip(train.classes, weights))
    objective = WeightedCrossEntropy(torch.tensor(weights, dtype=torch.float64), settings.label_smoothing)
    return objective, f"class weights in the loss ({origin}): {shown}"


def balanced(counts: list[int]) -> list[float]:
    """N / (C · n_c) per class of n_c images: a mean of 1 over the images (King and Zeng, 2001, as scikit-learn has it).

    A class without images has weight 1, which no image uses.
    """
    return [sum(counts) / (len(counts) * n) if n else 1.0 for n in counts]


def read_weights(path: Path, classes: tuple[str, ...]) -> list[float]:
    """The weights of a CSV of class,weight, in the order of `classes`; a header of these words may come first.

    Raises UsageError naming the line or the class that does not fit.
    """
    flag = f"--class-weights {path}"
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "it is no text table"
        raise UsageError(f"{flag}: cannot be read ({reason}); give balanced, none or a CSV of class,weight") from None
    given: dict[str, float] = {}
    for number, row in enumerate(rows, 1):
        if number == 1 and [cell.lower() for cell in row] == _HEADER:
            continue
        given |= {_class_name(row, number, flag, given): _weight(row, number, flag)}
    try:
        matches = match_names(classes, given)
    except DataError as error:
        raise UsageError(f"{flag}: {error}") from None
    unknown = [name for name in given if name not in matches]
    missing = [name for name in classes if name not in matches.values()]
    if unknown or missing:
        parts = [f"it names {', '.join(unknown)}"] if unknown else []
        parts += [f"it lacks {', '.join(missing)}"] if missing else []
        raise UsageError(f"{flag}: {' and '.join(parts)}; the classes of the data are {', '.join(classes)}")
    found = {matches[name]: value for name, value in given.items()}
    return [found[name] for name in classes]


def _class_name(row: list[str], number: int, flag: str, given: dict) -> str:
    if len(row) != 2 or not row[0] or row[0] in given:
        what = "names a class again" if row[0] in given else "is not class,weight"
        raise UsageError(f"{flag}: line {number} {what}; give one line per class")
    return row[0]


def _weight(row: list[str], number: int, flag: str) -> float:
    try:
        value = float(row[1])
    except ValueError:
        value = math.nan
    if not 0 < value <= 1e6:
        raise UsageError(f"{flag}: the weight in line {number} is no number above 0 and at most 1e6")
    return value
