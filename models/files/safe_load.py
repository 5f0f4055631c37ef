"""Reading weight files that anyone may have written.

torch.load(weights_only=True) runs no code of a file. What is checked around it keeps the file from costing more time or
memory than its size allows: the container before anything is unpacked, the pickle before torch plays it
(models.files.pickle_scan), and what came out before anyone goes through it. A safetensors file has no code to run
(models.files.safetensors).
"""

import io
import os
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from models.errors import WeightsError, damaged
from models.files.other_files import BEGINNING, about_archive, require_no_other
from models.files.pickle_scan import REFUSED, Refused, Scan
from models.files.safetensors import is_safetensors, read_safetensors
from models.files.wording import readable

_ZIP = b"PK\x03\x04"
_END, _END64, _LOCATOR64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI")
_MOST_DIRECTORY = 1 << 20  # bytes of a zip's table of contents, some 12,000 storages
_PLAIN_FLAGS = 0x0808  # sizes after the data, names in UTF-8: what torch sets
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
                content = _read_pickled(file, size, start, allowed)
    except WeightsError:
        raise
    except OSError as error:
        raise WeightsError(f"cannot be read ({error.strerror or 'damaged'})") from None
    except pickle.UnpicklingError:
        raise WeightsError(REFUSED) from None
    except Exception as error:  # torch and zipfile end in many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise damaged(readable(reason, 120)) from None
    _check_content(content, tuple(kind for kind, _ in allowed if isinstance(kind, type)), _MOST_EXPANDED * size)
    return content


def _beginning(file: BinaryIO, size: int) -> bytes:
    """How the file begins. Raises WeightsError where it is known to be something else than weights."""
    if not size:
        raise damaged("it is empty")
    file.seek(0)
    start = file.read(BEGINNING)
    require_no_other(start)
    return start


def _read_pickled(file: BinaryIO, size: int, start: bytes, allowed: Sequence[tuple[object, str]]) -> object:
    check = _check_zip if start.startswith(_ZIP) else _check_legacy
    file.seek(0)
    check(file, size, Scan({name for _, name in allowed}, _MOST_EXPANDED * size))
    file.seek(0)
    with torch.serialization.safe_globals(list(allowed)):
        return torch.load(file, map_location="cpu", weights_only=True)


def _check_zip(file: BinaryIO, size: int, scan: Scan) -> None:
    """Every entry stored as it is, whole by its checksum; the pickle in it played; each storage as long as it says."""
    if size >= 2**32:  # there zip files hold their sizes in other places, which readers may see differently
        raise WeightsError("is larger than 4 GiB, which no network here is")
    _check_zip_end(file, size)
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}
        root = next(iter(entries), "").partition("/")[0]
        if f"{root}/data.pkl" not in entries and f"{root}/constants.pkl" not in entries:
            raise WeightsError(about_archive(list(entries)))
        _check_entries(archive.infolist(), root, size)
        if f"{root}/constants.pkl" in entries:
            raise WeightsError("is a TorchScript archive, a program, not a file of weights; it was not run")
        for name in entries:
            with archive.open(name) as stream:
                while stream.read(1 << 20):  # raises where the checksum differs
                    pass
        scan.play(io.BytesIO(archive.read(f"{root}/data.pkl")))
    for storage in scan.storages.values():
        entry = entries.get(f"{root}/data/{storage.key}")
        if entry is None or entry.file_size != storage.nbytes:
            raise damaged(f"the tensor data {readable(storage.key, 20)!r} are missing or of another size")


def _check_zip_end(file: BinaryIO, size: int) -> None:
    """The table of contents is the one that every reader finds: it ends where the file does, and begins where it says."""
    tail = _END64.size + _LOCATOR64.size + _END.size
    file.seek(max(0, size - tail))
    end = file.read().rjust(tail, b"\0")
    last = _END.unpack_from(end, tail - _END.size)
    if last[0] != b"PK\x05\x06" or last[7]:
        raise damaged("its end is missing")
    length, start, expected = last[5], last[6], size - _END.size
    locator = _LOCATOR64.unpack_from(end, _END64.size)
    if locator[0] == b"PK\x06\x07":
        wide, expected = _END64.unpack_from(end), size - tail
        length, start = wide[8], wide[9]
        if wide[0] != b"PK\x06\x06" or locator[2] != expected:
            raise damaged("its end is garbled")
    if start + length != expected or length > _MOST_DIRECTORY:
        raise damaged("its table of contents is not where it should be")


def _check_entries(entries: list[zipfile.ZipInfo], root: str, size: int) -> None:
    names = {info.filename.lower() for info in entries}  # torch's reader does not tell A from a
    if len(names) < len(entries) or sum(info.file_size for info in entries) > size:
        raise damaged("its parts overlap")
    for info in entries:
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise WeightsError("refused, its parts are compressed, which torch never does; unpack it first")
        if info.flag_bits & ~_PLAIN_FLAGS or info.extra or info.orig_filename != info.filename:
            raise damaged("its table of contents is garbled")
        if not info.filename.isascii() or not info.filename.startswith(f"{root}/"):
            raise WeightsError(about_archive([entry.filename for entry in entries]))


def _check_legacy(file: BinaryIO, size: int, scan: Scan) -> None:
    """The format before torch 1.6: five pickles, then each storage behind its length."""
    stream = io.BytesIO(file.read())  # whose read makes room for no more than is left
    start = scan.play(stream), scan.play(stream)
    if start != (_MAGIC, _PROTOCOL):
        raise Refused()
    scan.play(stream)  # what machine wrote it
    scan.play(stream)
    keys = scan.play(stream)
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise Refused()
    if len(keys) != len(scan.storages) or set(keys) != set(scan.storages):
        raise damaged("it lists other tensor data than it uses")
    for key in keys:
        storage = scan.storages[key]
        if stream.read(8) != storage.numel.to_bytes(8, "little") or storage.nbytes > size - stream.tell():
            raise damaged("tensor data are missing")
        stream.seek(storage.nbytes, os.SEEK_CUR)


def _check_content(content: object, kinds: tuple[type, ...], most_bytes: int) -> None:
    """Raises WeightsError where `content`, followed as a tree, is deeper, larger or of other kinds than weights need.

    kinds: the caller's inert classes. most_bytes: of all tensors, as many times as they are met.
    """
    nodes, nbytes, stack = 1, 0, [(content, 0)]
    while stack:
        value, depth = stack.pop()
        if type(value) in (Tensor, nn.Parameter):
            _check_tensor(value)
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


def _check_tensor(tensor: Tensor) -> None:
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized or tensor._backward_hooks:
        raise Refused("refused, it holds a tensor that is more than dense numbers")
    tensor.requires_grad_(False)


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
