"""Which protocol a data set is trained under where the command line names none. No torch."""

import os
from pathlib import Path

from data_preprocessing.sources.manifest import PLAN, read_plan
from engine.config.flags import Settings
from engine.config.recipes import DATA_TYPES, SYNTHETIC

USUAL = "RAF-DB"
# of `prepare NAME`; AffectNet has two, see below
_PREPARED = {"rafdb": "RAF-DB", "caer-s": "CAER-S", "aihub": "AI-Hub", "vr": "VR", "fer2013": "FER2013"}


def usual_data_type(data: str | None, trained: bool) -> str:
    """The data type of --data where --data_type does not say it.

    That of FER2013's table by its content, of a folder that `prepare` wrote by what it was made of, RAF-DB for all else; the
    drawn faces' without data. trained: on other data by somebody else, whose protocol a prepared folder does not know.
    """
    if not data:
        return SYNTHETIC
    return "FER2013" if _is_fer2013(data) else (None if trained else prepared_data_type(data)) or USUAL


def prepared_data_type(data: str | None) -> str | None:
    """The data type of a folder that `prepare` wrote; None for all else, and for data sets without a protocol here."""
    name = read_plan(data).get("name") if data else None
    if name == "affectnet":
        return "AffectNet-8" if (Path(data) / "train" / "contempt").is_dir() else "AffectNet-7"
    return _PREPARED.get(name) if isinstance(name, str) else None


def about_data_type(settings: Settings, given: bool, number: int) -> str:
    """A line on the data type of a new run, "" where nothing is to be said. given: on the command line; number: of classes.

    A warning where it was published on another number of classes.
    """
    if not given:
        found = prepared_data_type(settings.data)
        if not found:
            return ""
        return (
            f"data type: {found}, from {Path(settings.data) / PLAN}; its protocol gives the defaults (--data_type: another's)"
        )
    published = len(DATA_TYPES[settings.data_type].label_order)
    if published in (0, number):
        return ""
    return (
        f"warning: --data_type {settings.data_type} has {published} classes, the images {number}: the run takes its protocol's "
        "settings, and its figures are not comparable with the published ones"
    )


def _is_fer2013(data: str) -> bool:
    """Whether --data names FER2013's table, and no list of images; one that is not there is known by its ending."""
    from data_preprocessing.sources.fer2013 import is_fer2013  # only here: it imports numpy, which --help does without

    return data.lower().endswith(".csv") and (not os.path.isfile(data) or is_fer2013(Path(data)))
