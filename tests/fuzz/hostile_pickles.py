"""Pickles that no file of weights would hold: that call something, that claim too much, that never end."""

import io
import pickle
import random
import struct
from collections import OrderedDict

import torch

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how torch's format before 1.6 begins
EXTENSION = 240  # a code that the test registers for os.system
TARGETS = [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "getoutput"), ("builtins", "eval"),
    ("builtins", "exec"), ("__builtin__", "eval"), ("os", "mkdir"), ("pathlib", "Path.touch"), ("torch", "load"),
    ("torch.hub", "load"), ("runpy", "run_path"), ("importlib", "import_module"), ("pickle", "loads"),
    ("torch.serialization", "load"), ("builtins", "getattr"), ("torch._utils", "_import_dotted_name"),
]  # fmt: skip


def text(value: str) -> bytes:
    """BINUNICODE."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def short(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def called(name: str, argument: str) -> str:
    """The argument that makes the target `name` leave the file or folder `argument` behind."""
    if name in ("system", "getoutput"):
        return f"touch {argument}"
    return f"__import__('os').mkdir({argument!r})" if name in ("eval", "exec") else argument


def calling_pickles(module: str, name: str, argument: str) -> list[bytes]:
    """Pickles that call `module`.`name` with the text `argument`, by every instruction that can lead to a call."""
    name_bytes, value = f"{module}\n{name}\n".encode(), text(argument)
    looked_up, stacked = b"c" + name_bytes, short(module) + short(name) + b"\x93"
    empty_dict = b"ccollections\nOrderedDict\n)R"
    with_state = empty_dict + b"}" + text("__setstate__") + looked_up + b"sb" + value + b"b."
    return [
        b"\x80\x02" + looked_up + b"(" + value + b"tR.",  # GLOBAL, REDUCE
        looked_up + b"(V" + argument.encode() + b"\ntR.",  # the same as text
        b"\x80\x02}" + text("state_dict") + looked_up + value + b"\x85Rs.",
        b"\x80\x04" + stacked + b"(" + value + b"tR.",  # STACK_GLOBAL
        b"\x80\x02" + stacked + value + b"\x85R.",
        b"(" + value + b"i" + name_bytes + b".",  # INST
        b"(" + looked_up + value + b"o.",  # OBJ
        b"\x80\x02" + looked_up + value + b"\x85\x81.",  # NEWOBJ
        b"\x80\x04" + looked_up + value + b"\x85}\x92.",  # NEWOBJ_EX
        b"\x80\x02" + with_state,  # BUILD
        b"\x80\x02c__main__\nRecorderMeter\n)\x81}" + text("__setstate__") + looked_up + b"sb" + value + b"b.",
        b"\x80\x02c__main__\nRecorderMeter\n)\x81}" + text("__class__") + looked_up + b"sb.",
        b"\x80\x02\x82" + bytes([EXTENSION]) + value + b"\x85R.",  # EXT1
        b"\x80\x02\x83" + struct.pack("<H", EXTENSION) + value + b"\x85R.",  # EXT2
        b"\x80\x02\x84" + struct.pack("<I", EXTENSION) + value + b"\x85R.",  # EXT4
        b"P" + f"{module}.{name}".encode() + b"\n.",  # PERSID
        b"\x80\x02" + value + b"Q.",  # BINPERSID
        b"\x80\x02(" + text("module") + looked_up + value + value + b"tQ.",
        b"\x80\x02(" + text("storage") + looked_up + text("0") + text("cpu") + b"K\x04tQ.",
        b"\x80\x02\x8c\x01a" + looked_up + b"\x94h\x00" + value + b"\x85R.",  # MEMOIZE
        b"\x80\x05\x95" + struct.pack("<Q", 40) + stacked + value + b"\x85R.",  # FRAME
    ]


class Stored:
    """A storage as a pickle refers to it."""

    def __init__(self, numel: object, kind: type = torch.FloatStorage, key: str = "0"):
        self.identity = ("storage", kind, key, "cpu", numel)


class Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: object, *arguments: object):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return value.identity if isinstance(value, Stored) else None


def pickled(value: object) -> bytes:
    """`value` in the protocol of weight files; `Stored` and `Call` as what they stand for."""
    stream = io.BytesIO()
    _Pickler(stream, 2).dump(value)
    return stream.getvalue()


def tensor(numel: object = 4, offset: object = 0, size: object = (4,), stride: object = (1,), **options) -> Call:
    """A tensor as a pickle describes it, true or not."""
    rebuild = torch._utils._rebuild_tensor_v2
    return Call(rebuild, Stored(numel, **options), offset, size, stride, False, OrderedDict())


def before_1_6(payload: bytes, keys: object = ("0",), data: bytes = struct.pack("<Q4f", 4, 0, 1, 2, 3)) -> bytes:
    """A file of torch's format before 1.6 whose content is the pickle `payload`."""
    start = [pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, {"little_endian": True})]
    return b"".join([*start, payload, pickled(list(keys) if isinstance(keys, tuple) else keys), data])


