"""The model card beside an exported file: Markdown under a YAML header, as model hubs read it."""

import argparse
import json
from pathlib import Path

from models import MODELS
from models.export.comparison import Comparison
from models.export.evidence import Evidence, find_evidence
from models.export.source import ALIGNMENT, Source

LICENCES = {  # of the data sets whose names --data_type knows; their owners' pages decide
    "RAF-DB": "RAF-DB: non-commercial research only, by application to its authors; its images are not to be passed on.",
    "AffectNet-7": "AffectNet: non-commercial research only, by agreement; its images are not to be passed on.",
    "CAER-S": "CAER-S: non-commercial research only; its frames are of TV shows whose owners keep their rights.",
    "AI-Hub": "AI Hub (Korea): under AI Hub's terms of use, which need an application and limit use abroad and passing on.",
    "VR": "AI Hub (Korea), faces covered by drawn headsets: under AI Hub's terms of use, as without headsets.",
    "FER2013": "FER2013: collected by web search for a contest; no licence from the people shown or the photographers.",
    "synthetic": "Drawn faces: made by this project, MIT.",
}
LICENCES["AffectNet-8"] = LICENCES["AffectNet-7"]
_BACKBONES = (
    "The published backbones that a POSTER may have started from were trained by third parties on other face collections "
    "(IR-50 on MS-Celeb-1M, which its owner has withdrawn); their terms apply as well."
)
_LIMITS = """## Intended use and limits

For research on facial expression recognition, and for prototypes whose users know that they are analysed and agreed to it.

- **An expression is not an emotion.** The network names the expression that annotators would have named. What a person feels,
  intends or is does not follow from it.
- Not for decisions about people: hiring, schooling, policing, borders, credit, insurance, health. The EU's AI Act
  (Regulation 2024/1689, article 5) forbids inferring emotions at work and in education, save for medical or safety reasons.
- A probability is only as reliable as the calibration error above says. An image without a face gets a class as well.
- Other cameras, light, ages, headsets or croppings than the training data's change the figures; test on your own images."""


def write_card(
    path: Path, args: argparse.Namespace, source: Source, comparison: Comparison, tested: object | None, size: int
) -> None:
    """Write the card of args.out. tested: accuracy before and after on labelled images, None without them. Raises OSError."""
    evidence = find_evidence(source)
    parts = [
        _front(args, source, evidence),
        f"# {args.out.name}",
        _about(args, source, comparison, tested, size),
        _use(args, source),
        _figures(evidence),
        _data(source, evidence),
        _LIMITS,
        _recipe(source),
    ]
    path.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8", errors="backslashreplace")


def _front(args: argparse.Namespace, source: Source, evidence: Evidence) -> str:
    """The YAML header; JSON's texts and lists are YAML's."""
    lines = [
        "license: other",
        "license_name: see-the-data-section",
        f"library_name: {json.dumps({'onnx': 'onnx', 'pt2': 'pytorch', 'safetensors': 'pytorch'}[args.format])}",
        "pipeline_tag: image-classification",
        f"tags: {json.dumps(['facial-expression-recognition', source.network.model, args.format])}",
        *([f"datasets: {json.dumps([source.trained_on.lower()])}"] if source.trained_on else []),
        "metrics: [accuracy, f1]",
    ]
    if evidence.results:
        lines += ["model-index:", f"- name: {json.dumps(source.network.model)}", "  results:"]
    for result in evidence.results:
        dataset = {"name": f"{result['data']}, {result['split']}", "type": (source.trained_on or "other").lower()}
        lines += [
            "  - task: {type: image-classification}",
            f"    dataset: {json.dumps(dataset, ensure_ascii=False)}",
            "    metrics:",
            f"    - {{type: accuracy, value: {result['accuracy']:.6f}}}",
            f"    - {{type: f1, name: macro F1, value: {result['macro_f1']:.6f}}}",
        ]
    return "\n".join(["---", *lines, "---"])


def _about(args: argparse.Namespace, source: Source, comparison: Comparison, tested: object | None, size: int) -> str:
    form = f"8-bit products, calibrated on {Path(args.int8).name}" if args.int8 else "float16" if args.half else "float32"
    head = source.network.model_options.get("head", "linear")
    rows = [
        ("network", f"{source.network.model}, head {head}"),
        ("format", f"{args.format}, {form}, {size / 1e6:.1f} MB"),
        ("made from", f"{Path(source.path).name}, SHA-256 `{source.sha256}`"),
        ("classes", ", ".join(f"{k} {name}" for k, name in enumerate(source.classes))),
        ("against the checkpoint", str(comparison)),
        ("labelled images", str(tested) if tested else "accuracy of this file was not measured (`--labelled DIR` does)"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows), *_remarks(source)])


