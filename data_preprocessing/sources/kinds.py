"""Telling images from other files: by well-known endings of their names, and by their first bytes where the name says nothing.

A name with an ending of EXTENSIONS is an image's, whatever it holds: a broken one is to be named, not passed over.
"""

import re
from collections.abc import Callable, Iterable

from data_preprocessing.common.errors import printable
from data_preprocessing.common.words import first_of

EXTENSIONS = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"),
    *(".jfif", ".jpe", ".avif", ".jp2"),
)
START = 64  # bytes of a file that show what it is
_SHOWN = 3  # names of a kind that a note shows
VIDEO = "video"
_OTHER = "other"
_REMEDIES = {
    "HEIC": "convert them to JPEG, for example with the Python package pillow-heif",
    "camera RAW": "develop them to JPEG or PNG",
    "JPEG XL": "convert them to JPEG or PNG",
    "PSD": "export them as JPEG or PNG",
    VIDEO: "save the wanted frames as images; --predict FILE --faces reads it as it is",
    _OTHER: "no images",
}
_IMAGES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP|II[*+]\0|MM\0[*+]|\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"
    rb"|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0|P[1-6]\s+[\d#]",
    re.DOTALL,
)
_OTHERS = {
    "PSD": re.compile(rb"8BPS"),
    "JPEG XL": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "),
    VIDEO: re.compile(rb"RIFF.{4}AVI |\x1a\x45\xdf\xa3|\0\0\x01\xba|FLV\x01|0&\xb2u\x8ef\xcf\x11", re.DOTALL),
    "camera RAW": re.compile(rb"FUJIFILMCCD-RAW|II[RU]\0|IIRO|MMOR"),
}
_BY_ENDING = {
    "HEIC": (".heic", ".heif", ".hif"),
    VIDEO: (
        *(".mp4", ".mov", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg", ".m4v", ".3gp", ".flv", ".ogv", ".mts", ".m2ts"),
        ".vob",
    ),
    "PSD": (".psd", ".psb"),
    "JPEG XL": (".jxl",),
}
# most of these are TIFF files by their first bytes, of which Pillow would read the small preview
_RAW = (".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw")
_QUIET_ENDINGS = (
    *(".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".npy", ".npz", ".mat", ".pts", ".lst", ".md"),
    *(".html", ".pdf", ".bib", ".log", ".ini", ".db", ".py", ".ipynb", ".xls", ".xlsx", ".docx"),
)
_QUIET_NAMES = ("readme", "license", "licence", "icon\r")


def is_image_name(name: str) -> bool:
    """Whether a file is an image by the ending of its name alone."""
    return name.lower().endswith(EXTENSIONS)


def holds_image(start: bytes) -> bool:
    """Whether a file that begins with `start` (its first START bytes) is of one of the kinds that are read."""
    if start[4:8] == b"ftyp":
        return _brand(start) == "AVIF"
    return bool(_IMAGES.match(start))


def foreign_kind(start: bytes) -> str | None:
    """What else begins with `start`: HEIC, video, ...; None where it is an image that is read, or unknown."""
    if start[4:8] == b"ftyp":
        kind = _brand(start)
        return None if kind == "AVIF" else kind
    return next((kind for kind, mark in _OTHERS.items() if mark.match(start)), None)


def kind_of(name: str, start_of: Callable[[str], bytes]) -> str | None:
    """What the file `name` is when it is named itself: None for an image, otherwise a kind such as VIDEO.

    start_of: as in choose_images.
    """
    return None if is_image_name(name) else _kind(name, start_of)


def remedy(kind: str) -> str:
    """What to do about files of a kind that foreign_kind finds."""
    return _REMEDIES[kind]


def choose_images(names: Iterable[str], start_of: Callable[[str], bytes]) -> tuple[list[str], dict[str, list[str]]]:
    """The images among the files `names`, in order, and by kind those that are left out and may be missed.

    start_of: a file's first START bytes; called only where its name does not tell what it is. Raises OSError where it
    cannot be had: such a file is left out as of another kind. Lists, tables and texts with a well-known ending are no loss and
    are not returned.
    """
    images: list[str] = []
    left_out: dict[str, list[str]] = {}
    for name in names:
        if is_image_name(name):
            images.append(name)
            continue
        if _is_quiet(name):
            continue
        kind = _kind(name, start_of)
        (images if kind is None else left_out.setdefault(kind, [])).append(name)
    return images, left_out


def left_out_note(left_out: dict[str, list[str]], place: str = "") -> str:
    """One line that counts and names what choose_images left out, with what to do about it; "" where that is nothing.

    place: what the line is about; it is then a warning, unless no file is of a known kind.
    """
    total = sum(map(len, left_out.values()))
    if not total:
        return ""
    parts = []
    for kind, names in sorted(left_out.items(), key=lambda item: item[0] == _OTHER):
        shown = printable(first_of([repr(n) if n != n.strip() else n for n in names], _SHOWN))
        parts.append(f"{len(names)} {kind} ({shown}; {_REMEDIES[kind]})")
    files = "1 file is" if total == 1 else f"{total} files are"
    mark = "" if set(left_out) == {_OTHER} else "warning: "
    about = f"{mark}{place}: " if place else ""
    return f"{about}{files} left out: {', '.join(parts)}"


def _is_quiet(name: str) -> bool:
    name = name.rpartition("/")[2].lower()
    return name.endswith(_QUIET_ENDINGS) or name in _QUIET_NAMES


def _kind(name: str, start_of: Callable[[str], bytes]) -> str | None:
    """None of an image. RAW is told by its name: see _RAW."""
    if name.lower().endswith(_RAW):
        return "camera RAW"
    try:
        start = start_of(name)
    except OSError:
        start = b""
    if holds_image(start):
        return None
    by_name = (kind for kind, endings in _BY_ENDING.items() if name.lower().endswith(endings))
    return foreign_kind(start) or next(by_name, _OTHER)


def _brand(start: bytes) -> str:
    """The kind of an ISO media file (ftyp): AVIF, HEIC, camera RAW or video, by its brands."""
    end = max(16, min(int.from_bytes(start[:4], "big"), len(start)))
    brands = {start[8:12], *(start[k : k + 4] for k in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "HEIC"
    return "camera RAW" if b"crx " in brands else VIDEO