def false_tensor(draw: random.Random) -> Call:
    """A tensor that claims another size than its storage has, or a storage of another than its bytes."""
    big = draw.choice([5, 200, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, 2**64, -1, True, 4.0, None, "4", (4,)])
    claim = draw.choice(["numel", "offset", "size", "stride", "long", "wide", "kind", "product"])
    if claim == "kind":
        kinds = [torch.DoubleStorage, torch.ComplexFloatStorage, torch.QInt8Storage, torch.UntypedStorage, torch.BoolStorage]
        return tensor(kind=draw.choice(kinds))
    return {
        "numel": lambda: tensor(numel=big, size=(big,)),
        "offset": lambda: tensor(offset=big, size=(1,)),
        "size": lambda: tensor(size=(big,)),
        "stride": lambda: tensor(size=(2,), stride=(big,)),
        "long": lambda: tensor(size=(1,) * 20_000, stride=(1,) * 20_000),
        "wide": lambda: tensor(size=(big, 2), stride=(0, 0)),
        "product": lambda: tensor(size=(2**31, 2**31, 0, 2**31), stride=(0, 0, 0, 0)),
    }[claim]()


def parts(*values: object) -> bytes:
    """The instructions that push `values`, one after the other."""
    return b"".join(pickled(value)[2:-1] for value in values)


def odd_recorder(draw: random.Random) -> bytes:
    """The instructions that push a published recorder whose arrays are of other kinds, shapes and bytes than they should."""
    odd = [None, 0, -1, "f4", b"\0" * 48, (), (3, 2), (2**40, 2**40), (-1, 2), [3, 2], {}, {"kind": "f4"}, "<", ">", "O", True]

    def array() -> bytes:
        kind = b"cnumpy\ndtype\n(" + parts(draw.choice(["f4", "f4", "f8", "O", "V8", *odd]), 0, 1) + b"tR("
        kind += parts(3, draw.choice(["<", "<", ">", "|", *odd]), None, None, None, -1, -1, 0) + b"tb"
        state = b"(K\x01" + parts(draw.choice([(3, 2), (3, 2), *odd])) + kind
        state += parts(draw.choice([False, *odd]), draw.choice([bytes(range(24)), bytes(24), *odd]))
        return b"cnumpy.core.multiarray\n_reconstruct\n)R" + state + b"tb"

    attributes = b"".join(parts(name) + array() for name in ("epoch_losses", "epoch_accuracy"))
    return b"c__main__\nRecorderMeter\n)\x81}(" + attributes + b"ub"


