"""docs/flags.md from the table of flags: `python -m tests.flags_page` writes it, a test compares it."""

from pathlib import Path

from engine.config.flag import COMMAND, MACHINE, RUN, Flag
from engine.config.flags import FLAGS, GROUPS

PAGE = Path(__file__).parents[1] / "docs/flags.md"
_KEPT = {COMMAND: "this command", RUN: "the run", MACHINE: "the machine"}
_HEAD = """# Flags of `main.py`

`python -m tests.flags_page` writes this page from `engine/config/*_flags.py`. Flags that are not given come from the
checkpoint, else from the recipe of the network and the data set ([training.md](training.md)); `python main.py --help` prints
the recipes too. The last column says how long a flag holds: for one command; for the run (stored in its checkpoints, taken
over by `--resume` and `--evaluate`, and part of what makes two runs one configuration); or for the machine (stored and
taken over too, but without effect on what is computed).
"""


def flags_page() -> str:
    """The page's text: one table per group of flags."""
    return _HEAD + "".join(
        f"\n## {group}\n\n| flag | what it does | holds for |\n|---|---|---|\n{_rows(group)}" for group in GROUPS
    )


def _rows(group: str) -> str:
    return "".join(_row(flag) for flag in FLAGS.values() if flag.group == group)


def _row(flag: Flag) -> str:
    value = (flag.metavar or "|".join(flag.choices)) + "..." * flag.many
    names = ", ".join(f"`{name}`" for name in flag.names) + (f" `{_escaped(value)}`" if value else "")
    return f"| {names} | {_escaped(flag.help.replace('%%', '%'))} | {_KEPT[flag.lifetime]} |\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(flags_page(), encoding="utf-8")
