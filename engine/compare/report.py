"""A comparison as text: sections of sentences and tables, rendered as Markdown or as a page that loads nothing."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from data_preprocessing.common.errors import printable
from data_preprocessing.common.html import data_address, document, render_template
from data_preprocessing.common.words import only_if
from engine.compare.comparison import Comparison, Configuration, ConfigurationPair, Pair
from engine.compare.statistics import LEVEL, RESAMPLES
from engine.compare.wording import FIGURES, shown, shown_difference, shown_interval, shown_p, title

_SINGLE = (
    "The tests on images ask whether two trained networks differ on such images. They do not see how much a training "
    "varies from seed to seed: a difference between single runs, though more than chance, need not be one of their "
    "configurations. For that train several seeds of each (--seeds 0,1,2)."
)
_NO_SPREAD = "an accident of counting images; its interval without width does not say that a further seed would have as many."
_METHOD = (
    "Accuracy: Wilson's interval. Macro F1 and differences: percentile intervals of a paired bootstrap over images "
    f"({RESAMPLES:,} resamples, the same for every run, fixed seed). Accuracy of two runs: McNemar's test, exact below 25 "
    "discordant images, else with continuity correction. Macro F1 of two runs: the bootstrap's two-sided p. Over seeds: "
    "mean, sample deviation, Student's t interval; two configurations: Welch's t test. p after Holm: over the rows of a "
    f"table, for each figure. All intervals are of 95 %; more than chance: p after Holm below {LEVEL:g}."
)
_PAGE, _CSS = Path(__file__).with_suffix(".html"), Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Section:
    """A heading, sentences, and a table where `header` has columns. is_verdict: the sentences are what one came for."""

    heading: str
    sentences: list[str] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    is_verdict: bool = False


def sections(found: Comparison) -> list[Section]:
    """What there is to say of a comparison."""
    parts = [Section("Is the difference more than chance?", verdicts(found), is_verdict=True), _runs(found)]
    if found.has_seeds:
        parts.append(_configurations(found))
    if found.configuration_pairs:
        parts.append(_configuration_pairs(found))
    parts.append(_pairs(found))
    if found.differing:
        names = [run.name for run in found.runs]
        rows = [[name.replace("_", " "), *values] for name, values in found.differing.items()]
        parts.append(Section("Settings that differ", header=["setting", *names], rows=rows))
    return [*parts, Section("Method", [_METHOD])]


def verdicts(found: Comparison) -> list[str]:
    """A plain sentence a pair of configurations where their seeds allow a test, else a pair of runs."""
    if found.configuration_pairs:
        lone = [c.name for c in found.configurations if not c.summaries]
        more = [f"Not tested as a configuration, having one seed: {', '.join(lone)}."] if lone else []
        return [_configuration_sentence(pair) for pair in found.configuration_pairs] + more + [_SINGLE]
    return [_pair_sentence(pair, len(found.pairs)) for pair in found.pairs] + [_SINGLE]


def _chance(p: float) -> str:
    return "more than chance" if p < LEVEL else "no more than chance may give"


def _pair_sentence(pair: Pair, tests: int) -> str:
    def p(raw: float, raised: float) -> str:
        return f"p = {shown_p(raw)}" + (f", {shown_p(raised)} after Holm for {tests} pairs" if tests > 1 else "")

    accuracy = f"accuracy differs by {shown_difference('accuracy', pair.accuracy)} points"
    f1 = f"macro F1 by {shown_difference('macro_f1', pair.macro_f1)}"
    return (
        f"{pair.first} against {pair.second}: {accuracy} ({shown_interval('accuracy', pair.accuracy_interval, '+')}), "
        f"{_chance(pair.accuracy_p)} ({p(pair.mcnemar.p, pair.accuracy_p)}); {f1} "
        f"({shown_interval('macro_f1', pair.macro_f1_interval, '+')}), {_chance(pair.macro_f1_p)} "
        f"({p(pair.macro_f1_raw_p, pair.macro_f1_p)})."
    )


def _configuration_sentence(pair: ConfigurationPair) -> str:
    names, test = f"{pair.first} against {pair.second}, {title(pair.figure)} over seeds", pair.welch
    if test is None:
        return f"{names}: no seed differs from another, so there is nothing to measure a difference by."
    unit = " points" if pair.figure != "macro_f1" else ""
    corrected = f", {shown_p(pair.p)} after Holm" if pair.p != test.p else ""
    return (
        f"{names}: differs by {shown_difference(pair.figure, test.difference)}{unit} "
        f"({shown_interval(pair.figure, test.interval, '+')}), {_chance(pair.p)} (Welch's t, p = {shown_p(test.p)}{corrected})."
    )


def _runs(found: Comparison) -> Section:
    header = ["run", "network", "seed", "epoch", "accuracy (95 %)", "balanced accuracy", "macro F1 (95 %)"]
    rows = []
    for run in found.runs:
        intervals = found.intervals[run.name]
        cells = {name: shown(name, run.result[name]) for name in FIGURES}
        for name, interval in intervals.items():
            cells[name] += f" ({shown_interval(name, interval)})"
        about = [run.result.get("model") or run.settings.get("model"), run.settings.get("seed"), run.result.get("epoch")]
        rows.append([run.name, *("-" if value is None else str(value) for value in about), *cells.values()])
    first = found.runs[0]
    where = f"{len(first.paths):,} images of {first.result['split']}, {len(first.classes)} classes; the same for every run."
    warnings = [f"{run.name}: warning: {text}" for run in found.runs for text in run.result.get("warnings") or []]
    return Section("Runs", [where, *warnings], header, rows)


def _configurations(found: Comparison) -> Section:
    header = ["configuration", "seeds", *(f"{title(name)}: mean, deviation (95 % of the mean)" for name in FIGURES)]
    rows = []
    for configuration in found.configurations:
        seeds = ", ".join(str(run.settings.get("seed")) for run in configuration.runs)
        if configuration.summaries:
            cells = [
                f"{shown(name, s.mean)}, {shown(name, s.sd).removesuffix(' %')} ({shown_interval(name, s.interval)})"
                for name, s in configuration.summaries.items()
            ]
        else:
            cells = [f"{shown(name, configuration.values(name)[0])}, one seed" for name in FIGURES]
        rows.append([configuration.name, seeds, *cells])
    repeated = [run.name for configuration in found.configurations for run in configuration.repeats]
    notes = [f"Not counted, repeating a seed: {', '.join(repeated)}."] if repeated else []
    equal = [configuration.name for configuration in found.configurations if is_without_spread(configuration)]
    notes += [f"Every seed of {name} has as many right: {_NO_SPREAD}" for name in equal]
    return Section("Over seeds", ["Runs that differ by their seed alone.", *notes], header, rows)


def is_without_spread(configuration: Configuration) -> bool:
    """Whether all its seeds have the same accuracy."""
    return bool(configuration.summaries) and len(set(configuration.values("accuracy"))) == 1


def _configuration_pairs(found: Comparison) -> Section:
    header = ["configurations", "figure", "difference (95 %)", "degrees of freedom", "p", "p after Holm", "more than chance"]
    rows = []
    for pair in found.configuration_pairs:
        row, test = [f"{pair.first} - {pair.second}", title(pair.figure)], pair.welch
        if test:
            interval = shown_interval(pair.figure, test.interval, "+")
            row += [f"{shown_difference(pair.figure, test.difference)} ({interval})", f"{test.df:.1f}", shown_p(test.p)]
            row += [shown_p(pair.p), "yes" if pair.p < LEVEL else "no"]
        rows.append(row + ["-"] * (len(header) - len(row)))
    return Section("Configurations, over seeds", [], header, rows)


def _pairs(found: Comparison) -> Section:
    header = ["runs", "right in one alone", "accuracy: points (95 %)", "McNemar p", "after Holm", "more than chance"]
    header += ["macro F1 (95 %)", "bootstrap p", "after Holm", "more than chance"]
    rows = []
    for pair in found.pairs:
        accuracy = shown_difference("accuracy", pair.accuracy), shown_interval("accuracy", pair.accuracy_interval, "+")
        f1 = shown_difference("macro_f1", pair.macro_f1), shown_interval("macro_f1", pair.macro_f1_interval, "+")
        test = pair.mcnemar
        rows.append(
            [f"{pair.first} - {pair.second}", f"{test.only_first} / {test.only_second}", f"{accuracy[0]} ({accuracy[1]})"]
            + [f"{shown_p(test.p)}{' (exact)' * test.exact}", shown_p(pair.accuracy_p)]
            + ["yes" if pair.accuracy_p < LEVEL else "no", f"{f1[0]} ({f1[1]})", shown_p(pair.macro_f1_raw_p)]
            + [shown_p(pair.macro_f1_p), "yes" if pair.macro_f1_p < LEVEL else "no"]
        )
    return Section("Pairs of runs, on the same images", [], header, rows)


def markdown(parts: list[Section], heading: str, image: str = "") -> str:
    """The sections as Markdown. image: name of an image's file beside the text."""
    lines = [f"# {_plain(heading)}", ""]
    for part in parts:
        lines += [f"## {part.heading}", ""]
        bullet = "- " if part.is_verdict else ""
        lines += [*(bullet + _plain(sentence) for sentence in part.sentences), *only_if(part.sentences, "")]
        lines += [*table(part.header, part.rows), ""] if part.rows else []
    return "\n".join([*lines, f"![learning curves]({image})\n"] if image else lines)


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return ["| " + " | ".join(map(_plain, row)) + " |" for row in (header, ["---"] * len(header), *rows)]


def _plain(text: str) -> str:
    return re.sub(r"([|<*`])", r"\\\1", printable(text))


def html(parts: list[Section], heading: str, image: bytes | None = None) -> str:
    """The sections as one page that loads nothing, light or dark as the reader has it. image: a PNG of the curves."""
    address = data_address(image, "png") if image else None
    return document(heading, render_template(_PAGE, parts=parts, heading=heading, image=address), _CSS)
