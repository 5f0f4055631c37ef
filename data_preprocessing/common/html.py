"""What the pages that this program writes share: one file that loads nothing, in which every name is harmless.

A page is made of Jinja templates beside the code that fills them, shell.html around them; html.css is the style of all.
"""

import base64
import hashlib
import io
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from data_preprocessing.common.errors import printable
from data_preprocessing.common.words import quantity

MOST_ROWS = 50
_HERE = Path(__file__).parent
CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def render_template(template: Path, **values) -> Markup:
    """The template in a file, filled. Templates of its folder and of this one can be included and imported.

    Values are escaped, in one line, without controls or bytes that are no UTF-8; those that are Markup stay as they are.
    """
    return Markup(_environment(template.parent).get_template(template.name).render(values))


@lru_cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else printable(str(value)),
    )
    environment.filters["percent"] = lambda share, digits=1: f"{100 * share:.{digits}f}"
    environment.filters["thousands"] = lambda number: f"{number:,}"
    environment.globals |= {"MOST_ROWS": MOST_ROWS, "quantity": quantity}
    return environment


def data_uri(image: Image.Image, form: str, quality: int) -> Markup:
    """The image itself as an address. form: "JPEG" or "WEBP"."""
    data = io.BytesIO()
    image.save(data, form, quality=quality)
    return data_address(data.getvalue(), form.lower())


def data_address(data: bytes, kind: str) -> Markup:
    """The bytes of an image file as an address. kind: as MIME types name it, such as "png"."""
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data).decode()}")


def document(title: str, body: Markup, css: str = "", script: str = "") -> str:
    """The whole page. Its policy lets the browser load and run nothing but what stands in it here."""
    style = Markup(f"\n{CSS}{css}")
    hashes = {"style_hash": _hash(style), "script_hash": _hash(script) if script else Markup("'none'")}
    return render_template(_HERE / "shell.html", title=title, body=body, style=style, script=Markup(script), **hashes) + "\n"


def _hash(content: str) -> Markup:
    """What a content security policy calls an inline style or script (CSP Level 3, section 2.3.1)."""
    return Markup(f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'")
