"""Train, evaluate and resume facial expression recognition with the POSTER family.

python main.py --data DIR --lr 3.5e-5          train
python main.py --data DIR --evaluate FILE      test a checkpoint
python main.py --resume FILE                   continue a run
"""

import argparse
import sys

from engine.errors import WRONG_INPUT, TrainingStopped, one_line
from engine.protocols import DEFAULTS, PROTOCOLS, SYNTHETIC
from engine.settings import check_flags
from models import MODELS


class _Parser(argparse.ArgumentParser):
    """argparse, with wrong usage told in one line."""

    def error(self, message: str):
        self.exit(2, f"error: {message}; see --help\n")


def _default(name: str) -> str:
    return f"(default: {DEFAULTS[name]})"


def _by_protocol(field: str) -> str:
    values = {}
    for name, protocol in PROTOCOLS.items():
        values.setdefault(getattr(protocol, field), []).append(name)
    return "(default: " + "; ".join(f"{value:g} for {', '.join(names)}" for value, names in values.items()) + ")"


def get_args_parser() -> argparse.ArgumentParser:
    """The command line. Flags that are not given are absent from the result: protocol or checkpoint fill them in."""
    parser = _Parser(
        prog="main.py",
        description=__doc__,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument_group("data").add_argument
    add("--data", metavar="DIR", help="folder with train/, valid/ (or val/) and test/, a folder a class (default: drawn faces)")
    add("--data_type", choices=PROTOCOLS, help=f"published protocol to follow (default: RAF-DB; without --data {SYNTHETIC})")
    add("--split", choices=("valid", "test"), help="what --evaluate tests (default: test where there is one)")
    add("--skip-bad-images", action="store_true", help="drop and count unreadable pictures (default: stop at the first)")
    add("-j", "--workers", type=int, metavar="N", help=f"decoding processes {_default('workers')}")

    add = parser.add_argument_group("model").add_argument
    add("--model", choices=sorted(MODELS), help=_default("model"))
    add("--pretrained", metavar="DIR", help=f"folder of the backbones' files, or none {_default('pretrained')}")
    add("--init", choices=("reference", "positions"), help=f"how the transformer starts {_default('init')}")
    add("--freeze-landmark-bn", action="store_true", help="keep the landmark network's BatchNorm still (default: it moves)")

    add = parser.add_argument_group("optimisation").add_argument
    add("--epochs", type=int, metavar="N", help=f"epochs in all {_by_protocol('epochs')}")
    add("--start-epoch", type=int, metavar="N", help="epochs to count as done (default: 0, or the resumed file's)")
    add("-b", "--batch-size", type=int, metavar="N", help=f"pictures a step {_by_protocol('batch_size')}")
    add("--optimizer", choices=("adam", "adamw", "sgd"), help=f"what SAM drives {_default('optimizer')}")
    add("--lr", "--learning-rate", type=float, metavar="X", help=f"rate of the first epoch, × 0.98 each {_by_protocol('lr')}")
    add(
        "--feature-lr-scale",
        type=float,
        metavar="X",
        help=f"rate of all that feeds the transformer, as a fraction of --lr {_default('feature_lr_scale')}",
    )
    add("--momentum", type=float, metavar="X", help=f"SGD's; above 0 it replaces Adam's β1, 0.9 {_default('momentum')}")
    add("--wd", "--weight-decay", dest="weight_decay", type=float, metavar="X", help=_default("weight_decay"))
    add("--rho", type=float, metavar="X", help=f"SAM's radius; 0: the plain optimiser, one pass {_default('rho')}")

    add = parser.add_argument_group("run").add_argument
    add("--resume", metavar="FILE", help="checkpoint to continue; flags that are not given come from it")
    add("-e", "--evaluate", metavar="FILE", help="checkpoint to test; nothing is trained")
    add("--run", metavar="NAME", help="name of the run's folders (default: the time)")
    add("--checkpoint_path", metavar="FILE", help="(default: checkpoint/<run>/last.pth)")
    add("--best_checkpoint_path", metavar="FILE", help="(default: checkpoint/<run>/best.pth)")
    add("--seed", type=int, metavar="N", help=f"of every random draw {_default('seed')}")
    add("-p", "--print-freq", type=int, metavar="N", help=f"steps between two reports {_default('print_freq')}")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), help=_default("device"))
    add("--precision", choices=("auto", "fp32", "bf16"), help=f"auto: bf16 where the hardware has it {_default('precision')}")
    add("--gpu", type=int, metavar="N", help="number of the CUDA GPU (default: 0)")
    return parser


def main(argv: list[str] | None = None, augmentation: bool = True) -> int:
    """Run the command line. augmentation: False trains without any random transform. Returns the exit status:
    0, 2 for wrong usage or data, 3 where training could not go on."""
    flags = vars(get_args_parser().parse_args(argv))
    if not augmentation:
        flags["augmentation"] = False
    try:
        check_flags(flags)
        if "evaluate" in flags:  # both import torch: not before --help and wrong flags are answered
            from engine.run_evaluate import evaluate as run
        else:
            from engine.run_train import train as run
        run(flags)
    except WRONG_INPUT as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except (TrainingStopped, OSError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
