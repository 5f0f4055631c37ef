"""docs/flags.md from the command line's own definitions: `python -m tests.flags_page` writes it, a test compares it."""

from collections.abc import Callable
from pathlib import Path

from main import FLAG_GROUPS

PAGE = Path(__file__).parents[1] / "docs/flags.md"
_HEAD = """# Flags of `main.py`

`python -m tests.flags_page` writes this page from the definitions in `main.py`. Flags that are not given come from the checkpoint, else from the
recipe of the network and the data set ([training.md](training.md)); `python main.py --help` prints the recipes too.
"""


def flags_page() -> str:
    """The page's text: one table per group of flags."""
    return _HEAD + "".join(
        f"\n## {title}\n\n| flag | what it does |\n|---|---|\n{_rows(add_flags)}" for title, add_flags in FLAG_GROUPS.items()
    )


def _rows(add_flags: Callable[[Callable], None]) -> str:
    rows = []

    def add(*names: str, help: str = "", metavar: str = "", choices: tuple = (), nargs: str = "", **_) -> None:
        value = (metavar or "|".join(choices)) + "..." * (nargs == "+")
        flags = ", ".join(f"`{name}`" for name in names) + (f" `{_escaped(value)}`" if value else "")
        rows.append(f"| {flags} | {_escaped(help.replace('%%', '%'))} |\n")

    add_flags(add)
    return "".join(rows)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(flags_page(), encoding="utf-8")
