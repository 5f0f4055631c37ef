"""What the log folder has on record about a checkpoint: results of evaluations of these very bytes, and verdicts on leakage."""

from dataclasses import dataclass
from pathlib import Path

from data_preprocessing.common.files import read_json
from models.export.source import Source

LOG_ROOT = Path("log")
_NO_AUDIT = "none on record; either no audit was made (`python -m data_preprocessing.audit DIR`) or it found none"


@dataclass(frozen=True)
class Evidence:
    """results: of log/*/result.json that name the checkpoint's SHA-256, test first, each with `data` and `leakage`.
    leakage: the verdict on the data that the network was trained on."""

    results: tuple[dict, ...]
    leakage: str


def find_evidence(source: Source) -> Evidence:
    """Read the log folder; what is no record of ours is passed over."""
    found, trained = [], ""
    for path in sorted(LOG_ROOT.glob("*/result.json")):
        result, record = read_json(path), read_json(path.with_name("args.json"))
        if (
            result.get("sha256") != source.sha256
            or not {"accuracy", "macro_f1", "classes", "split", "calibration"} <= result.keys()
        ):
            continue
        data = Path(str(record.get("arguments", {}).get("data") or "drawn faces")).name
        found.append({**result, "data": data, "leakage": record.get("audit") or _NO_AUDIT})
    if source.network.run:
        trained = read_json(LOG_ROOT / source.network.run / "args.json").get("audit") or ""
    return Evidence(tuple(sorted(found, key=lambda one: one["split"] != "test")), trained or _NO_AUDIT)
