"""The page of one run: written after each epoch and at the end, and never the end of a run itself."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from data_preprocessing.common.files import read_json, reason, replacing
from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report import timing
from engine.report.facts import LogWarnings
from engine.report.page import Content, render
from engine.report.thumbnails import Thumbnails, image_file
from engine.run_folder import layout
from engine.training.loop import FitState

NAME = "report.html"
_SECONDS_IN_TRAINING, SECONDS_AT_THE_END = 2.0, 20.0  # for reading images that were not shown before


class RunPage:
    """log/<run>/report.html and timing.csv.

    folder: log/<run>. title: of network and head. state: of the training, None for an evaluation. epochs: to be trained.
    selection: name of the split that chooses the epoch.
    """

    def __init__(
        self,
        folder: Path,
        title: str,
        device: torch.device,
        say: Callable[[str], None],
        state: FitState | None = None,
        epochs: int = 0,
        selection: str = "valid",
    ):
        self._folder, self._title, self._say = folder, title, say
        self._state, self._epochs, self._selection = state, epochs, selection
        self._thumbnails, self._warnings = Thumbnails(), LogWarnings(folder / "log.txt")
        self.clock = timing.Clock(device)

    def note_epoch(self) -> None:
        """Keep what the epoch that has just ended took. Raises OSError."""
        timing.write_timing(self._folder / timing.NAME, self.clock.lap(self._state.epoch, self._state.images_per_s))

    def write_epoch(self, predictions: Predictions, split: Split, classes: Sequence[str]) -> None:
        """The page of a run that goes on. predictions: of the selection split after the last epoch."""
        status = (
            f"Training: {self._state.epoch} of {self._epochs} epochs are done. The figures are of {self._title} on "
            f"{split.name} after epoch {self._state.epoch}, {len(split.paths):,} images, on which the epoch is chosen."
        )
        self._write(status, None, (), predictions, split, classes, _SECONDS_IN_TRAINING)

    def write_result(
        self, predictions: Predictions, split: Split, classes: Sequence[str], weights: dict, warnings: Sequence[str] = ()
    ) -> None:
        """The page of a run that is done. weights: facts about the tested checkpoint. warnings: beside those of the log."""
        status = f"{self._title} on {split.name}, {len(split.paths):,} images"
        if self._state:
            chosen = f"number {weights['epoch']} was chosen on {self._selection}"
            status += f": the report of a run of {self._state.epoch} epochs, of which {chosen}."
        else:
            status += f": an evaluation of {weights['checkpoint']}."
        self._write(status, weights, warnings, predictions, split, classes, SECONDS_AT_THE_END)

    def _write(
        self,
        status: str,
        weights: dict | None,
        warnings: Sequence[str],
        predictions: Predictions,
        split: Split,
        classes: Sequence[str],
        seconds: float,
    ) -> None:
        """Whatever goes wrong here is said in a line, and the run goes on: all that the page shows is in other files too."""
        try:
            self._thumbnails.allow(seconds)
            content = self._content(status, weights, warnings, len(predictions.labels))
            text = render(content, predictions, split, classes, self._thumbnails)
            with replacing(self._folder / NAME) as partial:
                partial.write_text(text, encoding="utf-8")
        except Exception as error:
            why = reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {reason(error)}"
            self._say(f"warning: {self._folder / NAME}: cannot be written ({why}); the run goes on without it")

    def _content(self, status: str, weights: dict | None, warnings: Sequence[str], images: int) -> Content:
        state = self._state
        evaluated = "The time of the evaluation is not known"
        if self.clock.evaluated:
            took = self.clock.evaluated
            evaluated = f"Evaluation of {images:,} images: {took:,.1f} s, {images / max(took, 1e-9):,.1f} images/s"
        return Content(
            title=self._folder.name,
            status=status,
            record=read_json(self._folder / layout.ARGUMENTS),
            weights=weights,
            warnings=layout.unmarked([*self._warnings.read(), *warnings]),
            history=state.history if state else (),
            selection=self._selection,
            best=state.best["epoch"] if state and state.best else None,
            timing=timing.read_timing(self._folder / timing.NAME) if state else (),
            evaluated=evaluated,
            memory=self.clock.memory(),
            batch=image_file(self._folder / layout.FIRST_BATCH),
        )
