"""What is printed and kept about images without labels: a line per image, predictions.csv, and what was wrong with which."""

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import replacing
from data_preprocessing.common.words import first_of
from data_preprocessing.sources.folders import Split
from engine.prediction.images import Given
from engine.run_folder import layout


@dataclass
class Report:
    """Images of `split` as they are predicted: the readable ones with a row of probabilities each, the others' paths."""

    split: Split
    classes: tuple[str, ...]
    given: list[Given] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def add(self, given: list[Given], probabilities: np.ndarray) -> str:
        """Keep a batch; returns a line per image: path, class, probability, second choice, or why it is skipped.

        probabilities: (number of readable ones, C), in their order.
        """
        lines, rows = [], iter(probabilities)
        for one in given:
            path = printable(self.split.paths[one.index])
            if one.problem:
                self.unreadable.append(path)
                lines.append(f"{path}: skipped, unreadable ({printable(one.problem)})")
                continue
            row = next(rows)
            self.given.append(replace(one, view=None))
            self.rows.append(row)
            first, second = np.argsort(-row, kind="stable")[:2]
            names = [printable(self.classes[k]) for k in (first, second)]
            lines.append(f"{path}: {names[0]} {row[first]:.3f}, {names[1]} {row[second]:.3f}")
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """predictions.csv: a row per readable image: path, predicted class, a probability per class."""
        with (
            replacing(folder / layout.PREDICTIONS) as partial,
            open(partial, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["path", "predicted", *(f"p_{name}" for name in self.classes)])
            for one, row in zip(self.given, self.rows):
                writer.writerow([self.split.paths[one.index], self.classes[row.argmax()], *(f"{p:.9g}" for p in row)])

    def about_crops(self) -> str:
        """A warning about images that can hardly be face crops, "" without any."""
        found = [one for one in self.given if one.is_no_crop]
        if not found:
            return ""
        shown = [f"{printable(self.split.paths[one.index])} ({one.size[0]}×{one.size[1]})" for one in found]
        return (
            f"warning: {len(found)} of {len(self.given)} images can hardly be aligned face crops, by their size or "
            f"proportions: {first_of(shown)}; the network knows such crops alone: --faces finds and crops the faces"
        )

    def about_names(self) -> str:
        """A warning about images whose names are no UTF-8, "" without any."""
        named = [self.split.paths[one.index] for one in self.given]
        odd = [path for path in named if path != path.encode("utf-8", "replace").decode("utf-8")]
        if not odd:
            return ""
        shown = first_of([printable(path) for path in odd])
        return (
            f"warning: {len(odd)} of {len(named)} images have names that are no UTF-8: {shown}; "
            f"{layout.PREDICTIONS} has their bytes: read it by pandas with encoding_errors='surrogateescape', or rename them"
        )

    def about_unreadable(self) -> str:
        """How many images were skipped, and which; "" without any."""
        total, skipped = len(self.split.paths), len(self.unreadable)
        if not skipped:
            return ""
        return f"{skipped} of {total} images could not be read and were skipped: {first_of(self.unreadable, 10)}"
