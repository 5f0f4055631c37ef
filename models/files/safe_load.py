"""Reading weight files that anyone may have written.

As torch.load(weights_only=True), this runs no code of a file; beyond that a file cannot cost more time or memory than its
size allows: the container is looked at before anything is unpacked, the pickle before it is played (models.files.pickles),
and what came out before anyone goes through it. A safetensors file has no code to run (models.files.safetensors).
"""

import io
import os
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from models.errors import WeightsError
from models.files.other_files import BEGINNING, about_archive, require_no_other
from models.files.pickles import Refused, read_pickle
from models.files.safetensors import is_safetensors, read_safetensors
from models.files.wording import readable

_ZIP = b"PK\x03\x04"
# how a zip file ends: signature, bytes of its table of contents, bytes of a comment; before it, in large ones, the wide form
_END, _END64 = struct.Struct("<4s8xI4xH"), struct.Struct("<4s36xQ8x20x")
_MOST_DIRECTORY = 1 << 20  # bytes of a zip's table of contents, some 12,000 storages
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how torch's format before 1.6 begins
_MOST_DEPTH, _MOST_NODES, _MOST_INTEGER = 50, 1_000_000, 2**63
_MOST_EXPANDED = 4  # bytes of all tensors a byte of the file; the published files hold a few expanded ones
_DICTS = (OrderedDict, Counter)
_SCALARS = (type(None), bool, float, str, bytes, torch.dtype, torch.device)


