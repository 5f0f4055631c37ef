"""Writing audit.json, audit.csv and audit.html, a page that loads nothing from anywhere; reading the verdict back."""

import json
import shlex
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from data_preprocessing.audit.figures import FORMAT
from data_preprocessing.audit.listed import place_beside
from data_preprocessing.audit.table import TABLE, Copied, write_table
from data_preprocessing.common.class_names import display_order
from data_preprocessing.common.errors import printable
from data_preprocessing.common.files import MOST_TEXT, read_file, replacing
from data_preprocessing.common.html import MOST_ROWS, data_uri, document, escaped, table
from data_preprocessing.common.words import quantity
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
_CSS = """
.verdict { border-left: 0.4rem solid var(--line); padding: 0.5rem 1rem; background: var(--soft); font-size: 1.1rem; }
.leakage { border-color: var(--bad); } .supported { border-color: var(--good); }
.train { fill: var(--a); } .valid { fill: var(--b); } .test { fill: var(--c); }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1rem; padding: 0; }
.pairs li { list-style: none; border: 1px solid var(--line); padding: 0.5rem; font-size: 0.85rem; }
.pairs img { max-width: 48%; height: auto; vertical-align: top; }
"""


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
    command += f" {flags}" * bool(flags)
    return [f"To leave the copies out: {command} --without {table}"]


def write_report(figures: dict, copied: Iterable[Copied], root: Path, out: Path) -> None:
    """Write OUT/audit.json, audit.csv and audit.html, only if all are complete. Raises OSError where `out` takes no files.

    figures, copied: of `figures.compute_figures`; root: the data set, whose pictures the page shows as thumbnails.
    """
    page = render(figures, root, out)
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        partial = {name: stack.enter_context(replacing(out / name)) for name in (JSON_NAME, TABLE, HTML_NAME)}
        partial[JSON_NAME].write_text(json.dumps(figures, indent=1), encoding="ascii")
        write_table(partial[TABLE], copied)
        partial[HTML_NAME].write_text(page, encoding="utf-8", errors="backslashreplace")


def render(figures: dict, root: Path, out: Path) -> str:
    """The page of audit.html, below 5 MB. Thumbnails come from the pictures below `root`; missing ones are left out.

    out: the folder that the page is for.
    """
    title = f"Audit of {root.resolve().name}"
    images = Path(figures["list"]["images"]) if "list" in figures else root
    body = [
        f"<h1>{escaped(title)}</h1>",
        f'<p class="verdict {figures["verdict"]}"><strong>{figures["verdict"]}.</strong> {escaped(figures["text"])}</p>',
        *(f"<p>{escaped(line)}</p>" for line in remedy(figures, root, out)),
        "<ul>" + "".join(f"<li>{escaped(line)}</li>" for line in figures["summary"]) + "</ul>",
        "<h2>Classes</h2>",
        _chart(figures),
        _class_table(figures),
        _quality(figures),
        _subjects(figures),
        *(_pairs(figures["pairs"][name], heading, images) for name, heading in _SECTIONS.items()),
        f"<h2>Method</h2><p>Exact duplicates: {escaped(figures['exact']['measure'])}. Near-duplicates, of 32x32 grey "
        f"thumbnails and their mirror images: {escaped(figures['near']['measure'])}. Lists are cut here; {JSON_NAME} has "
        f"the totals and {TABLE} every image that has a copy.</p>",
    ]
    return document(title, body, _CSS)


def _class_rows(figures: dict) -> list[list]:
    every = figures["classes"]["all"]
    shown = [every[k] for k in display_order(every)]
    return [[c] + [split["classes"].get(c, 0) for split in figures["splits"].values()] for c in shown]


def _class_table(figures: dict) -> str:
    total = ["all"] + [split["pictures"] for split in figures["splits"].values()]
    rows = _class_rows(figures)
    more = f" (the first {MOST_ROWS - 1} of {quantity(len(rows), 'class')})" if len(rows) >= MOST_ROWS else ""
    return table(f"Pictures of each class{more}", ["class", *figures["splits"]], [total, *rows])


