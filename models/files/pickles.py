"""Reading the pickle of a weight file: Python's own unpickler, which here knows the few names that weights need.

Each name stands for a function that only checks and keeps its arguments, so nothing of a file runs. What remains are
pickles that take time or memory out of proportion to their size: their instructions are gone through before.
"""

import contextlib
import io
import math
import pickle
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import torch
from torch import Tensor

from models.errors import WeightsError
from models.files.wording import readable

_DTYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
_INSTRUCTIONS = {
    *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINSTRING", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "TUPLE", "TUPLE1", "TUPLE2"),
    *("TUPLE3", "EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "GLOBAL"),
    *("BINPERSID", "REDUCE", "NEWOBJ", "BUILD"),
}
_KEYS = {"str", "bytes_or_str", "int"}  # tuples hash as trees, however often they share a branch
_OF_A_MODULE = {"_parameters", "_modules"}  # attributes of every torch.nn.Module
_MOST_INSTRUCTIONS, _MOST_DIMENSIONS, _MOST_KEY = 500_000, 16, 2**60  # larger keys can be made to collide
REFUSED = "refused, not a file of weights; nothing of it was run"
_WEIGHTS_ALONE = "where it was made, save the weights alone: torch.save(model.state_dict(), FILE)"


class Refused(WeightsError):
    """A pickle that no file of weights would hold."""

    def __init__(self, text: str = REFUSED):
        super().__init__(text)


@dataclass(frozen=True, eq=False)
class Storage:
    """A tensor's memory, as a vector."""

    values: Tensor


def read_pickle(
    stream: BinaryIO, stand_ins: Mapping[str, object], storage: Callable[[str, torch.dtype, int], Tensor], most_bytes: int
) -> object:
    """What the next pickle of `stream` holds.

    stand_ins: the caller's inert classes and functions by the names that they stand for. storage: gives the vector of a key,
    type and length. most_bytes: of a single tensor. Raises WeightsError, Refused where it holds what no file of weights does.
    """
    names = _NAMES | stand_ins | {f"torch._utils.{name}": _tensor(most_bytes) for name in _REBUILDING}
    start = stream.tell()
    try:
        _look_through(stream, names)
        length = stream.tell() - start
        stream.seek(start)
        return _Unpickler(stream.read(length), names, storage).load()
    except WeightsError:
        raise
    except Exception:  # whatever a garbled pickle leads to
        raise Refused() from None


def _look_through(stream: BinaryIO, names: Mapping[str, object]) -> None:
    """Raises Refused for what no file of weights holds and the unpickler must not meet.

    The stack is followed by what pickletools' table tells of each instruction: here it holds kinds in place of values.
    """
    instructions = pickletools.genops(stream)
    stack, marks, memo = [], [], {}
    for number, (opcode, argument, _) in enumerate(instructions):
        name = opcode.name
        if number == _MOST_INSTRUCTIONS:
            raise Refused(f"refused, it holds more than {_MOST_INSTRUCTIONS} values")
        _require(name in _INSTRUCTIONS and (name != "PROTO" or argument == 2))
        taken = _taken(stack, marks, opcode)
        if name == "GLOBAL":
            _require_known(argument, names, instructions)
            stack.append(argument)
        elif name == "MARK":
            marks.append(len(stack))
            stack.append("mark")
        elif name in ("BINPUT", "LONG_BINPUT"):
            _require(argument <= number)  # the unpickler makes room for all below
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("REDUCE", "NEWOBJ"):
            stack.append("tensor" if taken[0].startswith("torch._utils ") else "object")
        elif name in ("APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"):
            _require(not name.startswith("SETITEM") or _KEYS.issuperset(taken[1::2]))
            _require(name != "BUILD" or taken[0] == "object")  # a tensor's own method would enlarge its storage
            stack.append(taken[0])
        elif name == "LONG1":
            stack.append("int" if abs(argument) < _MOST_KEY else "long")
        else:
            stack += [kind.name for kind in opcode.stack_after]


def _taken(stack: list[str], marks: list[int], opcode: pickletools.OpcodeInfo) -> list[str]:
    """What an instruction takes from the stack, with all above the last mark where it takes that."""
    before, items = opcode.stack_before, []
    if pickletools.markobject in before:
        mark = marks.pop()
        items = stack[mark + 1 :]
        del stack[mark:]
        before = before[: before.index(pickletools.markobject)]
    place = len(stack) - len(before)
    taken = stack[place:] if before else []
    _require(place >= 0 and "mark" not in taken)
    del stack[place:]
    return taken + items


def _require_known(argument: str, names: Mapping[str, object], instructions: Iterator) -> None:
    name = argument.replace(" ", ".")
    if argument.count(" ") == 1 and name in names:
        return
    name = readable(name.removeprefix("__builtin__.").removeprefix("builtins."))
    what = f"the file wants to run {name}"
    with contextlib.suppress(Exception):  # whatever a garbled pickle leads to
        if _OF_A_MODULE.issubset({text for _, text, _ in islice(instructions, _MOST_INSTRUCTIONS)}):
            what = f"it holds a whole pickled network ({name}), which would run that class's code"
    raise Refused(f"refused, {what}; nothing of it was run; {_WEIGHTS_ALONE}")


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, names: Mapping[str, object], storage: Callable[[str, torch.dtype, int], Tensor]):
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._names, self._storage, self._known = names, storage, {}

    def find_class(self, module: str, name: str) -> object:
        return self._names[f"{module}.{name}"]

    def persistent_load(self, identity: object) -> Storage:
        _require(type(identity) is tuple and len(identity) in (5, 6) and identity[5:] in ((), (None,)))
        tag, dtype, key, location, length = identity[:5]
        _require(all(type(text) is str for text in (tag, key, location)) and tag == "storage" and _is_count(length))
        _require(type(dtype) is torch.dtype)
        if key not in self._known:
            self._known[key] = Storage(self._storage(key, dtype, length))
        found = self._known[key]
        _require((found.values.dtype, len(found.values)) == (dtype, length))
        return found


