"""Weights under other programs' entries and prefixes: found, said, and nothing left out without a word."""

import argparse
import collections
import datetime
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.errors import WeightsError
from models.files.safe_load import read_untrusted
from models.files.stand_ins import Inert, stand_ins
from models.files.wrappers import find_weights, unwrapped
from tests.fuzz.checkpoint_files import file_bytes

STATE = {"localization.0.weight": torch.zeros(1), "fc2.bias": torch.ones(2)}


def under(prefix: str) -> dict:
    return {prefix + name: value for name, value in STATE.items()}


@pytest.mark.parametrize(
    "prefix",
    ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.", "network.", "module.net._orig_mod."],
)
def test_prefixes_are_removed_alone_and_one_in_the_other(prefix):
    found = unwrapped(under(prefix))
    assert found.tensors == STATE and found.prefix == prefix and not found.left_out
    assert found.told == f"; without the prefix {prefix!r}"


def test_a_compiled_part_of_the_network_and_a_name_that_only_looks_alike():
    assert unwrapped({"fc2._orig_mod.bias": torch.ones(2)}).tensors.keys() == {"fc2.bias"}
    alike = {"my_module.a": torch.ones(1), "models.b": torch.ones(1), "model": torch.ones(1)}
    assert unwrapped(alike).tensors == alike and unwrapped(alike).told == ""


def test_what_lies_beside_the_network_is_named():
    found = unwrapped({**under("model."), "criterion.weight": torch.ones(7)})
    assert found.tensors == STATE and found.left_out == ("criterion.weight",)
    assert "1 left out that lie beside the network: criterion.weight" in found.told


def test_two_names_that_become_one_are_refused():
    with pytest.raises(WeightsError, match="holds a name twice"):
        unwrapped({**STATE, **under("module.")})


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model", "net", "network", "weights", "ema", "model_ema"])
def test_every_container(name):
    found = find_weights({"epoch": 3, name: under("_orig_mod."), "optimizer": {"state": {}}})
    assert found.tensors == STATE
    assert found.told == f"; from its {name!r}, without the prefix '_orig_mod.'"


def test_of_several_the_trained_weights_are_taken_and_the_averaged_ones_named():
    found = find_weights({"model_ema": under(""), "model": under(""), "net": "resnet"})
    assert found.container == "model" and "left out, though weights as well: its 'model_ema'" in found.told


@pytest.mark.parametrize("content", [{"epoch": 3}, {"model": {}}, {"model": {**STATE, "more": 3}}, [], None, {}])
def test_without_weights(content):
    with pytest.raises(WeightsError, match=r"holds no weights|is no state dict"):
        find_weights(content)


def test_names_of_any_length_take_no_time():
    key = "module." * 150_000 + "model." * 150_000 + "a"
    assert len(unwrapped({key: torch.zeros(1)}).tensors) == 1


@pytest.mark.parametrize("legacy", [False, True])
def test_settings_beside_the_weights_are_read_as_inert_stand_ins(legacy, tmp_path):
    settings = argparse.Namespace(
        lr=1e-3, out=Path("a/b"), begun=datetime.datetime(2024, 1, 2), took=datetime.timedelta(3), kind=int, text=str,
        device=torch.device("cuda:0"), dtype=torch.float16, more=types.SimpleNamespace(a=[1]), best=np.float64(3),
        counts=collections.Counter("aab"), table=collections.defaultdict(list, {"a": [1]}), curve=np.zeros(3),
    )  # fmt: skip
    (tmp_path / "a.pth").write_bytes(file_bytes({"model": STATE, "args": settings}, legacy))
    found = read_untrusted(tmp_path / "a.pth", stand_ins())
    assert type(found["args"]) is Inert and type(found["args"].out) is Inert and type(found["args"].more) is Inert
    assert found["args"].lr == 1e-3 and found["args"].table == {"a": [1]} and found["args"].counts == {"a": 2, "b": 1}
    assert found["args"].device == torch.device("cuda:0") and found["args"].dtype is torch.float16
    assert torch.equal(find_weights(found).tensors["fc2.bias"], STATE["fc2.bias"])


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("content", [nn.Linear(1, 1), {"epoch": 1, "model": nn.Linear(1, 1)}], ids=["alone", "inside"])
def test_a_whole_pickled_network_is_refused_with_the_remedy(content, legacy, tmp_path):
    (tmp_path / "a.pth").write_bytes(file_bytes(content, legacy))
    with pytest.raises(WeightsError, match=r"holds a whole pickled network \(torch\.nn\..*save\(model\.state_dict\(\), FILE\)"):
        read_untrusted(tmp_path / "a.pth", stand_ins())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>", "a web page ('Google Drive - Virus"),
        (b"\n  <html lang=en>" + "é".encode() * 4000, "is a web page, which a server sent in place of the file"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "is a Git LFS pointer"),
        (b"\n404: Not Found", "is a text file, not a file of weights (it begins '404: Not Found')"),
        (b'{"weight_map": {}}', "is a text file"),
        (b"\x1f\x8b\x08\0", "is packed by gzip; unpack it first"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, as Keras writes them"),
    ],
)
def test_another_file_is_called_what_it_is(data, words, tmp_path):
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(WeightsError) as error:
        read_untrusted(tmp_path / "a.pth")
    assert words in str(error.value) and "\n" not in str(error.value)


def test_an_archive_of_something_else_is_called_what_it_is(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    with pytest.raises(WeightsError, match="is a NumPy archive"):
        read_untrusted(tmp_path / "arrays.npz")
    with zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("download/best.pth", b"x" * 100)
    with pytest.raises(WeightsError, match=r"a zip archive without weights \(it holds download/best\.pth\); unpack it"):
        read_untrusted(tmp_path / "b.pth")
