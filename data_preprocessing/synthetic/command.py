"""A small data set of drawn faces, for trying the programs without any download.

    python -m data_preprocessing.synthetic --out DIR [--classes ...] [--vr] [--seed 0]

No person is in two splits. The same arguments draw the same images. File names are sNNNN_KK.png, person and image.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.errors import DataError, one_line, printable
from data_preprocessing.common.files import reason
from data_preprocessing.synthetic.drawing import draw_face
from data_preprocessing.synthetic.parameters import EXPRESSIONS, Identity

CLASSES = ("anger", "happiness", "surprise")
PEOPLE = {"train": 160, "valid": 30, "test": 60}
RECORD = "synthetic.json"
_MOST = 100_000  # persons, and images of one


def write_synthetic(
    out: Path | str,
    classes: tuple[str, ...] = CLASSES,
    people: dict[str, int] = PEOPLE,
    views: int = 2,
    size: int = 128,
    vr: bool = False,
    seed: int = 0,
    progress=lambda items, total, text: items,
) -> Path:
    """Draw OUT/<split>/<class>/sNNNN_KK.png unless it is there already, and return OUT.

    people: split -> number of persons, each drawn `views` times per class. size: pixels per side. vr: with a headset.
    The folder appears only when it is complete. Raises DataError for unknown classes or another content at OUT.
    """
    unknown = sorted(set(classes) - set(EXPRESSIONS))
    if unknown or len(set(classes)) < 2:
        reason = f"unknown: {', '.join(unknown)}" if unknown else "at least 2 are needed"
        raise DataError(f"--classes: {reason}; choose from {', '.join(EXPRESSIONS)}")
    out = Path(out).absolute()
    record = dict(classes=sorted(set(classes)), people=people, views=views, size=size, vr=vr, seed=seed)
    if (out / RECORD).is_file() and (out / RECORD).read_bytes() == json.dumps(record).encode():
        return out
    if os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: already holds something else; remove it or choose another --out")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _draw_splits(partial, record, progress)
        (partial / RECORD).write_text(json.dumps(record))
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def _draw_splits(folder: Path, record: dict, progress) -> None:
    first_person = 0
    for split, count in record["people"].items():
        for name in record["classes"]:
            (folder / split / name).mkdir(parents=True)
        persons = range(first_person, first_person + count)
        for person in progress(persons, count, f"drawing {split} faces"):
            who = Identity.draw(np.random.default_rng([record["seed"], person]))
            for label, name in enumerate(record["classes"]):
                for view in range(record["views"]):
                    rng = np.random.default_rng([record["seed"], person, EXPRESSIONS.index(name), view])
                    number = label * record["views"] + view
                    image = draw_face(who, name, rng, record["size"], record["vr"])
                    image.save(folder / split / name / f"s{person:04d}_{number:02d}.png")
        first_person += count


def get_args_parser() -> argparse.ArgumentParser:
    """The command line of `python -m data_preprocessing.synthetic`."""
    parser = OneLineParser(prog="python -m data_preprocessing.synthetic", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=path, required=True, help="folder to write; made if missing, else must be empty")
    parser.add_argument(
        "--classes", nargs="+", default=CLASSES, help=f"of {', '.join(EXPRESSIONS)} (default: {' '.join(CLASSES)})"
    )
    for split, count in PEOPLE.items():
        parser.add_argument(f"--{split}-people", type=int, default=count, help="persons in the split (default: %(default)s)")
    parser.add_argument("--views", type=int, default=2, help="images per person and class (default: %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="pixels per side (default: %(default)s)")
    parser.add_argument("--vr", action="store_true", help="cover the upper face with a VR headset")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status, 2 for wrong arguments."""
    args = get_args_parser().parse_args(argv)
    people = {split: getattr(args, f"{split}_people") for split in PEOPLE}
    try:
        for flag, value in (*((f"--{s}-people", n) for s, n in people.items()), ("--views", args.views)):
            if not 1 <= value <= _MOST:
                raise DataError(f"{flag} {value}: must be from 1 to {_MOST}")
        if not 16 <= args.size <= 4096 or args.seed < 0:
            raise DataError("--size must be from 16 to 4096 pixels and --seed at least 0")
        write_synthetic(args.out, tuple(args.classes), people, args.views, args.size, args.vr, args.seed)
    except DataError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(f"error: {args.out}: {reason(error)}"), file=sys.stderr)
        return 2
    total = sum(people.values()) * args.views * len(set(args.classes))
    print(printable(f"{args.out}: {total} images of {', '.join(sorted(set(args.classes)))}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
