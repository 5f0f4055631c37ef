"""Looking through the pickle of a weight file before torch reads it.

torch's own reader for weights runs no code of a file, but a file can still have it ask for any amount of memory, resize
storages, or hash and print structures that never end. Here the pickle is played with stand-ins: every instruction that
torch knows is followed, nothing is built, and the first thing that no file of weights needs ends it.
"""

import contextlib
import math
import pickletools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from models.errors import WeightsError
from models.files.wording import readable

_NUMBERS = {8: ("Double", "Long"), 4: ("Float", "Int"), 2: ("Half", "BFloat16", "Short"), 1: ("Char", "Byte", "Bool")}
ITEM_SIZES = {f"torch.{number}Storage": size for size, numbers in _NUMBERS.items() for number in numbers}
_DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_OF_A_MODULE = {"_parameters", "_modules"}  # attributes of every torch.nn.Module
_MOST_INSTRUCTIONS, _MOST_DIMENSIONS, _MOST_KEY = 500_000, 16, 2**60
REFUSED = "refused, not a file of weights; nothing of it was run"
_WEIGHTS_ALONE = "where it was made, save the weights alone: torch.save(model.state_dict(), FILE)"


class Refused(WeightsError):
    """A pickle that no file of weights would hold."""

    def __init__(self, text: str = REFUSED):
        super().__init__(text)


class Unknown(Refused):
    """A name that a pickle asks for and no file of weights needs."""

    def __init__(self, name: str):
        super().__init__(f"refused, the file wants to run {name}; nothing of it was run; {_WEIGHTS_ALONE}")
        self.name = name


@dataclass(frozen=True, eq=False)
class Global:
    """A name that a pickle asks for."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A tensor's memory: what it is of, where its bytes are, how many items."""

    kind: str
    key: str
    numel: int

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return self.numel * ITEM_SIZES[self.kind]


class Made(Enum):
    """Stands for a value that torch would build: a dict, whose keys are looked at as they are set; a tensor; an instance of one
    of the caller's inert classes, or a device."""

    DICT, TENSOR, INSTANCE = range(3)


