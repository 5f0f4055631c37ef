"""What one flag of `main.py` is: its names, type, bounds, default and lifetime. engine.config.flags has the flags. No torch."""

from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, dataclass, field
from typing import get_args

from data_preprocessing.common.command_line import path_text

COMMAND = "command"  # lifetime: of one command; None unless given, and never taken from a checkpoint
RUN = "run"  # decides what a run computes; stored in its checkpoints, and taken over by --resume and --evaluate
MACHINE = "machine"  # decides how fast a run is and where it reads and writes; stored and taken over like those of the run

LARGEST_INT = 2**31 - 1
_LARGEST_REAL = 1e6  # float32 holds it, and its square


@dataclass(frozen=True)
class Flag:
    """One flag. names: as typed. kind: bool for a switch, else the type of its value.

    least, most: bounds of a number; above: a bound that is itself left out. by_recipe: the recipe gives the default.
    configures: whether runs that differ in it are different configurations. convert: from what is typed, `kind` where None.
    """

    name: str
    names: tuple[str, ...]
    group: str
    help: str
    kind: type
    default: object
    lifetime: str
    choices: Collection[str]
    metavar: str
    least: float | None
    most: float | None
    above: float | None
    by_recipe: bool
    path: bool
    many: bool
    configures: bool
    convert: Callable[[str], object] | None

    @property
    def shown(self) -> str:
        """The name that messages use."""
        return next(name for name in self.names if name.startswith("--"))

    def options(self) -> dict:
        """Arguments of argparse's add_argument beside the names."""
        options = {"dest": self.name, "help": self.help}
        if self.kind is bool:
            return options | {"action": "store_true"}
        options |= {"type": path_text if self.path else self.convert or self.kind}
        options |= {"choices": self.choices} if self.choices else {"metavar": self.metavar}
        return options | ({"nargs": "+"} if self.many else {})

    def problem(self, value: object) -> str:
        """What is wrong with a number out of bounds, "" for a sensible value and for what has no bounds."""
        if self.kind is float:  # written so that what is no number fails
            low = self.least if self.above is None else self.above
            sensible = (value > low if self.above is not None else value >= low) and value <= self.most
            bound = f"above {low:g}" if self.above is not None else f"at least {low:g}"
            return "" if sensible else f"must be a finite number {bound} and at most {self.most:g}"
        if self.least is not None and value < self.least:
            return f"must be at least {self.least}"
        return f"must be at most {self.most}" if self.most is not None and value > self.most else ""


def flag(names: str, group: str, help: str = "", default: object = None, lifetime: str = RUN, **more):
    """A dataclass field that is a flag. default: where neither command line, checkpoint nor recipe say otherwise."""
    metadata = {"names": tuple(names.split()), "group": group, "help": help, "lifetime": lifetime, **more}
    return field(default=default, metadata=metadata)


def by_recipe(names: str, group: str, help: str = "", **more):
    """A field whose default is the recipe's."""
    return flag(names, group, f"{help} (default: by recipe, see below)".strip(), by_recipe=True, **more)


def with_default(names: str, group: str, help: str, value: object, **more):
    """A field whose default is said in the help."""
    return flag(names, group, f"{help} (default: {value})".strip(), value, **more)


def described(item: Field) -> Flag:
    """The flag that a field made by the functions above is."""
    given = {**item.metadata}
    kind = next((kind for kind in get_args(item.type) if kind is not type(None)), item.type)
    lifetime = given["lifetime"]
    usual = {"choices": (), "metavar": "", "least": None, "most": _LARGEST_REAL if kind is float else None, "above": None}
    usual |= {"by_recipe": False, "path": False, "many": False, "configures": lifetime == RUN, "convert": None}
    return Flag(name=item.name, kind=kind, default=None if item.default is MISSING else item.default, **usual | given)
