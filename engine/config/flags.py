"""Every flag of `main.py`, once: the fields of `Settings`, from one file per kind. No torch.

The parser, the defaults, the range checks, what a checkpoint stores and may hold, what makes two runs one configuration, and
docs/flags.md are read from here.
"""

import argparse
from dataclasses import dataclass, fields

from engine.config.command_flags import CommandFlags
from engine.config.data_flags import DataFlags
from engine.config.flag import COMMAND, described
from engine.config.training_flags import TrainingFlags

GROUPS = ("data", "model", "optimisation", "run")


@dataclass
class Settings(CommandFlags, TrainingFlags, DataFlags):
    """All settings of a command, one field per flag; those without a flag come from the script, the data set and the recipe."""

    augmentation: bool = True  # False in main_no_augmentation.py
    variant: str | None = None  # of POSTER V1, by the data set
    eval_transform: str | None = None  # of the recipe
    alignment: str | None = None  # how `prepare --align` cropped the faces of --data; none where it did not


FLAGS = {item.name: described(item) for item in fields(Settings) if item.metadata}
DEFAULTS = {name: one.default for name, one in FLAGS.items() if one.lifetime != COMMAND and not one.by_recipe}
DEFAULTS = {name: value for name, value in DEFAULTS.items() if name not in ("data", "data_type")}  # they depend on each other


def flag_of(name: str) -> str:
    """The flag that a user types for the setting `name`."""
    return FLAGS[name].shown


def of_lifetime(lifetime: str) -> tuple[str, ...]:
    """Names of the settings of one lifetime."""
    return tuple(name for name, one in FLAGS.items() if one.lifetime == lifetime)


def configures(name: str) -> bool:
    """Whether runs that differ in the setting `name` are different configurations. Data are known by their content."""
    return name not in FLAGS or FLAGS[name].configures


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` every flag, by groups."""
    for group in GROUPS:
        titled = parser.add_argument_group(group)
        for one in FLAGS.values():
            if one.group == group:
                titled.add_argument(*one.names, **one.options())
