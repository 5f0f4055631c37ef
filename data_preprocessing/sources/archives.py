"""What lies in a zip or tar, also in a broken one or in one that was made to do harm."""

import bz2
import gzip
import lzma
import os
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import is_hidden, open_file, readable, reason

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}  # by a file's first two bytes
_LONGEST_NAME = 4096  # of an entry, as of a path; Python reads numbers of up to 4300 digits
_LEAST_BOMB, _MOST_TIMES = 2**30, 200  # bytes that are unpacked of any tar, and how often its size of a larger one
_EXTENSIONS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


class Place(NamedTuple):
    """Where a file's content lies: all of `file`, its bytes from `offset` on, or the zip's member `member`."""

    file: str
    member: str | None = None
    offset: int = 0
    size: int = -1


def is_archive(path: Path) -> bool:
    """Whether the file `path` is one by its name's ending or its first bytes; also where it is broken. Raises OSError."""
    if path.name.lower().endswith(ARCHIVES):
        return True
    with open_file(path) as file:
        start = file.read(262)
    return start[:2] in (b"PK", *_OPENERS) or start[257:] == b"ustar"


def entries_of(path: Path, temporary: dict[str, str]) -> Iterator[tuple[str, Place]]:
    """(name, place) of an archive's files that are not hidden, in its order; links and devices are passed over.

    temporary: gets the file that a compressed tar is unpacked into -> `path`. Raises DataError where it is no archive or a
    broken one, wants a password, unpacks to absurdly much, or where an entry would leave the folder.
    """
    try:
        with open_file(path) as file:
            start = file.read(4)
        if start[:2] == b"PK":
            entries = _zip_entries(path)
        else:
            entries = _tar_entries(_unpacked(path, _OPENERS[start[:2]], temporary) if start[:2] in _OPENERS else path)
        for name, place in entries:
            parts = [part for part in readable(name).split("/") if part not in ("", ".")]
            if name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name):
                raise DataError(f"{path}: its entry {readable(name)} would leave the folder; do not use this archive")
            if len(name) > _LONGEST_NAME:
                raise DataError(f"{path}: has an entry with a name of {len(name)} characters; do not use this archive")
            if not any(is_hidden(part) for part in parts):
                yield "/".join(parts), place
    except DataError:
        raise
    except Exception as error:  # of a broken one zipfile and tarfile raise many kinds, struct.error and RecursionError too
        kinds = ", ".join(ARCHIVES)
        raise DataError(
            f"{path}: no archive, or a broken one ({reason(error)}); readable are {kinds}; of a single file give its folder"
        ) from None


def _zip_entries(path: Path) -> Iterator[tuple[str, Place]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 0x1:
                raise DataError(f"{path}: wants a password; unpack it, and give the folder")
            name = info.filename if info.flag_bits & 0x800 else _from_cp437(info.filename)
            yield name.replace("\\", "/"), Place(str(path), info.filename)


class _Entry(tarfile.TarInfo):
    """A tar's header. What tarfile takes for the end of the archive, though it is damage, is an error here."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        try:
            entry = super().frombuf(buf, encoding, errors)
        except (tarfile.TruncatedHeaderError, tarfile.InvalidHeaderError) as error:
            raise tarfile.ReadError(str(error)) from None
        if entry.type in _EXTENSIONS and not 0 <= entry.size <= 2**20:
            raise tarfile.ReadError("an entry's size is absurd")
        return entry


def _tar_entries(path: Path) -> Iterator[tuple[str, Place]]:
    with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape", tarinfo=_Entry) as archive:
        before = -1
        for member in archive:
            if archive.offset <= before or member.size < 0:  # tarfile would read the same entries for ever
                raise tarfile.ReadError("an entry's size is absurd")
            before = archive.offset
            if member.issparse():
                raise DataError(f"{path}: {readable(member.name)} is stored with holes; unpack it, and give the folder")
            if member.isreg():
                yield member.name, Place(str(path), None, member.offset_data, member.size)


def _unpacked(path: Path, opener, temporary: dict[str, str]) -> Path:
    """The plain tar of a compressed one, in a temporary file that is noted in `temporary`."""
    handle, name = tempfile.mkstemp(prefix="fer_", suffix=".tar")
    temporary[name] = str(path)
    most = max(_LEAST_BOMB, _MOST_TIMES * os.path.getsize(path))
    with open(handle, "wb") as target, opener(path) as source:
        while chunk := source.read(1 << 20):
            if target.tell() > most:
                raise DataError(f"{path}: unpacks to more than {most / 1e9:.0f} GB, absurdly much; do not use this archive")
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
