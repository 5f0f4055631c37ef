"""Download the POSTER authors' published weight files, and check them by their content.

python -m models.fetch ir50 mobilefacenet     the two backbones, into models/pretrain/
python -m models.fetch poster_v2-rafdb        a trained network, into checkpoint/published/
python -m models.fetch all
python -m models.fetch --list                 what there is, and what is here already; no network

A download that breaks off is taken up by the same command. Needs the package gdown (requirements-extras.txt).
"""

import argparse
import importlib.util
import sys
from collections.abc import Callable

from data_preprocessing.common.command_line import OneLineParser
from data_preprocessing.common.errors import one_line
from models.files.published_files import FILES


def get_args_parser() -> argparse.ArgumentParser:
    """The command line of `python -m models.fetch`."""
    parser = OneLineParser(
        prog="python -m models.fetch", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FILES)}, or all")
    parser.add_argument("--list", action="store_true", help="show the files and what is here of them; download nothing")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 where a file could not be had, 2 for wrong usage."""
    parser = get_args_parser()
    args = parser.parse_args(argv)
    if args.list == bool(args.names):
        parser.error("name the files to download, or give --list alone")
    if unknown := [name for name in args.names if name not in (*FILES, "all")]:
        parser.error(f"{unknown[0]}: unknown file; known: {', '.join(FILES)}, all")
    names = list(FILES) if "all" in args.names else list(dict.fromkeys(args.names))
    if not args.list and importlib.util.find_spec("gdown") is None:
        links = "; ".join(f"{FILES[name].link} -> {FILES[name].path}" for name in names)
        parser.error(f"needs gdown: python -m pip install -r requirements-extras.txt; or fetch by hand: {links}")
    work: Callable[[str], bool] = _show if args.list else _fetch
    return 0 if all([work(name) for name in (names or FILES)]) else 1


def _fetch(name: str) -> bool:
    """Download one file; whether it is here now."""
    from models.fetch.download import FetchError, fetch  # imports torch: not before wrong usage is answered

    try:
        fetch(FILES[name], lambda text: print(text, flush=True))
    except FetchError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return False
    return True


def _show(name: str) -> bool:
    """Print where a file belongs and what is there; False where that is another file."""
    from models.errors import WeightsError
    from models.fetch.download import FetchError, verify

    file, good = FILES[name], True
    try:
        state = verify(file.path, file) if file.path.is_file() else "not here"
    except (WeightsError, FetchError, OSError) as error:
        state, good = f"WRONG: {one_line(error)}", False
    print(f"{name}: {file.about}\n  {file.path}: {state}\n  {file.link}")
    return good


if __name__ == "__main__":
    sys.exit(main())
