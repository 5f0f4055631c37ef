"""What `python -m models.export` does: write under another name, compare, and only then put file and card in their place."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import binomtest

from data_preprocessing.common.files import reason, replacing
from models.export import formats, images
from models.export.card import write_card
from models.export.comparison import compare, predictions
from models.export.errors import ExportError
from models.export.graph import build
from models.export.images import Labelled
from models.export.int8 import quantise
from models.export.source import Source, example, open_source
from models.images import read_image

Say = Callable[[str], None]


@dataclass(frozen=True)
class Tested:
    """Correct predictions of `number` labelled images by the network and by the file; lost, won: right only in one."""

    folder: str
    number: int
    before: int
    after: int
    lost: int
    won: int

    def __str__(self) -> str:
        change = f"{self.lost} images right before and wrong after, {self.won} the other way"
        return f"accuracy on {self.folder}: {self.share(self.before)} before, {self.share(self.after)} after ({change})"

    def share(self, hits: int) -> str:
        """Accuracy with its 95 % interval (Wilson)."""
        bounds = binomtest(hits, self.number).proportion_ci(method="wilson")
        return f"{100 * hits / self.number:.2f} % [{100 * bounds.low:.2f}, {100 * bounds.high:.2f}] of {self.number}"


def export(args: argparse.Namespace, say: Say) -> None:
    """args: of the command line. Raises ExportError, Differs, WeightsError, DataError; then neither file nor card is there."""
    _check(args)
    source = open_source(args.checkpoint, args.classes)
    for note in source.notes:
        say(note)
    labelled = images.read_labelled(args.labelled, source.classes) if args.labelled else None
    shown = _images(args, say)
    card = args.out.with_name(args.out.name + ".md")
    try:
        with replacing(args.out) as partial, replacing(card) as partial_card:
            run = _write(args, source, partial)
            comparison = compare(source.model, run, shown, args.uint8_input, args.softmax)
            say(f"{args.format}: {comparison}")
            if not args.int8:
                comparison.require("float16" if args.half else "float32")
            tested = _test(source, run, labelled, args) if labelled else None
            if tested:
                say(str(tested))
            write_card(partial_card, args, source, comparison, tested, partial.stat().st_size)
    except OSError as error:
        raise ExportError(f"{args.out}: cannot be written ({reason(error)})") from None
    say(f"written: {args.out} ({args.out.stat().st_size / 1e6:.1f} MB), {card}")


def _check(args: argparse.Namespace) -> None:
    """Raises ExportError for flags that do not go together, a missing package and a file that exists."""
    formats.require_packages(args.format)
    if args.format == "safetensors" and (args.uint8_input or args.softmax):
        raise ExportError("--format safetensors holds weights and computes nothing; leave out --uint8-input and --softmax")
    if args.int8 and (args.format != "onnx" or args.half):
        raise ExportError("--int8 goes with --format onnx and without --half")
    if args.int8 and not args.labelled:
        raise ExportError("--int8 moves the logits: name labelled images by --labelled DIR, so that its accuracy is known")
    if args.out.exists():
        raise ExportError(f"--out {args.out}: exists; remove it or choose another name")
    if not args.out.parent.is_dir():
        raise ExportError(f"--out {args.out}: there is no folder {args.out.parent}")


def _images(args: argparse.Namespace, say: Say) -> list[Image.Image]:
    if args.images:
        return [read_image(path) for path in images.find(args.images, "--images", images.COMPARED)]
    say(f"compared on {images.COMPARED} drawn faces; --images PATH... compares on photographs")
    return images.drawn_faces(images.COMPARED)


def _write(args: argparse.Namespace, source: Source, path: Path) -> formats.Run:
    """Write the file; what runs it in its own runtime."""
    output = "probabilities" if args.softmax else "logits"
    precision = "int8" if args.int8 else "float16" if args.half else "float32"
    metadata = source.metadata(output, args.uint8_input, precision)
    if args.format == "safetensors":
        formats.write_weights(path, source.model, args.half, metadata)
        return formats.run_weights(path, source)
    network = build(source, args.uint8_input, args.softmax, args.half)
    write, run = {
        "onnx": (formats.write_onnx, formats.run_onnx),
        "pt2": (formats.write_pt2, formats.run_pt2),
    }[args.format]
    write(path, network, example(source, args.uint8_input), output, metadata)
    if args.int8:
        calibration = images.find([args.int8], "--int8", images.CALIBRATED)
        quantise(path, map(read_image, calibration), source.model.prepare, args.uint8_input)
    return run(path)


def _test(source: Source, run: formats.Run, labelled: Labelled, args: argparse.Namespace) -> Tested:
    number = len(labelled.labels)
    network = formats.run_model(source.model)
    right = [
        predictions(one, source.model.prepare, labelled, number, pixels, text) == labelled.labels
        for one, pixels, text in ((network, False, "before"), (run, args.uint8_input, "after"))
    ]
    before, after = right
    lost, won = int(np.sum(before & ~after)), int(np.sum(after & ~before))
    return Tested(Path(args.labelled).name, number, int(before.sum()), int(after.sum()), lost, won)
