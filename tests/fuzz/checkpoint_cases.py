"""Files for the fuzz test of checkpoints, by what is wrong with them.

Each family makes the bytes of a file from a random generator and the case's number, and says whether it may load: True,
False, or "equal", where it may only load as what it was before it was damaged.
"""

import copy
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable

import numpy as np
import torch

from tests.fuzz.checkpoint_files import file_bytes, rezipped, signed, with_header, with_pickle
from tests.fuzz.hostile_pickles import (
    TARGETS,
    before_1_6,
    called,
    calling_pickles,
    endless_pickles,
    false_tensor,
    odd_recorder,
    parts,
    pickled,
    tensor,
)

FAMILIES: dict[str, Callable] = {}


def family(make: Callable) -> Callable:
    """make(draw, number, sound) -> bytes of a file, and whether it may load: True, False, "equal"."""
    FAMILIES[make.__name__] = make
    return make


@family
def truncated(draw, number, sound):
    data = draw.choice(list(sound.files.values()))
    ends = [0, 1, 4, 22, 30, 98, 200, 4096, len(data) - 98, len(data) - 22, len(data) - 1]
    return data[: draw.choice(ends) if number % 2 else draw.randrange(len(data))], False


@family
def flipped_bits(draw, number, sound):
    name = draw.choice([*sound.files, "ours"])
    data = bytearray(sound.files[name])
    start, end = draw.choice([(0, len(data)), (0, 8000), (len(data) - 8000, len(data)), (len(data) - 98, len(data))])
    for _ in range(draw.choice([1, 1, 2, 8])):
        data[draw.randrange(max(0, start), end)] ^= 1 << draw.randrange(8)
    return bytes(data), True if name == "bare, old" else "equal"


@family
def spliced(draw, number, sound):
    data = draw.choice(list(sound.files.values()))
    a, b, c = sorted(draw.randrange(len(data)) for _ in range(3))
    match number % 6:
        case 0:
            other = data[:a] + data[b:]
        case 1:
            other = data[:b] + data[a:]
        case 2:
            other = data[:a] + data[b:c] + data[a:b] + data[c:]
        case 3:
            other = data + data[a:b]
        case 4:
            other = data[:a] + draw.randbytes(draw.randrange(1, 50)) + data[a:]
        case 5:
            other = b"x" * draw.randrange(1, 50) + data
    return other, True


@family
def garbled_pickle(draw, number, sound):
    """In a sound archive, so that the pickle itself is all that can be noticed."""
    name = draw.choice(["ours", "bare", "bare"])
    data = bytearray(sound.pickle_in(name))
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(data))
        match draw.randrange(4):
            case 0:
                data[at] = draw.choice(b"()]}.0123abceghijloqrstuIJKLMNQRTUVX\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b")
            case 1:
                data[at] ^= 1 << draw.randrange(8)
            case 2:
                del data[at : at + draw.randrange(1, 20)]
            case 3:
                data[at:at] = data[at - draw.randrange(1, 40) : at]
    return rezipped(sound.files[name], {"data.pkl": bytes(data)}), True if name == "bare" else "equal"


@family
def zip_tricks(draw, number, sound):
    data, packed = sound.files["ours"], zipfile.ZIP_DEFLATED
    if number % 10 == 0:
        return rezipped(file_bytes({}), {"data.pkl": b"\x80\x02X\0\0\0\x10" + bytes(2**28) + b"."}, packed), False
    if number % 10 == 1:
        claim = with_pickle(pickled({"state_dict": {"a": tensor(2**26, size=(2**26,))}}))
        return rezipped(claim, {"data/0": bytes(2**28)}, packed), False
    start = struct.unpack_from("<I", data, len(data) - 6)[0]  # of the table of contents
    tail = bytearray(data)
    match number % 10:
        case 2:  # every entry's data are the first one's
            for at in (i for i in range(start, len(data)) if data[i : i + 4] == b"PK\x01\x02"):
                struct.pack_into("<I", tail, at + 42, 0)
        case 3:  # an entry claims gigabytes
            struct.pack_into("<II", tail, start + 20, 2**32 - 2, 2**32 - 2)
        case 4:  # the table says it is longer
            struct.pack_into("<Q", tail, len(data) - 58, 2**32 - 2)
        case 5:
            struct.pack_into("<H", tail, len(data) - 2, 5)
            tail += b"hello"
        case 6:
            return rezipped(data, {f"data/x{k}": b"" for k in range(20_000)}), False
        case 7:
            return rezipped(data, {"DATA.PKL": pickled({"a": 1})}), False
        case 8:
            return rezipped(data, {"constants.pkl": b"\x80\x02}.", "code/a.py": b"raise SystemExit"}), False
        case 9:
            name = draw.choice(["data/0", "byteorder", ".storage_alignment", "version"])
            return rezipped(data, {name: draw.randbytes(5000)}), True
    return bytes(tail), False


