"""One way to read the files of a folder, a zip or a tar, and of the zips and tars that lie in a folder, without unpacking.

Only a compressed tar has no way to its members but through all before them: it is unpacked once into one temporary file
(under TMPDIR), which goes when the tree does.
"""

import bz2
import gzip
import lzma
import os
import re
import tarfile
import tempfile
import unicodedata
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_preprocessing.errors import DataError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}  # by a file's first two bytes
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError, ValueError)


class _Place(NamedTuple):
    """Where a file's content lies: all of `file`, its bytes from `offset` on, or the zip's member `member`."""

    file: str
    member: str | None = None
    offset: int = 0
    size: int = -1


class Tree:
    """The files below `root`, each called by its posix path relative to it, in NFC; see open_tree.

    May be pickled, and read in several processes at once.
    """

    def __init__(self, root: Path, places: dict[str, _Place], temporary: list[str]):
        self.root = root
        self._places = places
        self._zips: dict[tuple[int, str], zipfile.ZipFile] = {}
        weakref.finalize(self, _remove, temporary)  # not of copies in other processes, which are made without __init__

    def __getstate__(self) -> dict:
        return {"root": self.root, "_places": self._places, "_zips": {}}

    def names(self) -> list[str]:
        """Every file, sorted; hidden files and __MACOSX left out. One in an archive in a folder is "joy.zip/a/b.jpg"."""
        return sorted(self._places)

    def read(self, name: str) -> bytes:
        """The content of the file that names() calls `name`. Raises DataError where it cannot be read."""
        place = self._places.get(name)
        if place is None:
            raise DataError(f"{self.root}: no file {name}")
        try:
            if place.member is not None:
                return self._zip(place.file).read(place.member)
            with open(place.file, "rb") as file:
                file.seek(place.offset)
                return file.read(place.size)
        except (*_BROKEN, RuntimeError) as error:  # RuntimeError: a zip that wants a password
            raise DataError(f"{self.root}: {name}: cannot be read ({_reason(error)})") from None

    def _zip(self, file: str) -> zipfile.ZipFile:
        key = (os.getpid(), file)  # a forked process must not share its parent's place in the file
        if key not in self._zips:
            self._zips[key] = zipfile.ZipFile(file)
        return self._zips[key]


def open_tree(path: Path | str) -> Tree:
    """The files of the folder, zip or tar (.gz, .bz2, .xz) at `path`.

    Names of a zip that are not marked as UTF-8 are read as UTF-8, else as CP949, else as CP437. Links and devices in a tar
    are passed over; so is an archive in a folder that lies beside a folder of its name: it is unpacked already.
    Raises DataError where nothing is there, where it is no archive or a broken one, where an entry would leave the folder,
    and for two files whose names differ in their Unicode form alone.
    """
    root = Path(path)
    temporary: list[str] = []
    try:
        if root.is_dir():
            places = _folder_places(root, temporary)
        elif root.exists():
            places = dict(_archive_places(root, "", temporary))
        else:
            raise DataError(f"{root}: no such folder or archive")
    except BaseException:
        _remove(temporary)
        raise
    return Tree(root, places, temporary)


def _folder_places(root: Path, temporary: list[str]) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    start = len(os.path.join(root, ""))
    for file in _files_below(root):
        name = _readable(file[start:].replace(os.sep, "/"))
        found = [(name, _Place(file))]
        if name.lower().endswith(ARCHIVES):
            found = [] if _is_unpacked(file) else dict(_archive_places(Path(file), f"{name}/", temporary)).items()
        for key, place in found:
            if key in places:
                raise DataError(f"{root}: two files are called {key}, in two Unicode forms; remove one")
            places[key] = place
    return places


def _files_below(root: Path) -> Iterator[str]:
    """Every file that is not hidden; linked folders are followed, none twice."""

    def refuse(error: OSError) -> None:  # os.walk would pass over it without a word
        raise DataError(f"{error.filename}: cannot be read ({_reason(error)})")

    seen = set()
    for parent, folders, files in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not _hidden(f))
        yield from (os.path.join(parent, f) for f in sorted(files) if not _hidden(f))


def _archive_places(path: Path, prefix: str, temporary: list[str]) -> Iterator[tuple[str, _Place]]:
    """(name, place) of an archive's files, in its order: of two with one name the later counts, as when unpacking."""
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start[:2] == b"PK":
            entries = _zip_entries(path)
        else:
            entries = _tar_entries(_unpacked(path, _OPENERS[start[:2]], temporary) if start[:2] in _OPENERS else path)
        for name, place in entries:
            parts = [part for part in _readable(name).split("/") if part not in ("", ".")]
            if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
                raise DataError(f"{path}: its entry {_readable(name)} would leave the folder; do not use this archive")
            if not any(_hidden(part) for part in parts):
                yield prefix + "/".join(parts), place
    except DataError:
        raise
    except _BROKEN as error:
        kinds = ", ".join(ARCHIVES)
        raise DataError(
            f"{path}: no archive, or a broken one ({_reason(error)}); readable are {kinds}; of a single file give its folder"
        ) from None


def _zip_entries(path: Path) -> Iterator[tuple[str, _Place]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 0x1:
                raise DataError(f"{path}: wants a password; unpack it, and give the folder")
            name = info.filename if info.flag_bits & 0x800 else _from_cp437(info.filename)
            yield name.replace("\\", "/"), _Place(str(path), info.filename)


def _tar_entries(path: Path) -> Iterator[tuple[str, _Place]]:
    with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            if member.isreg():
                yield member.name, _Place(str(path), None, member.offset_data, member.size)


def _unpacked(path: Path, opener, temporary: list[str]) -> Path:
    """The plain tar of a compressed one, in a temporary file whose name is put into `temporary`."""
    handle, name = tempfile.mkstemp(prefix="fer_", suffix=".tar")
    temporary.append(name)
    with open(handle, "wb") as target, opener(path) as source:
        while chunk := source.read(1 << 20):
            try:
                target.write(chunk)
            except OSError as error:
                folder = tempfile.gettempdir()
                raise DataError(f"{path}: {error.strerror} in {folder}; unpack it yourself, and give the folder") from None
    return Path(name)


def _from_cp437(name: str) -> str:
    """A zip's name as it was meant: Python reads what is not marked as UTF-8 as CP437."""
    data = name.encode("cp437", "replace")
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name


def _readable(name: str) -> str:
    """`name` in NFC; bytes of it that are no UTF-8 (Python keeps them as surrogates) read as CP949, else shown as \\xNN."""
    data = name.encode("utf-8", "surrogateescape")
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            name = data.decode("cp949")
        except UnicodeDecodeError:
            name = data.decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", name)


def _hidden(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX"


def _is_unpacked(archive: str) -> bool:
    """Whether a folder of the archive's name, without its ending, lies beside it."""
    ending = max((e for e in ARCHIVES if archive.lower().endswith(e)), key=len)
    return os.path.isdir(archive[: -len(ending)])


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _remove(files: list[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
