"""The command line of `python -m data_preprocessing.prepare`: its flags, and what is no sensible value."""

import argparse
import os
from types import SimpleNamespace

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.errors import DataError
from data_preprocessing.prepare.crops import FORMATS, MARGIN, SAME
from data_preprocessing.prepare.splitting import RATIOS, WAYS
from data_preprocessing.prepare.writer import SKIPPED
from data_preprocessing.readers import READERS

_MOST_WORKERS = 1024
_READER_DEFAULTS = {"num_classes": 7, "label": "uploader", "neutral": True, "columns": None, "root": None}


class _Parser(OneLineParser):
    def format_help(self) -> str:
        """The help text; it alone needs every reader to be imported."""
        names = "\n".join(f"  {name:<10} {reader.description}" for name, reader in READERS.items())
        self.epilog = f"NAME and what is expected in --source:\n{names}"
        return super().format_help()


def get_args_parser() -> argparse.ArgumentParser:
    """The command line of `python -m data_preprocessing.prepare`."""
    parser = _Parser(
        prog="python -m data_preprocessing.prepare",
        description="Any data set as its owners give it -> OUT/{train,valid,test}/<class>/*.jpg and OUT/manifest.csv.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("name", metavar="NAME", choices=READERS, help="the data set, see below")
    what = "folder, .zip, .tar, FER2013's table or a list of images; archives may lie in the folder"
    add("--source", type=path, required=True, help=what)
    add("--out", type=path, required=True, help="folder to write, made if missing")
    add(
        "--size",
        type=int,
        default=224,
        help="pixels a side of the written square; 0 keeps each picture's (default: %(default)s)",
    )
    add("--margin", type=float, default=MARGIN, help="share of a face box's side added on each side (default: %(default)s)")
    add(
        "--format",
        choices=FORMATS,
        default="jpg",
        help="jpg (quality 95); png, which loses nothing; same: copies of the files (default: jpg)",
    )
    add("--split-by", choices=WAYS, help="given: as the data set says; default: the first that the data set has data for")
    ratios = ",".join(map(str, RATIOS))
    add("--ratios", type=_ratios, default=RATIOS, metavar="A,B,C", help=f"shares of train, valid, test (default: {ratios})")
    add("--seed", type=int, default=0, help="of the split (default: %(default)s)")
    add("--subject-regex", metavar="R", help="who is seen: first group, or whole match, of R in a picture's path in the source")
    add("--classes", metavar="SPEC", help='"new=old+old,new2=old": group classes; those not named are left out')
    add("--num-classes", type=int, choices=(7, 8), help="affectnet: without or with contempt (default: 7)")
    add("--label", choices=("uploader", "majority", "unanimous"), help="aihub: whose label (default: uploader)")
    add("--no-neutral", dest="neutral", action="store_false", default=None, help="ck+: leave out the first frames")
    columns = "list: image=NAME,label=NAME; split, subject, box too (default: by their usual names)"
    add("--columns", metavar="ROLE=NAME,...", help=columns)
    add("--root", type=path, metavar="DIR", help="list: what its paths are relative to (default: its folder)")
    add("--without", type=path, metavar="FILE", help="audit.csv of data_preprocessing.audit: leave out what it marks so")
    add("--skip-bad-images", action="store_true", help=f"leave out unreadable pictures; they are listed in OUT/{SKIPPED}")
    add("--resume", action="store_true", help="go on in an OUT that the same command began")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    return parser


def _ratios(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def check(args: argparse.Namespace) -> None:
    """Raises DataError for a value out of range, or a flag that means nothing to the data set."""
    if args.size != 0 and not 16 <= args.size <= 4096:
        raise DataError(f"--size {args.size}: must be from 16 to 4096 pixels, or 0 to keep each picture's")
    if not 0 <= args.margin <= 10:
        raise DataError(f"--margin {args.margin:g}: must be from 0 to 10")
    if args.format == SAME and args.size != 0:
        raise DataError(f"--format {SAME}: copies the files as they are; add --size 0")
    if args.seed < 0 or not 1 <= args.workers <= _MOST_WORKERS:
        raise DataError(f"--seed must be at least 0, and --workers at least 1 and at most {_MOST_WORKERS}")
    try:
        source, out = args.source.resolve(), args.out.resolve()
    except RuntimeError as error:  # a link in a circle
        raise DataError(f"--source {args.source}, --out {args.out}: {error}") from None
    if out == source or source in out.parents:
        raise DataError(f"--out {args.out}: lies in --source {args.source}, which is only read; choose a folder outside")
    for name in _READER_DEFAULTS:
        if getattr(args, name) is not None and name not in READERS[args.name].options:
            flag = "--no-neutral" if name == "neutral" else f"--{name.replace('_', '-')}"
            takes = next(other for other, reader in READERS.items() if name in reader.options)
            raise DataError(f"{flag}: means nothing to {args.name}; only {takes} takes it")


def reader_options(args: argparse.Namespace) -> SimpleNamespace:
    """What a reader is told: the options of its data set, the classes and the subjects that are asked for."""
    given = {name: getattr(args, name) for name in _READER_DEFAULTS if getattr(args, name) is not None}
    told = {name: getattr(args, name) for name in ("source", "classes", "subject_regex")}
    return SimpleNamespace(**_READER_DEFAULTS | given, **told)
