"""The page of a cross-validation: all test images together, and a table of the folds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from data_preprocessing.common.files import read_json, reason, replacing
from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report.page import Content, render
from engine.report.run_page import NAME, SECONDS_AT_THE_END
from engine.report.statistics import PooledIntervals
from engine.report.thumbnails import Thumbnails
from engine.run_folder import layout


def write_pooled_page(
    folder: Path,
    status: str,
    split: Split,
    predictions: Predictions,
    intervals: PooledIntervals,
    folds: tuple[Sequence[str], Sequence[Sequence[str]]],
    warnings: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """report.html in `folder`, whose args.json is there. status: what the figures are of. folds: header and rows of a table.

    A page that cannot be written is told and ends nothing: all that it shows is in other files, too.
    """
    content = Content(
        title=folder.name,
        status=status,
        record=read_json(folder / layout.ARGUMENTS),
        weights=None,
        warnings=warnings,
        history=(),
        selection="",
        best=None,
        timing=(),
        evaluated="Each fold's run has its times in its own report",
        memory=(None, None),
        batch=None,
        intervals=intervals,
        folds=folds,
    )
    try:
        thumbnails = Thumbnails()
        thumbnails.allow(SECONDS_AT_THE_END)
        text = render(content, predictions, split, split.classes, thumbnails)
        with replacing(folder / NAME) as partial:
            partial.write_text(text, encoding="utf-8")
    except Exception as error:
        why = reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {reason(error)}"
        say(f"warning: {folder / NAME}: cannot be written ({why}); going on without it")
