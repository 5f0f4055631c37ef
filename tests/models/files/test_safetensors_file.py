"""Safetensors files: what the format's library writes comes back; a header that is not true is refused (see tests/fuzz)."""

import json
import struct

import pytest
import torch

from models.errors import WeightsError
from models.files.safe_load import read_untrusted
from tests.fuzz.checkpoint_files import safetensors_bytes, with_header

FOUR = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
DATA = struct.pack("<4f", 0, 1, 2, 3)


def read(data: bytes, folder) -> object:
    (folder / "a.safetensors").write_bytes(data)
    return read_untrusted(folder / "a.safetensors")


def test_names_shapes_types_and_values_come_back_in_order(tmp_path):
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a.c": torch.tensor(7), "no": torch.zeros(0, 3), "d": torch.ones(1)}
    found = read(safetensors_bytes(tensors, {"format": "pt"}), tmp_path)
    assert list(found) == list(tensors)
    for name, value in tensors.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape and torch.equal(found[name], value)


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        ("F64", struct.pack("<d", 0.1), torch.tensor([0.1], dtype=torch.float64)),
        ("F16", struct.pack("<e", 0.5), torch.tensor([0.5]).half()),
        ("BF16", b"\x80\x3f", torch.tensor([1.0]).bfloat16()),
        ("I32", b"\xff" * 4, torch.tensor([-1]).int()),
        ("I16", b"\1\1", torch.tensor([257]).short()),
        ("I8", b"\xff", torch.tensor([-1]).char()),
        ("U8", b"\xff", torch.tensor([255]).byte()),
        ("BOOL", b"\1", torch.tensor([True])),
    ],
)
def test_every_type(kind, data, value, tmp_path):
    found = read(with_header({"a": {"dtype": kind, "shape": [1], "data_offsets": [0, len(data)]}}, data), tmp_path)["a"]
    assert found.dtype == value.dtype and torch.equal(found, value)


def test_tensors_may_be_listed_in_another_order_than_they_lie(tmp_path):
    header = {"b": FOUR | {"shape": [1], "data_offsets": [12, 16]}, "a": FOUR | {"shape": [3], "data_offsets": [0, 12]}}
    found = read(with_header(header, DATA), tmp_path)
    assert list(found) == ["b", "a"] and found["b"].tolist() == [3] and found["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (with_header({"a": FOUR}, DATA)[:-1], "the data of a are not in the file"),
        (with_header({"a": FOUR}, DATA)[:40], "it ends within its header"),
        (with_header({"a": FOUR}, DATA, length=2**63), "it ends within its header"),
        (with_header({"a": FOUR}, DATA, length=20), "its header is no JSON"),
        (with_header(b'{"a":' + b" " * (5 << 20)), "its header of 5 MB is longer"),
        (with_header({"a": FOUR, "b": FOUR}, DATA), "the data of b overlap with others"),
        (with_header({"a": FOUR | {"shape": [3], "data_offsets": [4, 16]}}, DATA), "the data of a do not follow the former"),
        (with_header({"a": FOUR}, DATA + DATA), "32 bytes of data where its header says 16"),
        (with_header({"a": FOUR | {"dtype": "F8_E4M3"}}, DATA), "its tensor a is of the type F8_E4M3, none of F64"),
        (with_header({"a": FOUR | {"shape": [5]}}, DATA), "the shape [5] of a is not that of its 16 bytes"),
        (with_header({"a": FOUR | {"shape": [2**31, 0, 2**31], "data_offsets": [0, 0]}}), "the shape"),
        (with_header({"a": FOUR | {"shape": [True]}}, DATA), "the shape of a is none"),
        (with_header({"a": FOUR | {"shape": [1] * 17}}, DATA), "the shape of a is none"),
        (with_header({"a": FOUR | {"data_offsets": [16, 0]}}, DATA), "the data of a are not in the file"),
        (with_header({"a": FOUR | {"more": 1}}, DATA), "the header's entry a is none of a tensor"),
        (with_header(b'{"a":' + json.dumps(FOUR).encode() + b',"a":' + json.dumps(FOUR).encode() + b"}", DATA), "no JSON"),
        (with_header(b'{"a":' + b"[" * 100_000, DATA), "its header is no JSON"),
        (with_header({"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\2"), "neither true nor false"),
    ],
)
def test_a_header_that_is_not_true_is_refused(data, words, tmp_path):
    with pytest.raises(WeightsError) as error:
        read(data, tmp_path)
    assert words in str(error.value) and "\n" not in str(error.value)