def _chart(figures: dict) -> str:
    """Bars of the share that each class has in each split: one can see where splits differ, whatever their sizes."""
    names = list(figures["splits"])
    rows = _class_rows(figures)[: MOST_ROWS - 1]
    step = 12 * len(names) + 28
    peak = max(count / figures["splits"][name]["pictures"] for _, *counts in rows for name, count in zip(names, counts))
    parts = []
    for place, name in enumerate(names):
        parts.append(f'<rect class="{name}" x="{place * 80}" y="0" width="12" height="12"/>')
        parts.append(f'<text x="{place * 80 + 17}" y="11">{name}</text>')
    for k, (label, *counts) in enumerate(rows):
        top = 24 + k * step
        parts.append(f'<text x="0" y="{top + 12}">{escaped(label if len(label) < 40 else label[:39] + "…")}</text>')
        for place, (name, count) in enumerate(zip(names, counts)):
            share = count / figures["splits"][name]["pictures"]
            y, width = top + 18 + 12 * place, 235 * share / peak
            parts.append(f'<rect class="{name}" x="0" y="{y}" width="{width:.1f}" height="10"/>')
            parts.append(f'<text x="{width + 6:.1f}" y="{y + 9}">{100 * share:.1f} % ({count:,})</text>')
    height = 24 + len(rows) * step
    label = "Bars: the share that each class has of each split. The figures are in the table below."
    return f'<svg viewBox="0 0 360 {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _quality(figures: dict) -> str:
    short = figures["short_side"]
    parts = [
        f"<h2>Pictures</h2><p>Short side: {short['smallest']:,} to {short['largest']:,} pixels, median {short['median']:,}; "
        f"{figures['sizes']['different']:,} different sizes.</p>",
        table(
            "Commonest sizes (width x height)", ["size", "pictures"], list(map(list, figures["sizes"]["most_common"].items()))
        ),
        table("Modes (as Pillow names them)", ["mode", "pictures"], list(map(list, figures["modes"].items()))),
    ]
    for name, heading in (("unreadable", "Unreadable"), ("tiny", "Short side under 32 pixels"), ("blank", "Blank")):
        found = figures[name]
        if found["total"]:
            rows = [
                [entry["path"], entry.get("reason") or "x".join(map(str, entry.get("size", [])))] for entry in found["list"]
            ]
            parts.append(table(f"{heading}: {found['total']:,}", ["picture", "what"], rows))
    return "\n".join(parts)


def _subjects(figures: dict) -> str:
    subjects = figures["subjects"]
    source = f"from {subjects['source']}" if subjects["source"] else "no source was given"
    text = (
        f"<h2>Subjects</h2><p>{subjects['known']:,} known ({escaped(source)}); "
        f"{quantity(subjects['pictures_without'], 'image')} without; "
        f"{quantity(subjects['manifest_rows_without_picture'], 'manifest row')} without an image.</p>"
    )
    found = subjects["in_two_splits"]
    if found["total"]:
        names = list(figures["splits"])
        rows = [[entry["subject"], *(entry["pictures"].get(name, 0) for name in names)] for entry in found["list"]]
        text += table(f"In more than one split: {found['total']:,}; pictures in each", ["subject", *names], rows)
    return text


def _pairs(pairs: list[dict], heading: str, root: Path) -> str:
    chosen = [p for kind in ("exact", "near", "mirrored") for p in [q for q in pairs if q["kind"] == kind][:_SHOWN_PAIRS]]
    if not chosen:
        return ""
    items = "".join(
        f"<li>{_picture(root, pair['a'])} {_picture(root, pair['b'])}<br>{escaped(pair['a'])}<br>{escaped(pair['b'])}<br>"
        f"{pair['kind']}, similarity {pair['similarity']:.3f}{_named(pair['subjects'])}</li>"
        for pair in chosen
    )
    return f'<h2>{heading}</h2><ul class="pairs">{items}</ul>'


def _named(subjects: list[str | None]) -> str:
    return f"; subjects {escaped(subjects[0] or 'unknown')} and {escaped(subjects[1] or 'unknown')}" if any(subjects) else ""


def _picture(root: Path, path: str) -> str:
    try:
        image = load_image(root / path)
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        source = data_uri(image, "JPEG", 80)
    except Exception:  # PIL's decoders raise many kinds
        return ""
    return f'<img src="{source}" width="{image.width}" height="{image.height}" alt="{escaped(path)}">'