@family
def wrong_values(draw, number, sound):
    """At any place of our format, under a checksum that fits."""
    vector = torch.zeros(3, dtype=draw.choice([torch.float32, torch.int64, torch.uint8, torch.float16, torch.bool]))
    other = "poster_v1_small" if number % 40 == 0 else "deep_emotion_paper"
    wrong = [
        None, True, -1, 0, 2, 2**31, 2**62, -0.5, float("nan"), float("inf"), 1e308, "", "x", "auto", "../x", "a\nb", "\x1b[2J",
        "\ud800", "y" * 100_000, b"bytes", [], [1], ["a", "b"], (), (0.9, 0.999), {}, {"a": 1}, {1: {}}, vector,
        {"step": vector}, torch.zeros(()), torch.full((10,), float("nan")), torch.zeros(1).expand(10_000), torch.zeros(0),
        -torch.ones(10), [[[]]], [{}], [None] * 1000, other,
    ]  # fmt: skip
    content = copy.deepcopy(sound.content)
    for _ in range(draw.choice([1, 1, 3])):
        place, value = content, content
        while isinstance(value, (dict, list)) and value and (value is content or draw.random() < 0.8):
            place, key = value, draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
            value = place[key]
        match draw.randrange(8):
            case 0 if isinstance(place, dict):
                del place[key]
            case 1 if isinstance(place, dict):
                place[draw.choice(["more", "", 7, "x\ny", "step", "lr"])] = draw.choice(wrong)
            case 2 if isinstance(place, list):
                place.append(draw.choice(wrong))
            case _:
                place[key] = draw.choice(wrong)
    return file_bytes(signed(content)), True


@family
def false_claims(draw, number, sound):
    state = {key: value for key, value in sound.content["state_dict"].items() if draw.random() < 0.05}
    lie = {"fc2.weight": false_tensor(draw), "localization.0.weight": tensor()}
    payload = pickled(draw.choice([lie, {"state_dict": lie, "epoch": 3}, {"recorder": lie}, [lie]]))
    if number % 3 == 0:
        return before_1_6(payload, draw.choice([("0",), (), ("0", "0"), ("1",), ["0"], {"0": 1}, "0", [["0"]], None])), False
    return rezipped(file_bytes(state or {"a": torch.zeros(4)}), {"data.pkl": payload, "data/0": bytes(16)}), False


@family
def not_finite(draw, number, sound):
    content = copy.deepcopy(sound.content)
    moments = draw.choice(list(content["optimizer"]["state"].values()))
    weights = [value for value in content["state_dict"].values() if value.is_floating_point()]
    places = [draw.choice(weights), moments["exp_avg"], moments["exp_avg_sq"], moments["step"]]
    place = draw.choice(places if number % 2 else places[:1])
    with torch.no_grad():
        place.view(-1)[draw.randrange(place.numel())] = float(draw.choice(["nan", "inf", "-inf"]))
    return file_bytes(signed(content) if number % 2 else content["state_dict"], legacy=number % 4 > 1), False


@family
def calls(draw, number, sound):
    module, name = TARGETS[number % len(TARGETS)]
    payloads = calling_pickles(module, name, called(name, str(sound.canary)))
    payload = payloads[draw.randrange(len(payloads))]
    return [payload, with_pickle(payload), before_1_6(payload), before_1_6(pickled({}), ()) + payload][number % 4], False


