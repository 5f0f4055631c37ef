"""Train, evaluate and resume facial expression recognition with the POSTER family.

python main.py --data DIR --lr 3.5e-5          train
python main.py --data DIR --evaluate FILE      test a checkpoint
python main.py --evaluate FILE --predict PATH  tell the expressions of pictures: aligned face crops of any size
python main.py --resume FILE                   continue a run
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable

from data_preprocessing.command_line import OneLineParser, escape_output, path_text
from data_preprocessing.errors import one_line
from engine.errors import WRONG_INPUT, GroupBroken, TrainingStopped
from engine.protocols import DATA_TYPES, DEFAULTS, LOSSES, SYNTHETIC, TRANSFORMS, recipe_table
from engine.published import replace_published
from engine.settings import check_flags, gpu_numbers
from models import HEADS, MODELS

_LAST_WORD = 20  # seconds that a launcher may take to end the processes of a failed run


def _default(name: str) -> str:
    return f"(default: {DEFAULTS[name]})"


_BY_RECIPE = "(default: by recipe, see below)"


def get_args_parser() -> argparse.ArgumentParser:
    """The command line. Flags that are not given are absent from the result: protocol or checkpoint fill them in."""
    parser = OneLineParser(
        prog="main.py",
        description=__doc__,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
        epilog=recipe_table(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for title, add_flags in FLAG_GROUPS.items():
        add_flags(parser.add_argument_group(title).add_argument)
    return parser


def _add_data_flags(add: Callable) -> None:
    add(
        "--data",
        type=path_text,
        metavar="DIR|CSV",
        help="train/, valid/ (or val/), test/ with a folder a class; FER2013's CSV (default: drawn faces)",
    )
    add("--data_type", choices=DATA_TYPES, help=f"protocol (default: RAF-DB; FER2013 for a CSV; without --data {SYNTHETIC})")
    add("--transform", choices=TRANSFORMS, help=f"of training pictures {_BY_RECIPE}")
    add(
        "--sampler",
        choices=("shuffled", "balanced"),
        help=f"balanced: every class equally often, with replacement {_BY_RECIPE}",
    )
    add("--channel-order", choices=("rgb", "bgr"), help="(default: rgb; bgr for poster_v1 on RAF-DB, as published)")
    add("--split", choices=("valid", "test"), help="what --evaluate tests (default: test where there is one)")
    add("--skip-bad-images", action="store_true", help="drop and count unreadable pictures (default: stop at the first)")
    add("--occlude", choices=("none", "vr"), help=f"cover training faces as a VR headset does {_default('occlude')}")
    add("--occlude-eval", choices=("none", "vr"), help=f"the same of valid and test faces {_default('occlude_eval')}")
    add(
        "--cache",
        type=path_text,
        metavar="auto|off|DIR",
        help="where decoded and resized pictures are kept (default: auto, data/cache)",
    )
    add("-j", "--workers", type=int, metavar="N", help=f"decoding processes {_default('workers')}")


def _add_model_flags(add: Callable) -> None:
    add("--model", choices=MODELS, help=_default("model"))
    add("--head", choices=HEADS, help=f"of a POSTER {_default('head')}")
    margins = ", ".join(f"{margin:g} {name}" for name, margin in HEADS.items() if margin)
    add("--margin", type=float, metavar="X", help=f"of a margin head (default: {margins})")
    add("--scale", type=float, metavar="X", help=f"factor of a margin head's cosines {_default('scale')}")
    add("--h", type=float, metavar="X", help=f"how much AdaFace's margin follows the embedding's length {_default('h')}")
    add("--pretrained", type=path_text, metavar="DIR", help=f"folder of the backbones' files, or none {_default('pretrained')}")
    add("--init", choices=("reference", "positions"), help=f"how POSTER V2's transformer starts {_default('init')}")
    add("--freeze-landmark-bn", action="store_true", help="keep the landmark network's BatchNorm still (default: it moves)")


def _add_optimisation_flags(add: Callable) -> None:
    add("--epochs", type=int, metavar="N", help=f"epochs in all {_BY_RECIPE}")
    add("--start-epoch", type=int, metavar="N", help="epochs to count as done (default: 0, or the resumed file's)")
    add("-b", "--batch-size", type=int, metavar="N", help=f"pictures a step {_BY_RECIPE}")
    add(
        "--accumulate",
        type=int,
        metavar="N",
        help=f"parts that a batch is computed in {_default('accumulate')}",
    )
    add("--loss", choices=LOSSES, help=f"cross-entropy, or with twice a label-smoothed one {_BY_RECIPE}")
    add("--optimizer", choices=("adam", "adamw", "sgd"), help=f"what SAM drives {_BY_RECIPE}")
    add("--lr", "--learning-rate", type=float, metavar="X", help=f"rate of the first epoch {_BY_RECIPE}")
    add("--lr-decay", type=float, metavar="X", help=f"the rate's factor an epoch {_BY_RECIPE}")
    add(
        "--feature-lr-scale",
        type=float,
        metavar="X",
        help=f"backbones' rate as a fraction of --lr {_default('feature_lr_scale')}",
    )
    add("--momentum", type=float, metavar="X", help=f"SGD's; above 0 it replaces Adam's β1, 0.9 {_default('momentum')}")
    add("--wd", "--weight-decay", dest="weight_decay", type=float, metavar="X", help=_BY_RECIPE)
    add("--rho", type=float, metavar="X", help=f"SAM's radius; 0: the plain optimiser, one pass {_BY_RECIPE}")


def _add_run_flags(add: Callable) -> None:
    add(
        "--resume",
        type=path_text,
        metavar="FILE|auto",
        help="checkpoint to continue; flags that are not given come from it; auto: the newest of --run NAME, or start it",
    )
    add(
        "-e",
        "--evaluate",
        type=path_text,
        metavar="FILE",
        help="checkpoint to test; nothing is trained; published:rafdb is the authors' file that python -m models.fetch downloads",
    )
    add(
        "--predict",
        type=path_text,
        nargs="+",
        metavar="PATH",
        help="with --evaluate FILE: tell the classes of these files, folders or globs: aligned face crops, without labels",
    )
    add("--draw", action="store_true", help="with --predict: a PNG a picture, with a bar a class and where the network looks")
    add("--explain", action="store_true", help="with --evaluate: draw where the network looks, and test whether that matters")
    add("--margin-at-eval", action="store_true", help="repeat the published evaluation, which gives the labels to the head")
    add("--run", metavar="NAME", help="name of the run's folders (default: the time)")
    add("--checkpoint_path", type=path_text, metavar="FILE", help="(default: checkpoint/<run>/last.pth)")
    add("--best_checkpoint_path", type=path_text, metavar="FILE", help="(default: checkpoint/<run>/best.pth)")
    add(
        "--save-every",
        metavar="N|Nm",
        help=f"steps or minutes between two checkpoints within an epoch {_default('save_every')}",
    )
    add("--on-nan", choices=("stop", "skip"), help=f"a step whose loss or gradient is not finite {_default('on_nan')}")
    add("--stall-seconds", type=float, metavar="X", help=f"tell what a batch waits for after X s {_default('stall_seconds')}")
    add("--seed", type=int, metavar="N", help=f"of every random draw {_default('seed')}")
    add("--seeds", metavar="N,N,N", help="train a run a seed, NAME_seed<N>, and report mean, deviation and 95 %% interval")
    add("-p", "--print-freq", type=int, metavar="N", help=f"steps between two reports {_default('print_freq')}")
    add("--tensorboard", action="store_true", help="write log/<run>/tensorboard/ too, where that package is installed")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), help=_default("device"))
    add(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        help=f"auto: bf16 where the hardware has it {_default('precision')}",
    )
    add("--compile", action="store_true", help="compile the network by torch.compile (default: not)")
    add("--gpu", metavar="N|N,N", help="number of the CUDA GPU; of several: a process each (default: 0)")
    add("--sync-bn", action="store_true", help="of several processes: BatchNorm over the whole batch (default: each its part)")


FLAG_GROUPS: dict[str, Callable[[Callable], None]] = {  # title -> what adds its flags, by calls like add_argument's
    "data": _add_data_flags,
    "model": _add_model_flags,
    "optimisation": _add_optimisation_flags,
    "run": _add_run_flags,
}


def main(argv: list[str] | None = None, augmentation: bool = True) -> int:
    """Run the command line. augmentation: False trains without any random transform. Returns the exit status: 0, 1 where
    --predict skipped a picture, 2 for wrong usage or data, 3 where training could not go on, 128 and the signal's number
    after one."""
    escape_output()
    flags = vars(get_args_parser().parse_args(argv))
    if not augmentation:
        flags["augmentation"] = False
    try:
        check_flags(flags)
        flags = replace_published(flags)
        command = sys.argv if argv is None else [__file__, *argv]
        if "seeds" in flags:
            from engine.seeds import train_seeds

            return train_seeds(flags, command)
        if len(gpu_numbers(flags.get("gpu"))) > 1 and "WORLD_SIZE" not in os.environ:
            from engine.launch import launch

            return launch(gpu_numbers(flags["gpu"]), command)
        if "predict" in flags:  # all import torch: not before --help and wrong flags are answered
            from engine.run_predict import predict as run
        elif "evaluate" in flags:
            from engine.run_evaluate import evaluate as run
        else:
            from engine.run_train import train as run
        return run(flags) or 0
    except WRONG_INPUT as error:
        return _fail(2, error)
    except (TrainingStopped, OSError) as error:
        return _fail(3, error)
    except MemoryError:
        return _fail(3, MemoryError("out of memory: end other programs, or lower --workers and --batch-size"))
    except KeyboardInterrupt as error:
        print(one_line(error) if str(error) else "interrupted", file=sys.stderr)
        return 128 + getattr(error, "number", signal.SIGINT)


def _fail(status: int, error: Exception) -> int:
    """Tell `error` in a line.

    Of several processes the main one speaks first, and who has nothing to tell but that another is gone speaks last: the
    launcher ends the others meanwhile, so that one line is left.
    """
    if os.environ.get("RANK", "0") != "0" or isinstance(error, GroupBroken):
        time.sleep(_LAST_WORD)
    print(f"error: {one_line(error)}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
