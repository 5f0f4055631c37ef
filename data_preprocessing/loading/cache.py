"""Decoded and resized images of a split in one file, so that every epoch after the first build only reads bytes.

The file: HEADER bytes (magic line, SHA-256 of the description, description as JSON, zeros), then the images one after
the other as `Stored` lays them out. It is written under another name and renamed when it is complete and on the disk, so
a file of the right name is whole whatever kills the run. Images are read with pread, not through a memory map: pages of
a map would count as the process's memory, and a file cut short would kill the process instead of raising an error.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL
import torchvision
from PIL import features

from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import sync_folder
from data_preprocessing.loading.stored import Stored
from data_preprocessing.sources.folders import Split, unreadable

FORMAT = 1  # to be raised when images.py decodes otherwise, or stored.py lays images out otherwise
HEADER = 4096
MAGIC = b"resized images\n"
RESERVE = 2**30  # bytes of the disk that stay free
_CHUNK = 16  # images a task of the pool
_REMEDY = "give --cache another folder, or --cache off"


class CachedImages:
    """The images of a complete cache file, by index. Any thread or process may read; it can be pickled.

    path: the file. stored: what it keeps of an image. count: images. Raises DataError where it cannot be opened.
    """

    def __init__(self, path: Path, stored: Stored, count: int):
        self.path, self.stored, self.count = path, stored, count
        try:
            self._file = open(path, "rb", buffering=0)  # noqa: SIM115, open as long as this object lives
        except OSError as error:
            raise DataError(f"{path}: cannot be opened ({error.strerror}); {_REMEDY}") from None

    def __reduce__(self):
        return CachedImages, (self.path, self.stored, self.count)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        """The whole stored image: uint8, of `stored.shape`. Raises IndexError, or DataError as `read_into` does."""
        if not 0 <= index < self.count:
            raise IndexError(f"{self.path}: no image {index} of {self.count}")
        out = np.empty(self.stored.shape, np.uint8)
        self.read_into(out, index)
        return out

    def read_into(self, out: np.ndarray, index: int, view: int = 0) -> None:
        """Fill `out`, uint8 and contiguous, from image `index`; view: which part of it, counted in parts of out's size.

        Raises DataError where the file cannot be read, or has been cut short since it was opened.
        """
        offset = HEADER + index * self.stored.nbytes + view * out.nbytes
        try:
            data = os.pread(self._file.fileno(), out.nbytes, offset)
            if len(data) == out.nbytes:
                out[...] = np.frombuffer(data, np.uint8).reshape(out.shape)
                return
            problem = "it has been cut short"
        except OSError as error:
            problem = error.strerror
        raise DataError(f"{self.path}: image {index} cannot be read ({problem}); remove the file and start again")


def open_cache(
    split: Split,
    fingerprint: str,
    stored: Stored,
    folder: Path | str,
    workers: int = 1,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[Iterable, int, str], Iterable] = lambda items, total, text: items,
) -> CachedImages:
    """The cache of `split` in `folder`, built first where there is none for these images and libraries.

    fingerprint: of the images' contents, from check_images. workers: decoding threads (PIL decodes without Python's
    lock). say: gets one-line texts about what is built, its size, and when another run's build is waited for. progress: as in
    check_images. Raises DataError where an image cannot be decoded, or the folder cannot be written or has no room.
    """
    key = _key(split, fingerprint, stored)
    digest = hashlib.sha256(key.encode()).hexdigest()
    path = Path(folder) / f"{split.name}-{stored.image.kind}-{stored.fit}{'-whole' * stored.whole}-{digest[:16]}.cache"
    size = HEADER + len(split.paths) * stored.nbytes
    try:
        if _problem(path, key, size):
            path.parent.mkdir(parents=True, exist_ok=True)
            with _lock(path, say):
                problem = _problem(path, key, size)  # again: another run may have built it meanwhile
                if problem:
                    again = f"; the file there {problem}" if path.exists() else ""
                    say(f"{split.name}: caching {len(split.paths)} resized images, {_bytes(size)}, in {path}{again}")
                    _require_room(path.parent, size)
                    _build(split, stored, path, key, workers, progress)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}); {_REMEDY}") from None
    return CachedImages(path, stored, len(split.paths))


def _key(split: Split, fingerprint: str, stored: Stored) -> str:
    """All that the file's content depends on, as JSON. The names are there for a split made smaller after its check."""
    names = hashlib.sha256("\n".join(split.paths).encode("utf-8", "surrogateescape")).hexdigest()
    libraries = {"PIL": PIL.__version__, "jpeg": features.version("jpg"), "torchvision": torchvision.__version__}
    layout = dict(kind=stored.image.kind, fit=stored.fit, shape=stored.shape, count=len(split.paths))
    return json.dumps(dict(format=FORMAT, pictures=fingerprint, names=names, **layout, **libraries), sort_keys=True)


def _header(key: str) -> bytes:
    text = key.encode()
    return (MAGIC + hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n").ljust(HEADER, b"\0")


def _problem(path: Path, key: str, size: int) -> str | None:
    """What keeps `path` from being the complete cache of `key`; None where it is."""
    try:
        with open(path, "rb") as file:
            if file.read(HEADER) != _header(key):
                return "has a broken header"
            return None if os.fstat(file.fileno()).st_size == size else "is cut short"
    except FileNotFoundError:
        return "is missing"


@contextmanager
def _lock(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Only one process at a time builds `path`. The lock is the kernel's: it ends with the process, however that ends."""
    with open(path.with_suffix(".lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that builds {path}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        path.with_suffix(".partial").unlink(missing_ok=True)
        for partial in path.parent.glob("*.partial"):
            _remove_dead(partial)
        yield


def _remove_dead(partial: Path) -> None:
    """Remove what a killed build of another cache left; a live one holds its lock."""
    with open(partial.with_suffix(".lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        partial.unlink(missing_ok=True)


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size + RESERVE:
        need = f"{_bytes(size)} are needed and {_bytes(RESERVE)} must stay free, but only {_bytes(free)} are"
        raise DataError(f"--cache {folder}: no room: {need}; remove caches of other data there, {_REMEDY}")


def _build(split: Split, stored: Stored, path: Path, key: str, workers: int, progress) -> None:
    partial = path.with_suffix(".partial")
    try:
        with open(partial, "wb") as file:
            _fill(file.fileno(), split, stored, workers, progress)
            os.fsync(file.fileno())
            _write(file.fileno(), _header(key), 0)  # last: until then the file says nothing of itself
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _fill(descriptor: int, split: Split, stored: Stored, workers: int, progress) -> None:
    total, encode = len(split.paths), stored.encoder()

    def fill_chunk(start: int) -> range:
        chunk = range(start, min(start + _CHUNK, total))
        for index in chunk:
            try:
                values = encode(split.image(index))
            except Exception as error:  # PIL's decoders raise many kinds
                raise unreadable(split, index, error) from None
            _write(descriptor, values.tobytes(), HEADER + index * stored.nbytes)
        return chunk

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        try:
            done = (index for chunk in pool.map(fill_chunk, range(0, total, _CHUNK)) for index in chunk)
            for _ in progress(done, total, f"caching {split.name}"):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """All of `data`: one call may write less on a disk that is almost full."""
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
