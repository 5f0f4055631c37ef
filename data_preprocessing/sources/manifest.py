"""Reading a manifest.csv: what `prepare` wrote about each image, or a table of subjects that the user wrote."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import composed

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
