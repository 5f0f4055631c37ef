"""The commands that messages name, as they can be typed."""

import shlex
from pathlib import Path

from data_preprocessing.sources.archives import ARCHIVES


def quoted(path: Path) -> str:
    """A path as a shell takes it."""
    return shlex.quote(str(path))


def prepare_command(name: str, source: Path, *flags: str) -> str:
    """The command that writes the data set `name` at `source` as folders of splits and classes, outside of it."""
    base = source.resolve().name
    base = base[: -max((len(end) for end in ARCHIVES if base.lower().endswith(end)), default=0) or None]
    out = Path("data", base)
    if source.resolve() == out.resolve() or source.resolve() in out.resolve().parents or out.exists():
        out = Path(f"{base}_prepared")
    more = "".join(f" {shlex.quote(flag)}" for flag in flags)
    return f"python -m data_preprocessing.prepare {name} --source {quoted(source)} --out {quoted(out)}{more}"