def read_untrusted(path: Path | str, allowed: Sequence[tuple[object, str]] = ()) -> object:
    """What a file holds that torch.save wrote, or a safetensors file, on the CPU: dicts, lists, tensors, numbers and text.

    allowed: pairs for torch.serialization.safe_globals, of inert classes and functions that may stand in for names in
    the file. Raises WeightsError with a short reason that names neither file nor flag.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = _beginning(file, size)
            if is_safetensors(start):
                content = read_safetensors(file, size)
            else:
                read = _read_zip if start.startswith(_ZIP) else _read_legacy
                content = read(file, size, {name: stand_in for stand_in, name in allowed})
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(f"cannot be read ({error.strerror or 'damaged'})") from None
    except Exception as error:  # torch and zipfile end in many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"truncated or damaged ({readable(reason, 120)}); use another copy") from None
    _check_content(content, tuple(kind for kind, _ in allowed if isinstance(kind, type)), _MOST_EXPANDED * size)
    return content


def _beginning(file: BinaryIO, size: int) -> bytes:
    """How the file begins. Raises WeightsError where it is known to be something else than weights."""
    if not size:
        raise _damaged("it is empty")
    file.seek(0)
    start = file.read(BEGINNING)
    require_no_other(start)
    return start


def _damaged(reason: str) -> WeightsError:
    return WeightsError(f"truncated or damaged ({reason}); use another copy")


def _read_zip(file: BinaryIO, size: int, stand_ins: Mapping[str, object]) -> object:
    """The format since torch 1.6: a pickle, and each storage as an entry of its own; what is read, is whole by its checksum."""
    _require_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        root = next(iter(entries), "").partition("/")[0]
        if f"{root}/constants.pkl" in entries:
            raise WeightsError("is a TorchScript archive, a program, not a file of weights; it was not run")
        if f"{root}/data.pkl" not in entries:
            raise WeightsError(about_archive(list(entries)))
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise WeightsError("refused, its parts are compressed, which torch never does; unpack it first")
        if len({name.lower() for name in archive.namelist()}) < len(archive.namelist()):
            raise _damaged("its parts overlap")
        if sum(info.file_size for info in archive.infolist()) > size:
            raise _damaged("its parts overlap")
        if f"{root}/byteorder" in entries and archive.read(f"{root}/byteorder") != b"little":
            raise _damaged("its byte order is not little-endian")

        def storage(key: str, dtype: torch.dtype, length: int) -> Tensor:
            entry = entries.get(f"{root}/data/{key}")
            if entry is None or entry.file_size != length * dtype.itemsize:
                raise _damaged(f"the tensor data {readable(key, 20)!r} are missing or of another size")
            return _vector(bytearray(archive.read(entry)), dtype)

        return read_pickle(io.BytesIO(archive.read(f"{root}/data.pkl")), stand_ins, storage, _MOST_EXPANDED * size)


def _require_directory(file: BinaryIO, size: int) -> None:
    """Raises WeightsError where the file does not end as torch ends it, or with a table of contents longer than it needs."""
    file.seek(max(0, size - _END64.size - _END.size))
    end = file.read().rjust(_END64.size + _END.size, b"\0")
    wide, last = _END64.unpack_from(end), _END.unpack_from(end, _END64.size)
    if last[0] != b"PK\x05\x06" or last[2]:
        raise _damaged("its end is missing")
    if (wide[1] if wide[0] == b"PK\x06\x06" else last[1]) > _MOST_DIRECTORY:
        raise _damaged("its table of contents is not where it should be")


class _Bounded:
    """A file whose read asks for no more memory than is left to read."""

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.size = file, size
        self.readline, self.tell, self.seek = file.readline, file.tell, file.seek

    def read(self, count: int) -> bytes:
        return self.file.read(min(count, self.size - self.file.tell()))


def _read_legacy(file: BinaryIO, size: int, stand_ins: Mapping[str, object]) -> object:
    """The format before torch 1.6: five pickles, then each storage behind its length."""
    vectors, left = {}, size

    def storage(key: str, dtype: torch.dtype, length: int) -> Tensor:
        nonlocal left
        left -= length * dtype.itemsize
        if left < 0:
            raise _damaged("tensor data are missing")
        data = bytearray(length * dtype.itemsize)
        vectors[key] = data, length
        return _vector(data, dtype)

    file.seek(0)
    stream = _Bounded(file, size)
    magic, protocol, _, content, keys = (read_pickle(stream, stand_ins, storage, _MOST_EXPANDED * size) for _ in range(5))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or type(keys) is not list or any(type(key) is not str for key in keys):
        raise Refused()
    if len(keys) != len(vectors) or set(keys) != set(vectors):
        raise _damaged("it lists other tensor data than it uses")
    for key in keys:
        data, length = vectors[key]
        if file.read(8) != length.to_bytes(8, "little") or file.readinto(data) != len(data):
            raise _damaged("tensor data are missing")
    return content


def _vector(data: bytearray, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _check_content(content: object, kinds: tuple[type, ...], most_bytes: int) -> None:
    """Raises WeightsError where `content`, followed as a tree, is deeper, larger or of other kinds than weights need.

    kinds: the caller's inert classes. most_bytes: of all tensors, as many times as they are met.
    """
    nodes, nbytes, stack = 1, 0, [(content, 0)]
    while stack:
        value, depth = stack.pop()
        if type(value) is Tensor:
            nbytes += value.numel() * value.element_size()
            if nbytes > most_bytes:
                raise Refused("refused, its tensors are much larger than the file")
        elif type(value) is int:
            if abs(value) >= _MOST_INTEGER:
                raise Refused("refused, it holds a number of more than 64 bits")
        elif type(value) not in _SCALARS and not (isinstance(value, type) and value in kinds):
            children = _children(value, kinds)
            nodes += len(children)
            if depth == _MOST_DEPTH or nodes > _MOST_NODES:
                raise Refused("refused, its content is nested without end")
            stack += [(child, depth + 1) for child in children]


def _children(value: object, kinds: tuple[type, ...]) -> list:
    """What is in a container; of an inert class's instance its attributes."""
    if type(value) in (list, tuple):
        return list(value)
    if type(value) is dict:
        return [*value, *value.values()]
    attributes = vars(value) if type(value) in (*_DICTS, *kinds) else None
    if type(value) in _DICTS and attributes.keys() <= {"_metadata"}:  # another could stand before a method of dict
        return [*value, *value.values(), *attributes.values()]
    if attributes is None or type(value) in _DICTS:
        raise Refused(f"refused, it holds a {type(value).__name__}, which is no weight")
    return list(attributes.values())
