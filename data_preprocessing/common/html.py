"""What the pages that this program writes share: one file that loads nothing, in which every name is harmless."""

import base64
import hashlib
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path

from PIL import Image

from data_preprocessing.common.errors import printable

MOST_ROWS = 50
CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def escaped(value: object) -> str:
    """`value` as the content of an element or attribute: escaped, in one line, without controls or bytes that are no UTF-8."""
    return escape(printable(str(value)))


def table(caption: str, header: Iterable[str], rows: Iterable[Iterable]) -> str:
    """A table of at most MOST_ROWS rows; the first of a row names it, whole numbers stand right."""

    def cell(value: object) -> str:
        return f'<td class="number">{value:,}</td>' if isinstance(value, int) else f"<td>{escaped(value)}</td>"

    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in header)
    lines = "".join(
        f'<tr><th scope="row">{escaped(first)}</th>{"".join(cell(value) for value in rest)}</tr>'
        for first, *rest in list(rows)[:MOST_ROWS]
    )
    return f'<div class="scroll"><table><caption>{escaped(caption)}</caption><tr>{head}</tr>{lines}</table></div>'


def data_uri(image: Image.Image, form: str, quality: int) -> str:
    """The picture itself as an address. form: "JPEG" or "WEBP"."""
    data = io.BytesIO()
    image.save(data, form, quality=quality)
    return f"data:image/{form.lower()};base64,{base64.b64encode(data.getvalue()).decode()}"


def document(title: str, body: Iterable[str], css: str = "", script: str = "") -> str:
    """The whole page. Its policy lets the browser load and run nothing but what stands in it here."""
    style = f"\n{CSS}{css}"
    policy = [
        "default-src 'none'",
        "img-src data:",
        f"style-src {_hash(style)}",
        f"script-src {_hash(script)}" if script else "script-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    end = f"<script>{script}</script>\n" if script else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escaped(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(policy)}">\n<style>{style}</style>\n</head>\n<body>\n'
        "<main>\n" + "\n".join(part for part in body if part) + f"\n</main>\n{end}</body>\n</html>\n"
    )


def _hash(content: str) -> str:
    """What a content security policy calls an inline style or script (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
