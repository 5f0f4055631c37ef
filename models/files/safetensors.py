"""Reading a safetensors file: the length of a header, the header (names, types, shapes and places as JSON), then the data.

The format can hold no code. What is checked is that the header is true: every byte of the data belongs to one tensor, whose
length is what its type and shape come to.
"""

import json
import math
import os
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from models.errors import WeightsError, damaged
from models.files.wording import readable

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_LENGTH = 8  # bytes of the header's length, little-endian
_MOST_HEADER = 1 << 22  # bytes: some 40,000 tensors
_MOST_SIZE = 1 << 32  # bytes of the file, as of torch's own
_MOST_DIMENSIONS = 16
_FIELDS = {"dtype", "shape", "data_offsets"}
METADATA = "__metadata__"


def is_safetensors(start: bytes) -> bool:
    """Whether a file that begins with `start` (16 bytes or more) is in this format, whole or damaged."""
    length = int.from_bytes(start[:_LENGTH], "little")
    return length > 1 and start[_LENGTH : _LENGTH + 2] in (b'{"', b"{}", b"{ ", b"{\n")


def read_safetensors(file: BinaryIO, size: int) -> dict[str, Tensor]:
    """The tensors of `file`, of `size` bytes, on the CPU, by their names. Raises WeightsError where its header is not true."""
    if size > _MOST_SIZE:
        raise WeightsError("is larger than 4 GiB, which no network here is")
    header, start = _header(file, size)
    header.pop(METADATA, None)
    places = [(*_place(name, entry, size - start), name) for name, entry in header.items()]
    places.sort(key=lambda place: place[:2])
    at = 0
    for begin, end, _, _, name in places:
        if begin != at:
            how = "overlap with others" if begin < at else "do not follow the former"
            raise damaged(f"the data of {readable(name)} {how}")
        at = end
    if at != size - start:
        raise damaged(f"{size - start} bytes of data where its header says {at}")
    file.seek(start)
    tensors = {name: _read(file, begin, end, dtype, shape, name) for begin, end, dtype, shape, name in places}
    return {name: tensors[name] for name in header}


def read_metadata(path: Path) -> dict:
    """The text by name that a safetensors file holds beside its tensors; {} for none, and for files of other formats.

    Raises WeightsError where the header is none.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if not is_safetensors(file.read(16)):
            return {}
        metadata = _header(file, size)[0].get(METADATA)
    return metadata if isinstance(metadata, dict) else {}


def _header(file: BinaryIO, size: int) -> tuple[dict, int]:
    """The entries of the tensors and the metadata by their names, and where the data begin."""
    file.seek(0)
    length = int.from_bytes(file.read(_LENGTH), "little")
    if length > size - _LENGTH:
        raise damaged("it ends within its header")
    if length > _MOST_HEADER:
        raise WeightsError(f"refused, its header of {length / 1e6:,.0f} MB is longer than any network's here")
    try:
        header = json.loads(file.read(length), object_pairs_hook=unlike, parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise damaged("its header is no JSON") from None
    if not isinstance(header, dict):
        raise damaged("its header is no table of tensors")
    return header, _LENGTH + length


def unlike(pairs: list[tuple[str, object]]) -> dict:
    """For json.loads: an object, ValueError where two of its names are one."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a name comes twice")
    return content


def no_constant(text: str) -> None:
    """For json.loads: ValueError for NaN and Infinity."""
    raise ValueError(f"{text} is no JSON")


def _place(name: str, entry: object, most: int) -> tuple[int, int, torch.dtype, tuple[int, ...]]:
    """Begin and end of a tensor in the data, its type and shape. most: bytes of all data."""
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        raise damaged(f"the header's entry {readable(name)} is none of a tensor")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if type(kind) is not str or kind not in DTYPES:
        shown = readable(kind, 20) if type(kind) is str else type(kind).__name__
        raise WeightsError(f"its tensor {readable(name)} is of the type {shown}, none of {', '.join(DTYPES)}")
    if not _are_counts(shape) or len(shape) > _MOST_DIMENSIONS:
        raise damaged(f"the shape of {readable(name)} is none")
    if not _are_counts(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= most:
        raise damaged(f"the data of {readable(name)} are not in the file")
    dtype = DTYPES[kind]
    if math.prod(shape) * dtype.itemsize != offsets[1] - offsets[0] or math.prod(n or 1 for n in shape) >= _MOST_SIZE:
        held = offsets[1] - offsets[0]
        raise damaged(f"the shape {readable(str(shape))} of {readable(name)} is not that of its {held} bytes")
    return *offsets, dtype, tuple(shape)


def _are_counts(values: object) -> bool:
    return type(values) is list and all(type(n) is int and 0 <= n <= _MOST_SIZE for n in values)


def _read(file: BinaryIO, begin: int, end: int, dtype: torch.dtype, shape: tuple[int, ...], name: str) -> Tensor:
    """The next tensor, from where `file` stands."""
    if begin == end:
        return torch.zeros(shape, dtype=dtype)
    data = bytearray(end - begin)
    if file.readinto(data) != len(data):
        raise damaged("tensor data are missing")
    if dtype is torch.bool and max(data) > 1:
        raise damaged(f"{readable(name)} holds what is neither true nor false")
    return torch.frombuffer(data, dtype=dtype).reshape(shape)
