"""What --folds may say, and what it goes with. No torch."""

import re

from engine.errors import UsageError

SUBJECTS = "subjects"  # --folds subjects: leave one subject out
MOST_FOLDS = 10_000
OF_THE_DATA = ("columns", "root", "subject_regex", "folds", "fold", "group")  # they mean nothing to other data


def check_folds(flags: dict) -> None:
    """Raises UsageError for a wrong --folds, and for flags that do not go with it. flags: those given."""
    if "folds" not in flags:
        for name in ("fold", "group"):
            if name in flags and flags[name] != "auto":
                raise UsageError(f"--{name} {flags[name]}: goes with --folds K or --folds subjects")
        return
    text = flags["folds"]
    if text != SUBJECTS and not (re.fullmatch(r"\d{1,5}", text, re.ASCII) and 2 <= int(text) <= MOST_FOLDS):
        raise UsageError(f"--folds {text[:60]}: give a number of folds from 2 to {MOST_FOLDS}, or subjects")
    if text == SUBJECTS and flags.get("group") == "none":
        raise UsageError("--folds subjects and --group none exclude each other: each fold is a subject")
    if text != SUBJECTS and flags.get("fold", 1) > int(text):
        raise UsageError(f"--fold {flags['fold']}: there are {text} folds")
    if "seeds" in flags:
        raise UsageError("--folds and --seeds exclude each other: repeat --folds with --seed N --run NAME for each seed")


def is_series(flags: dict) -> bool:
    """Whether the command trains a run a fold. flags: those given."""
    return "folds" in flags and "fold" not in flags