def _remarks(source: Source) -> list[str]:
    return [f"\n{note[0].upper()}{note[1:]}." for note in source.notes]


def _use(args: argparse.Namespace, source: Source) -> str:
    kind, prepared = source.preparation.image, source.preparation
    fit = "scale the long side and pad with black to" if prepared.fit == "pad" else "stretch to"
    colours = "grey" if kind.mode == "L" else prepared.channel_order.upper()
    mean, std = (", ".join(map(str, values)) for values in (kind.mean, kind.std))
    steps = f"{fit} {kind.size} × {kind.size} (bilinear, antialiased), {colours}, values / 255, minus {mean}, divided by {std}"
    if args.uint8_input:
        given = f"uint8 (batch, height, width, 3), RGB, of any size. Inside: {steps}."
    else:
        given = f"float32 (batch, {len(kind.mean)}, {kind.size}, {kind.size}). Before: {steps}."
    output = "probabilities" if args.softmax else "logits"
    text = f"## Input and output\n\nInput: {given}\n\nAlignment: {ALIGNMENT}."
    if args.format == "safetensors":
        return text + "\n\nThe file holds weights under the network's own names, no computation."
    return text + f"\n\nOutput: {output} (batch, {len(source.classes)}) in the order of the classes."


def _figures(evidence: Evidence) -> str:
    if not evidence.results:
        return (
            "## Figures\n\nNone on record: no log/*/result.json names the checkpoint by its SHA-256. `python main.py "
            "--data DIR --evaluate FILE` makes one."
        )
    rows = ["| data, split | images | accuracy | macro F1 | calibration error | leakage |", "|---|---|---|---|---|---|"]
    for result in evidence.results:
        accuracy = _share(result["accuracy"], result["interval"])
        macro_f1 = _share(result["macro_f1"], result.get("macro_f1_interval"))
        cells = [f"{result['data']}, {result['split']}", str(result["pictures"]), accuracy, macro_f1]
        cells += [f"{100 * result['calibration']['ece']:.2f} %", result["leakage"]]
        rows.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(
        ["## Figures", "", "Of the checkpoint, before the export; with 95 % intervals.", "", *rows, *_classes(evidence)]
    )


def _classes(evidence: Evidence) -> list[str]:
    """Recall of each class in the first result, with who is in it."""
    result = evidence.results[0]
    recalls = {name: f"{100 * one['recall']:.1f} %" if one["support"] else "-" for name, one in result["classes"].items()}
    rows = [f"| {_cell(name)} | {result['classes'][name]['support']} | {recall} |" for name, recall in recalls.items()]
    return [
        f"\nPer class on {_cell(result['data'])}, {result['split']}:\n",
        "| class | images | recall |",
        "|---|---|---|",
        *rows,
        "",
        "Who is in the test set: the images per class are all that is on record. Age, sex, origin and skin colour of the "
        "people are not, so that the figures say nothing about any group of them.",
    ]


def _data(source: Source, evidence: Evidence) -> str:
    network, protocol = source.network, source.recipe.get("data_type")
    lines = ["## Data", "", f"- Trained on {_trained_on(source)}."]
    if licence := LICENCES.get(source.trained_on or protocol):
        lines.append(f"- {licence}" if source.trained_on else f"- Terms, if the images are those of {protocol}: {licence}")
    if MODELS[network.model].pretrained_files:
        lines.append(f"- {_BACKBONES}")
    lines += [f"- SHA-256 of the {name} images: `{digest}`" for name, digest in network.fingerprints.items()]
    lines.append(f"- Leakage between the splits: {evidence.leakage}")
    return "\n".join(lines)


def _trained_on(source: Source) -> str:
    if source.trained_on:
        return source.trained_on
    recipe = source.recipe
    if not recipe:
        return "data that the file does not name; their owners' terms apply"
    return (
        f"the folder `{recipe.get('data')}` under the protocol {recipe.get('data_type')}; the terms of its images' owners apply"
    )


def _recipe(source: Source) -> str:
    if not source.recipe:
        return "## Training\n\nThe file does not say how it was trained."
    rows = "\n".join(f"{name}: {value}" for name, value in sorted(source.recipe.items()))
    return f"## Training\n\nAfter epoch {source.network.epoch}, with\n\n```\n{rows}\n```"


def _share(value: float, interval: list[float] | None) -> str:
    bounds = f" [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]" if interval else ""
    return f"{100 * value:.2f} %{bounds}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
