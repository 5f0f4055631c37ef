"""Write a trained network as a file that other runtimes read, compare it with the network, and write a model card beside it.

python -m models.export best.pth --format onnx --out face.onnx --uint8-input --softmax
python -m models.export best.pth --format onnx --out small.onnx --int8 DIR/train --labelled DIR/test
python -m models.export published:rafdb --format pt2 --out rafdb.pt2

onnx needs the packages of requirements-extras.txt. docs/deploying.md shows how such a file is used without PyTorch.
"""

import argparse
import sys

from data_preprocessing.common.command_line import OneLineParser, path, path_text
from data_preprocessing.common.errors import DataError, one_line
from models.export.errors import Differs, ExportError

FORMATS = ("onnx", "pt2", "safetensors")


def get_args_parser() -> argparse.ArgumentParser:
    """The command line of `python -m models.export`."""
    parser = OneLineParser(
        prog="python -m models.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("checkpoint", type=path_text, help="a checkpoint, of ours or published, or published:NAME")
    add("--format", choices=FORMATS, required=True, help="ONNX, a program of torch.export, or the weights alone")
    add("--out", type=path, required=True, metavar="FILE", help="file to write; FILE.md, the model card, is written beside it")
    add("--classes", metavar="NAME,NAME,...", help="of the outputs in order, for a file that names none (default: numbers)")
    add(
        "--uint8-input",
        action="store_true",
        help="take uint8 pixels (batch, height, width, 3) of any size and prepare them inside",
    )
    add("--softmax", action="store_true", help="give probabilities (default: logits)")
    add("--half", action="store_true", help="weights and products in float16")
    add(
        "--int8",
        type=path_text,
        metavar="DIR",
        help="onnx: products in 8 bits, calibrated on the images below DIR; with --labelled",
    )
    add("--labelled", type=path_text, metavar="DIR", help="report accuracy before and after on DIR, one folder per class")
    add("--images", type=path_text, nargs="+", metavar="PATH", help="images to compare on (default: drawn faces)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 2 for a wrong flag, checkpoint, folder or a missing package, 3 where
    the written file does not compute what the network computes, which is then removed."""
    args = get_args_parser().parse_args(argv)
    try:
        from models.export.command import export  # imports torch: not before wrong usage is answered

        export(args, lambda text: print(text, flush=True))
    except Differs as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 3
    except (ExportError, DataError, OSError, ValueError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
