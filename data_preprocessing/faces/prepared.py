"""How the faces of a prepared data set were aligned: what `prepare --align` wrote beside its images."""

from pathlib import Path

from data_preprocessing.faces.alignment import ALIGNMENTS, NONE
from data_preprocessing.sources.manifest import read_plan


def prepared_alignment(folder: Path | str) -> str:
    """One of ALIGNMENTS: "points" or "box" where `prepare --align` wrote the data set in `folder`, "none" for any other."""
    align = read_plan(folder).get("align")
    return align if align in ALIGNMENTS else NONE