@family
def endless(draw, number, sound):
    pickles = list(endless_pickles().values())
    payload = pickles[7 * number % len(pickles)]
    return with_pickle(payload) if number // len(pickles) % 2 == 0 else before_1_6(payload), False


@family
def recorders(draw, number, sound):
    """Published files whose recorders hold other things than arrays of numbers."""
    epoch = draw.choice([3, 3, 0, -1, 10**9, 2**62, "3", None, True, 1.0, [3]])
    payload = b"\x80\x02}(" + parts("epoch", epoch, "state_dict") + sound.pickle_in("bare")[2:-1]
    payload += parts("recorder") + odd_recorder(draw) + b"u."
    return rezipped(sound.files["bare"], {"data.pkl": payload}), True


@family
def safetensors(draw, number, sound):
    """Cut, flipped, and under headers that lie."""
    data = sound.safetensors
    length = int.from_bytes(data[:8], "little")
    header, payload = json.loads(data[8 : 8 + length]), data[8 + length :]
    names = [name for name in header if name != "__metadata__"]
    entry, odd = header[draw.choice(names)], [None, True, -1, 0, 1, 2**40, 2**63, 1e9, "x", [], {}, [2**62], [0, 2**62]]
    match number % 8:
        case 0:
            return data[: draw.choice([8, 9, 15, 16, 100, 8 + length, len(data) - 1, draw.randrange(len(data))])], False
        case 1:
            return struct.pack("<Q", draw.choice([0, 1, length - 1, length + 8, 2**31, 2**63, 2**64 - 1])) + data[8:], False
        case 2:
            entry[draw.choice(list(entry))] = draw.choice(odd)
        case 3:
            entry["dtype"] = draw.choice(["F8_E4M3", "U64", "f32", "BOOL", "F16", "C64", ""])
        case 4:
            other = header[draw.choice(names)]
            begin, end = other["data_offsets"]
            odd = [[0, 2**33], [begin, begin], [end, begin], [begin + 4, end + 4], [0], [0, 4, 8]]
            entry["data_offsets"] = draw.choice(odd)
        case 5:
            payload = draw.choice([payload + b"\0" * 8, payload[8:], b"", payload * 2])
        case 6:
            nested = draw.choice([b"[" * 100_000, b'{"a":' * 100_000, b'{"a":1,"a":2}', b"{" + b'"b":' + b"9" * 100_000 + b"}"])
            return with_header(b"{" + b'"x":' + nested, payload), False
        case 7:
            flipped = bytearray(data)
            flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            return bytes(flipped), True
    return with_header(header, payload), number % 8 in (2, 4)  # what was drawn may be what stood there


@family
def other_files(draw, number, sound):
    stream = io.BytesIO()
    match number % 13:
        case 0:
            with tarfile.open(fileobj=stream, mode="w") as archive:
                archive.addfile(tarfile.TarInfo("storages"))
        case 1:
            with zipfile.ZipFile(stream, "w") as archive:
                archive.writestr("weights/readme.txt", "no weights")
        case 2:
            np.savez(stream, a=np.zeros(3))
        case 3:
            np.save(stream, np.zeros(3))
        case 4:
            stream.write(gzip.compress(sound.files["ours"]))
        case 5:
            stream.write(b"<!DOCTYPE html>\n<title>quota exceeded</title>\n")
        case 6:
            stream.write(struct.pack("<Q", 2) + b"{}" + bytes(16))
        case 7:
            stream.write(draw.randbytes(draw.randrange(1, 5000)))
        case 8:
            stream.write(b"PK\x03\x04" + draw.randbytes(draw.randrange(1, 5000)))
        case 9:
            stream.write(b"\x80\x02" + draw.randbytes(draw.randrange(1, 500)))
        case 10:
            stream.write(pickle.dumps(draw.choice([sound.content["args"], 3, [1], "text"]), draw.randrange(6)))
        case 11:
            torch.save(draw.choice([3, [1, 2], "a", torch.zeros(2), {"a": 1}, {"epoch": 1, "state_dict": {}}, {}]), stream)
    return stream.getvalue(), False
