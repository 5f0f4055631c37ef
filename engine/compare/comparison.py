"""Runs on the same images, compared: each with intervals, pairs with paired tests, seeds of a configuration together."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from engine.compare import statistics
from engine.compare.runs import Run
from engine.compare.statistics import McNemar, SeedSummary, Welch
from engine.compare.wording import FIGURES
from engine.config.flags import DEFAULTS, configures
from engine.evaluation.metrics import Metrics, compute_metrics
from engine.report.statistics import macro_f1_interval

PLACES = ("pretrained", "root")  # folders: elsewhere they may have another path, and a record has the last name alone


@dataclass(frozen=True)
class Pair:
    """Two runs, first - second: differences with 95 % intervals of the paired bootstrap, tests, p values after Holm."""

    first: str
    second: str
    mcnemar: McNemar
    accuracy: float
    accuracy_interval: tuple[float, float]
    accuracy_p: float
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    macro_f1_raw_p: float
    macro_f1_p: float


@dataclass(frozen=True)
class Configuration:
    """Runs that differ by their seed alone. summaries: by figure; {} of a single run. repeats: further runs of a seed."""

    name: str
    runs: tuple[Run, ...]
    repeats: tuple[Run, ...]
    summaries: dict[str, SeedSummary]

    def values(self, figure: str) -> list[float]:
        """`figure` of each run."""
        return [run.result[figure] for run in self.runs]


@dataclass(frozen=True)
class ConfigurationPair:
    """Two configurations, first - second, by one figure. welch: None where no run differs from its like. p: after Holm."""

    first: str
    second: str
    figure: str
    welch: Welch | None
    p: float


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. intervals: of each run by its name, of accuracy (Wilson) and macro F1 (bootstrap)."""

    runs: list[Run]
    intervals: dict[str, dict[str, tuple[float, float]]]
    pairs: list[Pair]
    configurations: list[Configuration]
    configuration_pairs: list[ConfigurationPair]
    differing: dict[str, list[str]]

    @property
    def has_seeds(self) -> bool:
        """Whether any configuration has several runs."""
        return any(configuration.summaries for configuration in self.configurations)


def compare(runs: list[Run], progress: Callable[[Iterable], Iterable] = iter) -> Comparison:
    """runs: of `read_runs`. progress: wraps the parts of the bootstrap."""
    labels, predicted = runs[0].labels, np.stack([run.predicted for run in runs])
    samples = statistics.bootstrap(labels, predicted, len(runs[0].classes), progress=progress)
    intervals = {
        run.name: {
            "accuracy": compute_metrics(labels, run.predicted, len(run.classes)).interval,
            "macro_f1": macro_f1_interval(_own_metrics(run)),
        }
        for run in runs
    }
    configurations = find_configurations(runs)
    pairs = _pairs(runs, labels, samples)
    return Comparison(runs, intervals, pairs, configurations, compare_configurations(configurations), _differing(runs))


def _pairs(runs: list[Run], labels: np.ndarray, samples: dict[str, np.ndarray]) -> list[Pair]:
    numbers = list(combinations(range(len(runs)), 2))
    right = [run.predicted == labels for run in runs]
    tests = [statistics.mcnemar(right[a], right[b]) for a, b in numbers]
    differences = {name: [values[a] - values[b] for a, b in numbers] for name, values in samples.items()}
    f1_p = [statistics.bootstrap_p(values) for values in differences["macro_f1"]]
    raised = zip(statistics.holm([test.p for test in tests]), statistics.holm(f1_p))
    return [
        Pair(
            first=runs[a].name,
            second=runs[b].name,
            mcnemar=tests[k],
            accuracy=runs[a].result["accuracy"] - runs[b].result["accuracy"],
            accuracy_interval=statistics.percentile_interval(differences["accuracy"][k]),
            accuracy_p=accuracy_p,
            macro_f1=runs[a].result["macro_f1"] - runs[b].result["macro_f1"],
            macro_f1_interval=statistics.percentile_interval(differences["macro_f1"][k]),
            macro_f1_raw_p=f1_p[k],
            macro_f1_p=macro_f1_p,
        )
        for k, ((a, b), (accuracy_p, macro_f1_p)) in enumerate(zip(numbers, raised))
    ]


def _own_metrics(run: Run) -> Metrics:
    """The run's figures with the classes in its own order, so that its interval is the one of its report."""
    own = run.facts["classes"]
    index = np.array([own.index(name) for name in run.classes])
    return compute_metrics(index[run.labels], index[run.predicted], len(own))


def configuration_settings(run: Run) -> dict:
    """The settings that all runs of its configuration share."""
    settings = {name: value for name, value in (DEFAULTS | run.settings).items() if configures(name) and value is not None}
    trained_on = run.facts["fingerprints"].get("train") or (run.facts.get("trained_on") or {}).get("train")
    settings |= {name: Path(settings[name]).name for name in PLACES if name in settings}
    return settings | {"pictures": trained_on, "tested": bool(run.settings.get("evaluate"))}


def find_configurations(runs: list[Run]) -> list[Configuration]:
    """The runs in groups that differ by their seed alone, in the order of their first ones."""
    keys = [configuration_settings(run) for run in runs]
    groups = [[run for run, key in zip(runs, keys) if key == own] for k, own in enumerate(keys) if own not in keys[:k]]
    found = []
    for group in groups:
        by_seed = {}
        for run in group:
            by_seed.setdefault(run.settings.get("seed"), run)
        members = tuple(by_seed.values())
        summaries = {}
        if len(members) > 1:
            summaries = {name: statistics.summarise_seeds([run.result[name] for run in members]) for name in FIGURES}
        repeats = tuple(run for run in group if run not in members)
        found.append(Configuration(_common_name([run.name for run in members]), members, repeats, summaries))
    return found


def _common_name(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    common = os.path.commonprefix(names)  # noqa: RUF071, of letters is meant
    return re.sub(r"[_\-.\s]*(seed)?[_\-.\s]*$", "", common) or f"{names[0]} and its like"


def compare_configurations(configurations: list[Configuration]) -> list[ConfigurationPair]:
    """Every two of those with several seeds, by accuracy and by macro F1; p after Holm's correction for each figure."""
    several = [configuration for configuration in configurations if configuration.summaries]
    found = []
    for figure in ("accuracy", "macro_f1"):
        pairs = list(combinations(several, 2))
        tests = [statistics.welch(a.values(figure), b.values(figure)) for a, b in pairs]
        raised = statistics.holm([test.p if test else 1.0 for test in tests])
        found += [ConfigurationPair(a.name, b.name, figure, test, p) for (a, b), test, p in zip(pairs, tests, raised)]
    return found


def _differing(runs: list[Run]) -> dict[str, list[str]]:
    """Setting -> its value in each run, of those that are not the same in all; training images and torch among them."""
    tables = []
    for run in runs:
        table = configuration_settings(run) | {"seed": run.settings.get("seed")}
        table["pictures"] = (table["pictures"] or "unknown")[:12]
        table["torch"] = (run.facts.get("versions") or {}).get("torch")
        table["device"] = run.facts.get("device")
        tables.append(table)
    names = dict.fromkeys(name for table in tables for name in table)
    found = {name: ["-" if table.get(name) is None else str(table[name]) for table in tables] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}
