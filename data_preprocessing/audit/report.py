"""Writing audit.json, audit.csv and audit.html, a page that loads nothing from anywhere; reading the verdict back."""

import json
import shlex
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from markupsafe import Markup

from data_preprocessing.audit.figures import FORMAT
from data_preprocessing.audit.listed import place_beside
from data_preprocessing.audit.table import TABLE, Copied, write_table
from data_preprocessing.common.class_names import display_order
from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import MOST_TEXT, read_file, replacing
from data_preprocessing.common.html import MOST_ROWS, data_uri, document, render_template
from data_preprocessing.sources.images import load_image

JSON_NAME, HTML_NAME = "audit.json", "audit.html"
_SHOWN_PAIRS = 12  # of one kind in one section: at most 9 x 12 x 2 thumbnails of about 5 kB
_THUMBNAIL = 120  # pixels
_SECTIONS = {
    "across_splits": "Copies across splits",
    "across_classes": "Copies under two classes, within a split",
    "same_subject": "Near copies of one person under two classes, as in a sequence: no label conflicts",
    "within": "Other copies, within a split and class",
}
_PAGE, _CSS = Path(__file__).with_suffix(".html"), Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_FAULTS = {"unreadable": "Unreadable", "tiny": "Short side under 32 pixels", "blank": "Blank"}


def find_verdict(root: Path | str) -> str | None:
    """A one-line warning about the data set at `root`, with the remedy, where its audit found leakage or few people in test.

    None where it found neither, without an audit, and with a broken file.
    """
    try:
        place = place_beside(Path(root)) if Path(root).is_file() else Path(root)
        figures = json.loads(read_file(place / JSON_NAME, MOST_TEXT))
        if figures["format"] != FORMAT:
            return None
        if figures["verdict"] == "leakage" and isinstance(figures["text"], str):
            text = " ".join([f"leakage. {figures['text']}", *remedy(figures, Path(root), place)])
        elif figures["verdict"] == "supported" and isinstance(figures["few_subjects"], str):
            text = figures["few_subjects"]
        else:
            return None
        return f"{JSON_NAME}: {printable(' '.join(text.split()))}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def remedy(figures: dict, root: Path, out: Path) -> list[str]:
    """The line that names the command to leave the copies out of the data set at `root`; [] where none are to be left out.

    out: where the audit was written. Its command copies files as they are: the reported images stay the same.
    """
    if not figures.get("copied", {}).get("leave_out"):
        return []
    named = root if root.name not in ("", "..") else root.resolve()
    places = (root, named.with_name(f"{named.stem if 'list' in figures else named.name}-clean"), out / TABLE)
    source, target, table = (shlex.quote(str(place)) for place in places)
    name, flags = ("list", shlex.join(figures["list"]["flags"])) if "list" in figures else ("folder", "")
    command = f"python -m data_preprocessing.prepare {name} --source {source} --out {target} --size 0 --format same"
    command += f" {flags}" if flags else ""
    return [f"To leave the copies out: {command} --without {table}"]


def write_report(figures: dict, copied: Iterable[Copied], root: Path, out: Path) -> None:
    """Write OUT/audit.json, audit.csv and audit.html, only if all are complete. Raises OSError where `out` takes no files.

    figures, copied: of `figures.compute_figures`; root: the data set, whose images the page shows as thumbnails.
    """
    page = render(figures, root, out)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        partial = {name: stack.enter_context(replacing(out / name)) for name in (JSON_NAME, TABLE, HTML_NAME)}
        partial[JSON_NAME].write_text(json.dumps(figures, indent=1), encoding="ascii")
        write_table(partial[TABLE], copied)
        partial[HTML_NAME].write_text(page, encoding="utf-8", errors="backslashreplace")


def render(figures: dict, root: Path, out: Path) -> str:
    """The page of audit.html, below 5 MB. Thumbnails come from the images below `root`; missing ones are left out.

    out: the folder that the page is for.
    """
    images = Path(figures["list"]["images"]) if "list" in figures else root
    title, names, rows = f"Audit of {root.resolve().name}", list(figures["splits"]), _class_rows(figures)
    bars = [(label, list(zip(names, counts))) for label, *counts in rows[: MOST_ROWS - 1]]
    body = render_template(
        _PAGE,
        figures=figures,
        title=title,
        remedy=remedy(figures, root, out),
        bars=bars,
        peak=max(count / figures["splits"][name]["pictures"] for _, counts in bars for name, count in counts),
        total=["all", *(split["pictures"] for split in figures["splits"].values())],
        classes=rows,
        faults=[(heading, figures[name], _fault_rows(figures[name])) for name, heading in _FAULTS.items()],
        shared_subjects=[
            [entry["subject"], *(entry["pictures"].get(name, 0) for name in names)]
            for entry in figures["subjects"]["in_two_splits"]["list"]
        ],
        sections=[(heading, _pairs(figures["pairs"][name], images)) for name, heading in _SECTIONS.items()],
        json_name=JSON_NAME,
        csv_name=TABLE,
    )
    return document(title, body, _CSS)


def _class_rows(figures: dict) -> list[list]:
    every = figures["classes"]["all"]
    shown = [every[k] for k in display_order(every)]
    return [[c] + [split["classes"].get(c, 0) for split in figures["splits"].values()] for c in shown]


def _fault_rows(found: dict) -> list[list]:
    return [[entry["path"], entry.get("reason") or "x".join(map(str, entry.get("size", [])))] for entry in found["list"]]


def _pairs(pairs: list[dict], root: Path) -> list[dict]:
    """Those that the page shows, each with its two thumbnails."""
    chosen = [p for kind in ("exact", "near", "mirrored") for p in [q for q in pairs if q["kind"] == kind][:_SHOWN_PAIRS]]
    return [pair | {"images": [(pair[key], _thumbnail(root / pair[key])) for key in ("a", "b")]} for pair in chosen]


def _thumbnail(path: Path) -> tuple[Markup, int, int] | None:
    """Address, width and height; None of an image that cannot be read."""
    try:
        image = load_image(path)
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        return data_uri(image, "JPEG", 80), *image.size
    except Exception:  # PIL's decoders raise many kinds
        return None
