"""Files of the format safetensors: a length of 8 bytes, a JSON header, and the tensors' bytes one after the other."""

import json
import struct
from pathlib import Path

import torch
from torch import Tensor

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """metadata: text by name, for the header's `__metadata__`. Raises OSError."""
    header, position = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        end = position + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file that `write` has written."""
    data = bytearray(path.read_bytes())
    start = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:start])
    metadata, kinds = header.pop("__metadata__"), {name: kind for kind, name in _NAMES.items()}
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        flat = torch.frombuffer(data, dtype=torch.uint8, count=end - first, offset=start + first)
        tensors[name] = flat.clone().view(kinds[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata
