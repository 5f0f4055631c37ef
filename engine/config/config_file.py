"""`--config FILE`: flags from a JSON or YAML file, which may be the args.json of a run. No torch."""

import argparse
import difflib
import json
from dataclasses import fields
from pathlib import Path

from engine.config.flag import COMMAND
from engine.config.flags import DEFAULTS, FLAGS, Settings
from engine.config.recipes import find_recipe
from engine.errors import UsageError
from models import MODELS

_LARGEST = 2**20  # bytes; a file of flags is no data set
_KNOWN = {item.name for item in fields(Settings)}  # those without a flag, which args.json holds too, among them


def with_config(flags: dict, parser: argparse.ArgumentParser, augmentation: bool) -> dict:
    """`flags` of the command line, with what its --config file says where the command line says nothing.

    parser: of the command line, which reads the values as if they had been typed. augmentation: as in `main`. An args.json
    gives all settings of its run but those of that one command (its name, --resume). Raises UsageError naming the file and
    what is wrong.
    """
    path = Path(flags["config"])
    content = _read(path)
    recorded = content.get("arguments") if isinstance(content.get("arguments"), dict) else None
    given = _of_run(path, recorded, augmentation) if recorded is not None else _of_user(path, content)
    typed = [word for name, value in given.items() for word in _typed(path, name, value)]
    try:
        found = vars(_Reading.of(parser).parse_args(typed))
    except _Wrong as error:
        raise UsageError(f"--config {path}: {error}") from None
    if "seed" in flags:
        found.pop("seeds", None)  # this is a run of the series that the file asks for, or one run is asked for here
    elif "seeds" in flags:
        found.pop("seed", None)
    return found | flags


def _read(path: Path) -> dict:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"--config {path}: is larger than 1 MiB; give a file of flags")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"--config {path}: cannot be read ({reason})") from None
    content = _yaml(path, text) if path.suffix.lower() in (".yaml", ".yml") else _json(path, text)
    if not isinstance(content, dict):
        raise UsageError(f'--config {path}: is no table of flags and values, such as {{"lr": 1e-4, "epochs": 20}}')
    return content


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _table(path, pairs))
    except UsageError:
        raise
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "it nests too deeply"
        raise UsageError(f"--config {path}: is no JSON ({where}); YAML files are called .yaml or .yml") from None


def _table(path: Path, pairs: list[tuple[str, object]]) -> dict:
    names = [name for name, _ in pairs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"--config {path}: {twice[0][:60]!r} stands there twice")
    return dict(pairs)


def _yaml(path: Path, text: str) -> object:
    try:
        import yaml
    except ImportError:
        raise UsageError(
            f"--config {path}: YAML needs a package; python -m pip install pyyaml, or write the file as JSON"
        ) from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"--config {path}: is no YAML{f' (line {mark.line + 1})' if mark else ''}") from None


def _of_run(path: Path, recorded: dict, augmentation: bool) -> dict:
    """Settings of an args.json as flags: those that its run could have been given, without the defaults."""
    if recorded.get("augmentation", augmentation) is not augmentation:
        other = "main.py" if recorded["augmentation"] else "main_no_augmentation.py"
        raise UsageError(f"--config {path}: is of a run of {other}; use that script")
    unknown = [name for name in recorded if name not in _KNOWN]
    if unknown:
        raise UsageError(f"--config {path}: {_unknown(unknown[0])}")
    of_run = {name: value for name, value in recorded.items() if name in FLAGS and FLAGS[name].lifetime != COMMAND}
    if not augmentation:
        of_run.pop("transform", None)  # it has no effect without augmentation, and cannot be typed there
    model = recorded.get("model")
    other = find_recipe(model, recorded.get("data_type")).more if model in MODELS else {}  # defaults of the recipe's own
    of_run = {
        name: value for name, value in of_run.items() if value is not None and (name in other or value != DEFAULTS.get(name))
    }
    if of_run.get("data_type") == "synthetic" and "data" not in of_run:
        del of_run["data_type"]  # what no --data stands for
    return of_run


def _of_user(path: Path, content: dict) -> dict:
    """A file's entries under the names of settings; they may be spelled as flags are, with or without hyphens before them."""
    spelled = {name.lstrip("-").replace("-", "_"): one.name for one in FLAGS.values() for name in one.names if name[:2] == "--"}
    given = {}
    for key, value in content.items():
        name = spelled.get(str(key).lstrip("-").replace("-", "_"))
        if name == "config":
            raise UsageError(f"--config {path}: a file of flags names no other one; take {str(key)[:60]!r} out")
        if name is None:
            raise UsageError(f"--config {path}: {_unknown(str(key))}")
        if name in given:
            raise UsageError(f"--config {path}: {FLAGS[name].shown} stands there twice")
        given[name] = value
    return {name: value for name, value in given.items() if value is not None}


def _unknown(key: str) -> str:
    spelled = [name.lstrip("-") for one in FLAGS.values() for name in one.names if name[:2] == "--" and one.name != "config"]
    near = difflib.get_close_matches(key.lstrip("-"), spelled, 1)
    return f"{key[:60]!r} is no flag" + (f"; did you mean {near[0]}?" if near else "; python main.py --help lists them")


def _typed(path: Path, name: str, value: object) -> list[str]:
    """One flag as it is typed on the command line."""
    one = FLAGS[name]
    if one.kind is bool:
        if type(value) is not bool:
            raise UsageError(f"--config {path}: {one.shown} is true or false, not {value!r:.60}")
        return [one.shown] if value else []
    items = value if one.many and isinstance(value, list) else [value]
    if not items or not all(type(item) in (str, int, float) for item in items):
        raise UsageError(f"--config {path}: {one.shown} takes one value, not {value!r:.60}")
    words = [item if isinstance(item, str) else repr(item) for item in items]
    return [one.shown, *words] if one.many else [f"{one.shown}={words[0]}"]


class _Wrong(Exception):
    """What a parser would have ended the program with."""


class _Reading(argparse.ArgumentParser):
    """Another parser's flags, with wrong values raised as _Wrong."""

    @classmethod
    def of(cls, parser: argparse.ArgumentParser) -> "_Reading":
        return cls(parents=[parser], add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)

    def error(self, message: str):
        raise _Wrong(message.removeprefix("argument "))