def endless_pickles() -> dict[str, bytes]:
    """Small pickles of structures that are deep, shared or self-containing, by name."""
    doubled = b"".join(b"h%c\x86q%c" % (k, k + 1) for k in range(60))  # each a pair of the one before
    laughs = b"".join(b"](h%ch%ceq%c" % (k, k, k + 1) for k in range(60))
    wide = b"".join(b"](" + b"h%c" % k * 1000 + b"eq%c" % (k + 1) for k in range(20))
    colliding = b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(20_000))
    recorder, array = b"c__main__\nRecorderMeter\n)\x81", b"cnumpy.core.multiarray\n_reconstruct\n)R"
    return {
        "a list in itself": b"\x80\x02]q\x00h\x00a.",
        "a dict in itself": b"\x80\x02}q\x00" + text("a") + b"h\x00s.",
        "a list in itself many times": b"\x80\x02]q\x00(" + b"h\x00" * 30_000 + b"e.",
        "laughs in lists": b"\x80\x02]q\x00" + laughs + b".",
        "laughs in wide lists": b"\x80\x02]q\x00" + wide + b".",
        "laughs in tuples": b"\x80\x02)q\x00" + doubled + b".",
        "laughs as a key": b"\x80\x02)q\x00" + doubled + b"}h\x3cNs.",
        "laughs as keys of an OrderedDict": b"\x80\x02)q\x00" + doubled + b"ccollections\nOrderedDict\n](h\x3cN\x86e\x85R.",
        "laughs as a storage's key": b"\x80\x02)q\x00" + doubled + b"(" + text("storage") + b"ctorch\nFloatStorage\nh\x3c"
        + text("cpu") + b"K\x04tQ.",
        "laughs that are called": b"\x80\x02)q\x00" + doubled + b")R.",
        "laughs as attributes": b"\x80\x02)q\x00" + doubled + recorder + b"](h\x3cN\x86eb.",
        "laughs as second attributes": b"\x80\x02)q\x00" + doubled + recorder + b"N](h\x3cN\x86e\x86b.",
        "laughs as a shape": b"\x80\x02)q\x00" + doubled + b"}" + text("recorder") + array + b"(K\x01h\x3cN\x89Ntbs.",
        "laughs in a set": b"\x80\x02)q\x00" + doubled + b"cbuiltins\nset\n](h\x3ce\x85R.",
        "deep lists": b"\x80\x02" + b"](" * 30_000 + b"e" * 30_000 + b".",
        "deep tuples": b"\x80\x02)" + b"\x85" * 60_000 + b".",
        "deep dicts": b"\x80\x02" + (b"}" + text("a")) * 30_000 + b"N" + b"s" * 30_000 + b".",
        "marks": b"\x80\x02" + b"(" * 600_000 + b".",
        "empty lists": b"\x80\x02](" + b"]" * 600_000 + b"e.",
        "empty dicts": b"\x80\x02](" + b"ccollections\nOrderedDict\nq\x01)R" + b"h\x01)R" * 50_000 + b"e.",
        "keys that collide": b"\x80\x02}(" + colliding + b"u.",
        "a long number": b"\x80\x02}" + text("epoch") + b"\x8a\xff" + b"\x7f" * 255 + b"s.",
        "a longer number": b"\x80\x02\x8b" + struct.pack("<I", 2_000_000) + b"\x7f" * 2_000_000 + b".",
        "a string longer than the file": b"\x80\x02X\xff\xff\xff\xffabc.",
        "a string of 2^63 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2**63 - 1) + b"abc.",
        "a memo far away": b"\x80\x02]r\xff\xff\xff\xff.",
        "an array of bytes": b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\0\0\0\0\x10\x85R.",
        "an odd dict": b"\x80\x02}(NNNu.",
        "nothing": b"\x80\x02.",
        "a method in the way": b"\x80\x02ccollections\nOrderedDict\n)R(" + text("a") + b"K\x01u}" + text("items") + b"K\x01sb.",
        "an odd codec": b"\x80\x02c_codecs\nencode\n" + text("xn--" + "a" * 200_000) + text("idna") + b"\x86R.",
    }  # fmt: skip