class Scan:
    """Plays pickles one after the other. allowed: dotted names of the caller's inert classes and functions.

    most_bytes: of a single tensor. `storages` are those that the pickles played so far ask for, by their keys.
    """

    def __init__(self, allowed: Collection[str], most_bytes: int):
        self.most_bytes = most_bytes
        self.storages: dict[str, Storage] = {}
        self._calls = dict.fromkeys(allowed, lambda *_: Made.INSTANCE) | _CALLS
        self._calls |= dict.fromkeys(("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"), self._tensor)
        self._names = {*self._calls, *ITEM_SIZES, *(f"torch.{name}" for name in _DTYPES)}
        self._left = _MOST_INSTRUCTIONS

    def play(self, stream) -> object:
        """What the next pickle of `stream` holds, tensors and dicts as members of Made. stream: with read and readline.

        Raises WeightsError, Refused where it holds what a file of weights does not.
        """
        self._stack, self._marks, self._memo = [], [], {}
        instructions = pickletools.genops(stream)
        try:
            for opcode, argument, _ in instructions:
                self._left -= 1
                if self._left < 0:
                    raise Refused(f"refused, it holds more than {_MOST_INSTRUCTIONS} values")
                self._follow(opcode.name, argument)
            return self._stack.pop()
        except Unknown as unknown:
            if not self._is_module(instructions):
                raise
            text = f"refused, it holds a whole pickled network ({unknown.name}), which would run that class's code"
            raise Refused(f"{text}; nothing of it was run; {_WEIGHTS_ALONE}") from None
        except WeightsError:
            raise
        except Exception:  # whatever a garbled pickle leads to
            raise Refused() from None

    def _is_module(self, instructions: Iterator) -> bool:
        """Whether the rest of a pickle names what every torch.nn.Module holds."""
        with contextlib.suppress(Exception):  # whatever a garbled pickle leads to
            return {text for _, text, _ in islice(instructions, self._left) if text in _OF_A_MODULE} == _OF_A_MODULE
        return False

    def _follow(self, name: str, argument: object) -> None:
        stack = self._stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif name == "MARK":
            self._marks.append(stack)
            self._stack = []
        elif name == "TUPLE":
            items = self._pop_mark()
            self._stack.append(tuple(items))
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else Made.DICT)
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._pop_mark()
            self._stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._pop_mark()
            _require(self._stack[-1] is Made.DICT and len(items) % 2 == 0 and all(map(_is_key, items[::2])))
        elif name == "GLOBAL":
            stack.append(self._global(argument))
        elif name == "BINPERSID":
            stack[-1] = self._storage(*stack[-1])
        elif name in ("REDUCE", "NEWOBJ"):
            arguments = stack.pop()
            _require(type(arguments) is tuple)
            stack[-1] = self._calls[stack[-1].name](*arguments)
        elif name == "BUILD":
            state = stack.pop()
            # of a tuple of two, torch would take the second as attributes to be set
            of_instance = stack[-1] is Made.INSTANCE and type(state) is tuple and len(state) > 2
            _require(of_instance or (state is Made.DICT and stack[-1] in (Made.DICT, Made.INSTANCE)))
        else:
            _require(name == "STOP" or (name == "PROTO" and argument == 2))

    def _pop_mark(self) -> list:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _global(self, argument: str) -> Global:
        name = argument.replace(" ", ".")
        if argument.count(" ") == 1 and name in self._names:
            return Global(name)
        raise Unknown(readable(name.removeprefix("__builtin__.").removeprefix("builtins.")))

    def _storage(self, tag, kind, key, location, numel, view=None) -> Storage:
        _require(tag == "storage" and kind.name in ITEM_SIZES and view is None)
        _require(type(key) is str and type(location) is str and _is_count(numel))
        storage = Storage(kind.name, key, numel)
        _require(self.storages.setdefault(key, storage) == storage)
        return storage

    def _tensor(self, storage, offset, size, stride, with_gradient=False, hooks=None) -> Made:
        """A view of a storage, all of it inside: of another, torch would enlarge the storage."""
        _require(type(storage) is Storage and type(size) is tuple and type(stride) is tuple)
        _require(type(with_gradient) is bool and hooks in (None, Made.DICT))
        _require(len(size) == len(stride) <= _MOST_DIMENSIONS and all(map(_is_count, (offset, *size, *stride))))
        last = offset + sum((n - 1) * step for n, step in zip(size, stride))
        inside = last < storage.numel if all(size) else offset <= storage.numel
        if not inside or math.prod(n or 1 for n in size) * ITEM_SIZES[storage.kind] > self.most_bytes:
            raise Refused(f"damaged: a tensor of the shape {readable(str(size))} does not fit in its {storage.nbytes} bytes")
        return Made.TENSOR


def _ordered_dict(pairs: object = None) -> Made:
    _require(pairs is None or type(pairs) is list)
    for pair in pairs or []:  # as Python 2 wrote them
        _require(type(pair) in (list, tuple) and len(pair) == 2 and _is_key(pair[0]))
    return Made.DICT


def _counter(counts: object = Made.DICT) -> Made:
    _require(counts is Made.DICT)
    return Made.DICT


def _encode(text: object, codec: object) -> bytes:
    _require(type(text) is str and codec == "latin1")  # others take a time that grows with the square of the text
    return b""


def _device(kind: object, number: object = 0) -> Made:
    _require(type(kind) is str and _is_count(number))
    return Made.INSTANCE


def _parameter(tensor: object, with_gradient: object, hooks: object) -> Made:
    _require(tensor is Made.TENSOR and type(with_gradient) is bool and hooks is Made.DICT)
    return tensor


def _require(condition: bool) -> None:
    if not condition:
        raise Refused()


def _is_key(value: object) -> bool:
    # tuples hash as trees, however often they share a branch; larger numbers can be made to collide
    return type(value) is str or (type(value) is int and abs(value) < _MOST_KEY)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**48


_CALLS = {  # functions that weights need -> what looks at their arguments, and stands for what they give
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": lambda *_: Made.DICT,
    "collections.Counter": _counter,
    "torch.device": _device,
    "_codecs.encode": _encode,
    "torch._utils._rebuild_parameter": _parameter,
}
