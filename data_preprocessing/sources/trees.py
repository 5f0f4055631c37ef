"""One way to read the files of a folder, a zip or a tar, and of the zips and tars that lie in a folder, without unpacking.

Only a compressed tar has no way to its members but through all before them: it is unpacked once into one temporary file
(under TMPDIR), which goes when the tree does.
"""

import os
import weakref
import zipfile
from collections.abc import Iterable
from pathlib import Path

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import MOST_BYTES, files_below, open_file, readable, reason, require_size
from data_preprocessing.sources.archives import ARCHIVES, Place, entries_of


class Tree:
    """The files below `root`, each called by its posix path relative to it, in NFC; see open_tree.

    May be pickled, and read in several processes at once.
    """

    def __init__(self, root: Path, places: dict[str, Place], temporary: dict[str, str]):
        self.root = root
        self._places = places
        self._archives = temporary
        self._zips: dict[tuple[int, str], zipfile.ZipFile] = {}
        weakref.finalize(self, _remove, temporary)  # not of copies in other processes, which are made without __init__

    def __getstate__(self) -> dict:
        return {"root": self.root, "_places": self._places, "_archives": self._archives, "_zips": {}}

    def names(self) -> list[str]:
        """Every file, sorted; hidden files and __MACOSX left out. One in an archive in a folder is "joy.zip/a/b.jpg"."""
        return sorted(self._places)

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """The content of the file that names() calls `name`. Raises DataError where it cannot be read.

        most: bytes that it may have: of what is in an archive, unpacked.
        """
        place = self._places.get(name)
        if place is None:
            raise DataError(f"{self.root}: no file {name}")
        try:
            if place.member is not None:
                archive = self._zip(place.file)
                require_size(archive.getinfo(place.member).file_size, most, name)
                return archive.read(place.member)
            with open_file(place.file) as file:
                require_size(os.fstat(file.fileno()).st_size if place.size < 0 else place.size, most, name)
                file.seek(place.offset)
                return file.read(place.size)
        except Exception as error:  # zipfile and its decompressors raise many kinds
            raise DataError(f"{self.root}: {name}: cannot be read ({reason(error)})") from None

    def start(self, name: str, count: int) -> bytes:
        """The first `count` bytes of the file that names() calls `name`. Raises OSError where they cannot be read."""
        place = self._places[name]
        try:
            if place.member is not None:
                with self._zip(place.file).open(place.member) as member:
                    return member.read(count)
            with open_file(place.file) as file:
                file.seek(place.offset)
                return file.read(count if place.size < 0 else min(count, place.size))
        except Exception as error:  # zipfile and its decompressors raise many kinds
            raise OSError(reason(error)) from None

    def stamp(self, name: str) -> tuple[int, int]:
        """Size in bytes and time of last change in ns of the file, or of the archive that holds it. Raises OSError."""
        file = self._places[name].file
        status = os.stat(self._archives.get(file, file))
        return status.st_size, status.st_mtime_ns

    def _zip(self, file: str) -> zipfile.ZipFile:
        key = (os.getpid(), file)  # a forked process must not share its parent's place in the file
        if key not in self._zips:
            self._zips[key] = zipfile.ZipFile(file)
        return self._zips[key]


def open_tree(path: Path | str) -> Tree:
    """The files of the folder, zip or tar (.gz, .bz2, .xz) at `path`.

    Names of a zip that are not marked as UTF-8 are read as UTF-8, else as CP949, else as CP437. Links and devices in a tar
    are passed over; so is an archive in a folder that lies beside a folder of its name: it is unpacked already.
    Raises DataError where nothing is there or a folder cannot be listed, as entries_of about an archive, and for two files
    whose names differ in their Unicode form alone.
    """
    root = Path(path)
    temporary: dict[str, str] = {}  # file -> the compressed tar that was unpacked into it
    try:
        if root.is_dir():
            places = _folder_places(root, temporary)
        elif root.exists():
            places = dict(entries_of(root, temporary))
        else:
            raise DataError(f"{root}: no such folder or archive")
    except BaseException as error:
        _remove(temporary)
        if isinstance(error, OSError):
            raise DataError(f"{root}: cannot be read ({reason(error)})") from None
        raise
    return Tree(root, places, temporary)


def table_tree(table: Path, beside: Iterable[str]) -> Tree:
    """The file `table` and those of the names `beside` (in lower case) that lie in its folder; nothing else of it."""
    files = [table, *(file for file in sorted(table.parent.iterdir()) if file.name.lower() in beside and file.is_file())]
    return Tree(table.parent, {readable(file.name): Place(str(file)) for file in files}, {})


def _folder_places(root: Path, temporary: dict[str, str]) -> dict[str, Place]:
    places: dict[str, Place] = {}
    start = len(os.path.join(root, ""))
    for file in files_below(root):
        name = readable(file[start:].replace(os.sep, "/"))
        found = {name: Place(file)}
        if name.lower().endswith(ARCHIVES):
            inside = () if _is_unpacked(file) else entries_of(Path(file), temporary)
            found = {f"{name}/{entry}": place for entry, place in inside}
        for key, place in found.items():
            if key in places:
                raise DataError(f"{root}: two files are called {key}, in two Unicode forms; remove one")
            places[key] = place
    return places


def _is_unpacked(archive: str) -> bool:
    """Whether a folder of the archive's name, without its ending, lies beside it."""
    ending = max((e for e in ARCHIVES if archive.lower().endswith(e)), key=len)
    return os.path.isdir(archive[: -len(ending)])


def _remove(files: Iterable[str]) -> None:
    for file in files:
        Path(file).unlink(missing_ok=True)
