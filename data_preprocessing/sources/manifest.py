"""Reading a manifest.csv, which tells of each image what `prepare` or the user wrote, and prepare.json beside it."""

import csv
import io
import json
from pathlib import Path
from typing import NamedTuple

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_TEXT, composed, read_file

MANIFEST = "manifest.csv"
PLAN = "prepare.json"  # beside it: how all was prepared


class Row(NamedTuple):
    """The subject of an image, and its name in the data set it was prepared from; "" where the manifest does not say it."""

    subject: str
    source: str


def parse_manifest(data: bytes, where: Path) -> dict[str, Row]:
    """The row of each image by its path relative to the manifest, in NFC (see `composed`). where: the file, for messages.

    Raises DataError where `data` is no CSV, or without the columns path and subject.
    """
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig", "surrogateescape"), newline=""))
        missing = [name for name in ("path", "subject") if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{where}: no column {' and '.join(missing)}; expected path and subject in its first line")
        return {
            composed(row["path"] or ""): Row(composed((row["subject"] or "").strip()), row.get("source") or "") for row in rows
        }
    except csv.Error as error:
        raise DataError(f"{where}: no CSV file ({error}); mend it or take it away") from None


def read_plan(folder: Path | str) -> dict:
    """What prepare.json in `folder` says: how `prepare` made the data set; {} for any other folder."""
    try:
        plan = json.loads(read_file(Path(folder) / PLAN, MOST_TEXT))
    except (OSError, ValueError, RecursionError):
        return {}
    return plan if isinstance(plan, dict) else {}
