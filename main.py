"""Train, evaluate and resume facial expression recognition with the POSTER family.

python main.py --data DIR --lr 3.5e-5          train
python main.py --data DIR --evaluate FILE      test a checkpoint
python main.py --evaluate FILE --predict PATH  predict the expression of each image: aligned face crops of any size;
                                               with --faces of every face in photographs and videos
python main.py --resume FILE                   continue a run
"""

import argparse
import contextlib
import os
import signal
import sys
import time

from data_preprocessing.common.command_line import OneLineParser
from data_preprocessing.common.errors import one_line
from engine.checkpoints.published_names import replace_published
from engine.config.config_file import with_config
from engine.config.flags import add_flags
from engine.config.folds import is_series
from engine.config.recipes import recipe_table
from engine.config.settings import check_flags, gpu_numbers
from engine.errors import WRONG_INPUT, GroupBroken, TrainingStopped, UsageError
from environment import missing_packages

_LAST_WORD = 20  # seconds that a launcher may take to end the processes of a failed run


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
    add_flags(parser)
    return parser


def main(argv: list[str] | None = None, augmentation: bool = True) -> int:
    """Run the command line. augmentation: False trains without any random transform. Returns the exit status: 0, 1 where
    --predict skipped an image, 2 for wrong usage or data, 3 where training could not go on, 128 and the signal's number
    after one."""
    parser = get_args_parser()
    flags = vars(parser.parse_args(argv))
    if not augmentation:
        flags["augmentation"] = False
    try:
        if "config" in flags:
            flags = with_config(flags, parser, augmentation)
        check_flags(flags)
        problem = missing_packages()
        if problem:
            raise UsageError(problem)
        return _run(replace_published(flags), sys.argv if argv is None else [__file__, *argv])
    except WRONG_INPUT as error:
        return _fail(2, error)
    except (TrainingStopped, OSError) as error:
        return _fail(3, error)
    except MemoryError:
        return _fail(3, MemoryError("out of memory: end other programs, or lower --workers and --batch-size"))
    except KeyboardInterrupt as error:
        if os.environ.get("RANK", "0") == "0":  # of several processes all are stopped alike
            print(one_line(error) if str(error) else "interrupted", file=sys.stderr)
        return 128 + getattr(error, "number", signal.SIGINT)


def _run(flags: dict, command: list[str]) -> int:
    """The command that `flags` ask for. All import torch: not before --help and wrong flags are answered."""
    if "seeds" in flags:
        from engine.commands.seeds import train_seeds

        return train_seeds(flags, command)
    if is_series(flags):
        from engine.commands.folds import train_folds

        return train_folds(flags, command)
    if len(gpu_numbers(flags.get("gpu"))) > 1 and "WORLD_SIZE" not in os.environ:
        from engine.commands.launch import launch

        return launch(gpu_numbers(flags["gpu"]), command, flags.get("device", "auto"))
    if "predict" in flags:
        from engine.commands.predict import predict as run
    elif "evaluate" in flags:
        from engine.commands.evaluate import evaluate as run
    else:
        from engine.commands.train import train as run
    return run(flags) or 0


def _fail(status: int, error: Exception) -> int:
    """Print `error` in a line.

    Of several processes the main one speaks first, and one that can only say that another is gone speaks last: the
    launcher ends the others meanwhile, so that one line is left.
    """
    if os.environ.get("RANK", "0") != "0" or isinstance(error, GroupBroken):
        time.sleep(_LAST_WORD)
    print(f"error: {one_line(error)}", file=sys.stderr)
    return status


def end(status: int) -> None:
    """End this process with `status`. One of several that has failed ends at once: an interpreter that shuts down in order
    waits for its connections, which the others tear meanwhile."""
    if status and os.environ.get("WORLD_SIZE", "1") != "1":
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    end(main())
