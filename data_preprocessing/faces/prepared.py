"""How the faces of a prepared data set were aligned: what `prepare --align` wrote beside its images."""

import json
from pathlib import Path

from data_preprocessing.common.files import MOST_TEXT, read_file
from data_preprocessing.faces.alignment import ALIGNMENTS, NONE
from data_preprocessing.sources.manifest import PLAN


def prepared_alignment(folder: Path | str) -> str:
    """One of ALIGNMENTS: "points" or "box" where `prepare --align` wrote the data set in `folder`, "none" for any other."""
    try:
        plan = json.loads(read_file(Path(folder) / PLAN, MOST_TEXT))
    except (OSError, ValueError):
        return NONE
    align = plan.get("align") if isinstance(plan, dict) else None
    return align if align in ALIGNMENTS else NONE
