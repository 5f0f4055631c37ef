"""A checksum over what a checkpoint holds, so that a flipped bit anywhere is noticed and not trained on."""

import hashlib
import struct
from typing import Any

import torch
from torch import Tensor

_CONSTANTS = {None: b"N", True: b"T", False: b"F"}


def checksum(content: dict) -> str:
    """SHA-256, 64 hexadecimal digits, of everything in `content` but its own key `checksum`.

    content: dicts (keys str or int), lists, tuples, str, bytes, int, float, bool, None and dense tensors, nested. Every
    value is hashed behind its kind and its length, so that no two contents share an encoding; the order of keys counts.
    Raises TypeError for anything else.
    """
    digest = hashlib.sha256()
    _add(digest, {key: value for key, value in content.items() if key != "checksum"})
    return digest.hexdigest()


def _add(digest: Any, value: object) -> None:
    if value is None or isinstance(value, bool):
        digest.update(_CONSTANTS[value])
    elif isinstance(value, Tensor):
        _add_tensor(digest, value)
    elif isinstance(value, dict):
        digest.update(b"d" + struct.pack("<Q", len(value)))
        for key, item in value.items():
            if not isinstance(key, (str, int)):
                raise TypeError(f"a checkpoint holds no key of the type {type(key).__name__}")
            _add(digest, key)
            _add(digest, item)
    elif isinstance(value, (list, tuple)):
        digest.update((b"l" if isinstance(value, list) else b"t") + struct.pack("<Q", len(value)))
        for item in value:
            _add(digest, item)
    else:
        kind, payload = _scalar(value)
        digest.update(kind + struct.pack("<Q", len(payload)))
        digest.update(payload)


def _scalar(value: object) -> tuple[bytes, bytes]:
    if type(value) is str:
        return b"s", value.encode("utf-8", "surrogatepass")
    if type(value) is bytes:
        return b"b", value
    if type(value) is int:
        return b"i", b"%x" % value
    if type(value) is float:
        return b"f", struct.pack("<d", value)
    raise TypeError(f"a checkpoint cannot hold what no pickle of plain values can: a {type(value).__name__}")


def _add_tensor(digest: Any, tensor: Tensor) -> None:
    """Type, shape, the order of the dimensions in memory, and the bytes in that order, which are hashed without a copy.

    A channels-last tensor comes back from a file as one: the order is part of what is stored.
    """
    tensor = tensor.detach().cpu()
    spread = [d for d in range(tensor.dim()) if tensor.shape[d] != 1]  # the stride of a single element means nothing
    order = sorted(spread, key=lambda d: -tensor.stride(d)) if tensor.numel() else spread
    dense = tensor.permute(order + [d for d in range(tensor.dim()) if tensor.shape[d] == 1])
    if not dense.is_contiguous():
        order, dense = spread, tensor.contiguous()
    _add(digest, ["tensor", str(tensor.dtype), list(tensor.shape), order])
    digest.update(dense.reshape(-1).view(torch.uint8).numpy())
