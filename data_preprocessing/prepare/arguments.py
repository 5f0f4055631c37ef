"""The command line of `python -m data_preprocessing.prepare`: its flags, and what is no sensible value."""

import argparse
import math
import os
from types import SimpleNamespace
from typing import Any

from data_preprocessing.common.command_line import OneLineParser, path
from data_preprocessing.common.errors import DataError
from data_preprocessing.faces.alignment import ALIGNMENTS, BOX, NONE, POINTS
from data_preprocessing.faces.finders import DEFAULT_FINDER, FINDERS
from data_preprocessing.prepare.crops import FORMATS, MARGIN, SAME
from data_preprocessing.prepare.faces import FACES_PER_IMAGE, ONE, Wish
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
        help="pixels per side of the written square; 0 keeps each image's (default: %(default)s)",
    )
    add("--margin", type=float, default=MARGIN, help="share of a face box's side added on each side (default: %(default)s)")
    add(
        "--format",
        choices=FORMATS,
        default="jpg",
        help="jpg (quality 95); png, which loses nothing; same: copies of the files (default: jpg)",
    )
    _add_face_flags(parser.add_argument_group("faces of photographs"))
    add("--split-by", choices=WAYS, help="given: as the data set says; default: the first that the data set has data for")
    ratios = ",".join(map(str, RATIOS))
    add("--ratios", type=_ratios, default=RATIOS, metavar="A,B,C", help=f"shares of train, valid, test (default: {ratios})")
    add("--seed", type=int, default=0, help="of the split (default: %(default)s)")
    add("--subject-regex", metavar="R", help="who is seen: first group, or whole match, of R in an image's path in the source")
    add("--classes", metavar="SPEC", help='"new=old+old,new2=old": group classes; those not named are left out')
    add("--num-classes", type=int, choices=(7, 8), help="affectnet: without or with contempt (default: 7)")
    add("--label", choices=("uploader", "majority", "unanimous"), help="aihub: whose label (default: uploader)")
    add("--no-neutral", dest="neutral", action="store_false", default=None, help="ck+: leave out the first frames")
    columns = "list: image=NAME,label=NAME; split, subject, box too (default: by their usual names)"
    add("--columns", metavar="ROLE=NAME,...", help=columns)
    add("--root", type=path, metavar="DIR", help="list: what its paths are relative to (default: its folder)")
    add("--without", type=path, metavar="FILE", help="audit.csv of data_preprocessing.audit: leave out what it marks so")
    add("--skip-bad-images", action="store_true", help=f"leave out unreadable images; they are listed in OUT/{SKIPPED}")
    add("--resume", action="store_true", help="go on in an OUT that the same command began")
    add("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    return parser


def _add_face_flags(group: Any) -> None:
    add = group.add_argument
    what = "find each face and crop it: by its five points onto the template of face recognition, or by a square around its box"
    add("--align", choices=ALIGNMENTS, default=NONE, help=f"{what}; none: do not (default: %(default)s)")
    add("--faces-per-image", choices=FACES_PER_IMAGE, help="of several: the largest, most central one, or all (default: one)")
    box = "the face in every image as stored, for a camera that does not move; under --align points where none is found there"
    add("--box", type=_box, metavar="X,Y,W,H", help=f"{box}; pixels; --margin is added")
    more = "retinaface finds more that are covered or tilted beyond 30 degrees"
    add("--finder", choices=FINDERS, help=f"{more} (default: {DEFAULT_FINDER})")
    add("--finder-model", type=path, metavar="FILE", help="ONNX file of the same network in place of the finder's own")


def _box(text: str) -> tuple[float, ...]:
    """left, top, right, bottom"""
    x, y, width, height = (float(part) for part in text.split(","))
    if not (all(map(math.isfinite, (x, y, width, height))) and x >= 0 and y >= 0 and width > 0 and height > 0):
        raise ValueError(text)
    return x, y, x + width, y + height


def face_wish(args: argparse.Namespace) -> Wish | None:
    """What the flags about faces ask for; None where no faces are to be found or aligned."""
    if args.align == NONE:
        return None
    finder, per_image = args.finder or DEFAULT_FINDER, args.faces_per_image or ONE
    return Wish(args.align, finder, args.finder_model, per_image, finds=args.align == POINTS or args.box is None)


def _check_faces(args: argparse.Namespace) -> None:
    for name in ("faces_per_image", "finder", "finder_model"):
        if args.align == NONE and getattr(args, name) is not None:
            flag = "--" + name.replace("_", "-")
            raise DataError(f"{flag}: means nothing without --align {POINTS} or --align {BOX}, which find faces")
    if args.box is not None and args.format == SAME:
        raise DataError(f"--box: crops the images, and --format {SAME} copies them; choose jpg or png")
    if args.align != NONE and args.size == 0:
        raise DataError(f"--align {args.align}: crops have one size; give --size from 16 to 4096 pixels")


def _ratios(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def check(args: argparse.Namespace) -> None:
    """Raises DataError for a value out of range, or a flag that means nothing to the data set."""
    if args.size != 0 and not 16 <= args.size <= 4096:
        raise DataError(f"--size {args.size}: must be from 16 to 4096 pixels, or 0 to keep each image's")
    if not 0 <= args.margin <= 10:
        raise DataError(f"--margin {args.margin:g}: must be from 0 to 10")
    _check_faces(args)
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
