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
from itertools import islice

from models.errors import WeightsError
from models.files.wording import readable

ITEM_SIZES = {
    "torch.DoubleStorage": 8,
    "torch.FloatStorage": 4,
    "torch.HalfStorage": 2,
    "torch.BFloat16Storage": 2,
    "torch.LongStorage": 8,
    "torch.IntStorage": 4,
    "torch.ShortStorage": 2,
    "torch.CharStorage": 1,
    "torch.ByteStorage": 1,
    "torch.BoolStorage": 1,
}
_TENSOR, _TENSOR_V2 = "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"
_PARAMETER, _DICT, _BYTES = "torch._utils._rebuild_parameter", "collections.OrderedDict", "_codecs.encode"
_COUNTER, _DEVICE = "collections.Counter", "torch.device"
_DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
_FUNCTIONS = {_TENSOR, _TENSOR_V2, _PARAMETER, _DICT, _BYTES, _COUNTER, _DEVICE}
_GLOBALS = {*ITEM_SIZES, *(f"torch.{name}" for name in _DTYPES), *_FUNCTIONS}
_DICTS = ("collections.defaultdict",)  # of the caller's functions, those that give a dict
_OF_A_MODULE = {"_parameters", "_modules"}  # attributes of every torch.nn.Module
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING")
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
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
    """A tensor's memory: what it is of, how many, where its bytes are."""

    kind: str
    key: str
    numel: int

    @property
    def nbytes(self) -> int:
        return self.numel * ITEM_SIZES[self.kind]


class Dict:
    """Stands for a dict; its keys were looked at as they were set."""


class Tensor:
    """Stands for a tensor."""


class Instance:
    """Stands for an instance of one of the caller's inert classes, or for a device."""


class Scan:
    """Plays pickles one after the other. allowed: dotted names of the caller's inert classes and functions.

    most_bytes: of a single tensor. `storages` are those that the pickles played so far ask for, by their keys.
    """

    def __init__(self, allowed: Collection[str], most_bytes: int):
        self.allowed, self.most_bytes = allowed, most_bytes
        self.storages: dict[str, Storage] = {}
        self._left = _MOST_INSTRUCTIONS

    def play(self, stream) -> object:
        """What the next pickle of `stream` holds, tensors and dicts as stand-ins. stream: with read and readline.

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
        elif name in ("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT"):
            stack.append({"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": Dict}[name]())
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._pop_mark()
            _require(type(self._stack[-1]) is list)
            self._stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._pop_mark()
            _require(type(self._stack[-1]) is Dict and len(items) % 2 == 0 and all(map(_is_key, items[::2])))
        elif name == "GLOBAL":
            stack.append(self._global(argument))
        elif name == "BINPERSID":
            stack[-1] = self._storage(stack[-1])
        elif name in ("REDUCE", "NEWOBJ"):
            arguments = stack.pop()
            stack[-1] = self._call(stack[-1], arguments)
        elif name == "BUILD":
            state = stack.pop()
            _require(type(stack[-1]) in (Dict, Instance))
            # of a tuple of two, torch would take the second as attributes to be set
            _require(type(state) is Dict or (type(state) is tuple and type(stack[-1]) is Instance and len(state) > 2))
        elif name == "INST":
            self._global(argument)
            raise Refused()
        else:
            _require(name == "STOP" or (name == "PROTO" and argument == 2))

    def _pop_mark(self) -> list:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _global(self, argument: str) -> Global:
        name = argument.replace(" ", ".")
        if argument.count(" ") == 1 and (name in _GLOBALS or name in self.allowed):
            return Global(name)
        name = readable(name.removeprefix("__builtin__.").removeprefix("builtins."))
        raise Unknown(name)

    def _storage(self, identity: object) -> Storage:
        _require(type(identity) is tuple and len(identity) in (5, 6) and identity[5:] in ((), (None,)))
        tag, kind, key, location, numel = identity[:5]
        _require(type(kind) is Global and kind.name in ITEM_SIZES)
        _require(all(type(text) is str for text in (tag, key, location)) and tag == "storage" and _is_count(numel))
        storage = Storage(kind.name, key, numel)
        _require(self.storages.setdefault(key, storage) == storage)
        return storage

    def _call(self, function: object, arguments: object) -> object:
        _require(type(function) is Global and type(arguments) is tuple)
        if function.name in self.allowed:
            return Dict() if function.name in _DICTS else Instance()
        if function.name == _COUNTER:
            _require(len(arguments) < 2 and all(type(counts) is Dict for counts in arguments))
            return Dict()
        if function.name == _DEVICE:
            _require(1 <= len(arguments) <= 2 and type(arguments[0]) is str and all(map(_is_count, arguments[1:])))
            return Instance()
        if function.name == _DICT:
            for pair in arguments[0] if arguments else []:  # as Python 2 wrote them
                _require(type(pair) in (list, tuple) and len(pair) == 2 and _is_key(pair[0]))
            _require(len(arguments) < 2 and all(type(pairs) is list for pairs in arguments))
            return Dict()
        if function.name == _BYTES:
            _require(len(arguments) == 2 and all(type(text) is str for text in arguments) and arguments[1] == "latin1")
            return b""
        if function.name == _PARAMETER:
            tensor, with_gradient, hooks = arguments
            _require(type(tensor) is Tensor and type(with_gradient) is bool and type(hooks) is Dict)
            return tensor
        _require(function.name in (_TENSOR, _TENSOR_V2))
        return self._tensor(*arguments)

    def _tensor(self, storage, offset, size, stride, with_gradient=False, hooks=None) -> Tensor:
        """A view of a storage, all of it inside: of another, torch would enlarge the storage."""
        _require(type(storage) is Storage and _is_count(offset) and type(with_gradient) is bool)
        _require(hooks is None or type(hooks) is Dict)
        _require(type(size) is tuple and type(stride) is tuple and len(size) == len(stride) <= _MOST_DIMENSIONS)
        _require(all(map(_is_count, size)) and all(map(_is_count, stride)))
        last = offset + sum((n - 1) * step for n, step in zip(size, stride))
        inside = last < storage.numel if all(size) else offset <= storage.numel
        if not inside or math.prod(n or 1 for n in size) * ITEM_SIZES[storage.kind] > self.most_bytes:
            raise Refused(f"damaged: a tensor of the shape {readable(str(size))} does not fit in its {storage.nbytes} bytes")
        return Tensor()


def _require(condition: bool) -> None:
    if not condition:
        raise Refused()


def _is_key(value: object) -> bool:
    # tuples hash as trees, however often they share a branch; larger numbers can be made to collide
    return type(value) is str or (type(value) is int and abs(value) < _MOST_KEY)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**48
