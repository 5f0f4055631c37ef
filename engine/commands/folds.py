"""`--folds K`: one ordinary training run a fold, and what they come to together. Imports no torch before the runs are done."""

from collections import Counter

from data_preprocessing.common.errors import printable
from data_preprocessing.common.words import quantity
from data_preprocessing.sources.folds import ALONE, SUBJECTS, Folds
from data_preprocessing.sources.open_source import open_folds
from engine.commands.series import Member, series_name, train_series
from engine.config.settings import reading_of, resolve
from engine.run_folder import layout

_MOST_SHOWN = 20  # numbers of images of the folds


def train_folds(flags: dict, command: list[str]) -> int:
    """Train the runs NAME_fold<k> one after the other, then report all their test images together in log/NAME/.

    flags: the command line's, only those given. command: the script and its arguments. Returns the exit status, and raises,
    as train_series does; DataError, before anything is trained, where the data cannot be cut so, or a fold lacks a class.
    """
    name, settings = series_name(flags, "--folds"), resolve(flags, {})
    folds = open_folds(settings.data, _say, reading_of(settings))
    for fold in range(len(folds.names)):
        folds.splits(fold)  # whatever is wrong with one of them is told before the first is trained
    _say(_about(folds))
    if not folds.grouped:
        _say(f"{layout.WARNING}{ALONE}")
    members = [
        Member(_title(folds, fold, settings.folds == SUBJECTS), f"{name}_fold{fold + 1}", ("--fold", str(fold + 1)))
        for fold in range(len(folds.names))
    ]
    status = train_series(name, members, flags, command)
    if status == 0:
        from engine.commands.pooled import summarise  # imports torch

        print(summarise(name, folds, [member.run for member in members], settings))
    return status


def _about(folds: Folds) -> str:
    how = f"by subject ({folds.pool.named_by}, {quantity(len(set(folds.persons)), 'person')})" if folds.grouped else "by image"
    counts = [str(count) for _, count in sorted(Counter(folds.test.tolist()).items())]
    more = " ..." if len(counts) > _MOST_SHOWN else ""
    return f"{len(counts)} folds {how}, of {' + '.join(counts[:_MOST_SHOWN])}{more} images to test, --split-seed {folds.seed}"


def _title(folds: Folds, fold: int, one_subject: bool) -> str:
    return f"fold {fold + 1}" + (f", subject {printable(folds.names[fold])}" if one_subject else "")


def _say(text: str) -> None:
    print(printable(text), flush=True)