def _tensor(most_bytes: int) -> Callable[..., Tensor]:
    def rebuilt(storage, offset, size, stride, with_gradient=False, hooks=None) -> Tensor:
        """A view of a storage, all of it inside."""
        _require(type(storage) is Storage and _is_count(offset) and type(with_gradient) is bool and not hooks)
        _require(type(size) is tuple and type(stride) is tuple and len(size) == len(stride) <= _MOST_DIMENSIONS)
        _require(all(map(_is_count, (*size, *stride))))
        last = offset + sum((n - 1) * step for n, step in zip(size, stride))
        values, nbytes = storage.values, math.prod(n or 1 for n in size) * storage.values.itemsize
        if nbytes > most_bytes or not (last < len(values) if all(size) else offset <= len(values)):
            held = len(values) * values.itemsize
            raise Refused(f"damaged: a tensor of the shape {readable(str(size))} does not fit in its {held} bytes")
        return values.as_strided(size, stride, offset)

    return rebuilt


def _parameter(tensor: Tensor, with_gradient: bool, hooks: dict) -> Tensor:
    _require(type(tensor) is Tensor and type(with_gradient) is bool and not hooks)
    return tensor


def _ordered_dict(pairs: list = ()) -> OrderedDict:
    for pair in pairs:  # as Python 2 wrote them
        _require(type(pair) in (list, tuple) and len(pair) == 2)
        _require(type(pair[0]) is str or (type(pair[0]) is int and abs(pair[0]) < _MOST_KEY))
    return OrderedDict(pairs)


def _counter(counts: dict) -> Counter:
    _require(type(counts) is dict)
    return Counter(counts)


def _encoded(text: str, encoding: str) -> bytes:
    _require(encoding == "latin1")
    return text.encode("latin1")


def _device(kind: str, index: int | None = None) -> torch.device:
    _require(type(kind) is str and (index is None or _is_count(index)))
    return torch.device(kind, index)


_REBUILDING = ("_rebuild_tensor", "_rebuild_tensor_v2")
_NAMES = {
    **{f"torch.{kind}Storage": dtype for kind, dtype in _DTYPES.items()},
    **{str(dtype): dtype for dtype in _DTYPES.values()},
    "torch._utils._rebuild_parameter": _parameter,
    "collections.OrderedDict": _ordered_dict,
    "collections.Counter": _counter,
    "_codecs.encode": _encoded,
    "torch.device": _device,
}


def _require(condition: bool) -> None:
    if not condition:
        raise Refused()


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**48
