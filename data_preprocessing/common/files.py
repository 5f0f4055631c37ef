"""Opening and finding files in folders that hold anything: links in circles, FIFOs, sockets, names that are no UTF-8."""

import errno
import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from data_preprocessing.common.errors import DataError

# of what Synology, QNAP, Windows, macOS and Linux keep beside a user's files, in lower case; see is_hidden
_SYSTEM_FOLDERS = ("@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "lost+found")
MOST_BYTES = 2**27  # of an image's file: 40 megapixels as they are, or 130 as a JPEG
MOST_TEXT = 2**26  # of a list: 1,000,000 lines of 60 characters
MOST_TABLE = 2**29  # of FER2013's CSV file, which has 301 MB, and of AI Hub's JSON lists


def open_file(path: Path | str) -> BinaryIO:
    """The regular file at `path`, to be read. Raises OSError without one: a FIFO would be waited for for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def read_file(path: Path | str, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises OSError."""
    with open_file(path) as file:
        require_size(os.fstat(file.fileno()).st_size, most, str(path))
        return file.read()


def require_size(size: int, most: int, name: str) -> None:
    """Raises OSError where a file's `size` in bytes is above `most`."""
    if size > most:
        raise OSError(errno.EFBIG, f"{size / 1e6:,.0f} MB; at most {most / 1e6:,.0f} are read", name)


def files_below(folder: Path | str) -> Iterator[str]:
    """Every file that is not hidden, sorted, those of a folder before those of its folders.

    Linked folders are followed, none twice. Raises DataError naming a folder that cannot be listed: not to pass over its
    images without a word.
    """
    seen, waiting = set(), [os.fspath(folder)]
    while waiting:
        parent = waiting.pop()
        try:
            status = os.stat(parent)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(parent) as entries:
                found = sorted((entry.name, _is_folder(entry)) for entry in entries if not is_hidden(entry.name))
        except OSError as error:
            raise DataError(f"{error.filename or parent}: cannot be read ({reason(error)}); mend or remove it") from None
        yield from (os.path.join(parent, name) for name, is_folder in found if not is_folder)
        waiting += [os.path.join(parent, name) for name, is_folder in reversed(found) if is_folder]


def is_dead_link(path: Path | str) -> bool:
    """Whether `path` is a link to nothing, or one in a circle."""
    return os.path.islink(path) and not os.path.exists(path)


def is_hidden(name: str) -> bool:
    """Whether a file or folder called so is none of the data set's: hidden, or the system's own."""
    return name.startswith((".", "__MACOSX")) or name.lower() in _SYSTEM_FOLDERS


def read_start(path: Path | str, count: int) -> bytes:
    """The first `count` bytes of a regular file, fewer where it has no more. Raises OSError."""
    with open_file(path) as file:
        return file.read(count)


def readable(name: str) -> str:
    """`name` in NFC; bytes of it that are no UTF-8 (Python keeps them as surrogates) read as CP949, else shown as \\xNN."""
    data = name.encode("utf-8", "surrogateescape")
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            name = data.decode("cp949")
        except UnicodeDecodeError:
            name = data.decode("utf-8", "backslashreplace")
    return composed(name)


def reason(error: Exception) -> str:
    """What is wrong, in one line and in the words of the system or library, without the file's name."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = (isinstance(error, OSError) and error.strerror) or str(error).split(" <_io")[0]
    return " ".join(text.split()) or type(error).__name__


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link in a circle; reading it reports the link's name
            return False
        raise


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to: it takes the place of `path` at the end, and is removed where writing fails."""
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have on the disk what was renamed in `folder`."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def composed(text: str) -> str:
    """`text` in NFC: file systems and spreadsheets may decompose accents and Hangul."""
    return unicodedata.normalize("NFC", text)


def read_json(path: Path) -> dict:
    """A JSON file's content, {} where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def file_digest(path: Path | str) -> str:
    """SHA-256 of a file, 64 hex digits. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
