"""Files of weights are read as torch.load reads them, whatever wrote them; other files are refused (see tests/fuzz)."""

import pickle
from collections import OrderedDict

import pytest
import torch
from torch import nn

from models.errors import WeightsError
from models.files.safe_load import read_untrusted
from models.files.wording import readable, some
from tests.fuzz.checkpoint_files import with_pickle
from tests.fuzz.hostile_pickles import before_1_6, endless_pickles, pickled, tensor

TENSORS = {
    "double": torch.arange(3.0).double(),
    "half": torch.arange(3.0).half(),
    "bfloat16": torch.arange(3.0).bfloat16(),
    "long": torch.arange(3),
    "int": torch.arange(3).int(),
    "short": torch.arange(3).short(),
    "char": torch.arange(3).char(),
    "byte": torch.arange(3).byte(),
    "bool": torch.tensor([True, False]),
    "one number": torch.tensor(2.5),
    "nothing": torch.zeros(0, 3),
    "channels last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    "part": torch.arange(10.0)[2:8:2],
    "turned": torch.arange(6.0).reshape(2, 3).t(),
    "expanded": torch.zeros(1).expand(5, 1),
    "parameter": nn.Parameter(torch.ones(2)),
}


@pytest.mark.parametrize("legacy", [False, True])
def test_every_kind_of_dense_tensor_comes_back(legacy, tmp_path):
    torch.save(TENSORS, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    loaded = read_untrusted(tmp_path / "a.pth")
    assert list(loaded) == list(TENSORS)
    for name, value in TENSORS.items():
        assert loaded[name].dtype == value.dtype and torch.equal(loaded[name], value), name
        assert loaded[name].stride() == value.stride() and not loaded[name].requires_grad


@pytest.mark.parametrize("legacy", [False, True])
def test_a_networks_and_an_optimisers_state_come_back(legacy, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 1, 4, 4)).sum().backward()
    optimizer.step()
    content = {"state_dict": model.state_dict(), "optimizer": optimizer.state_dict(), "best_acc": torch.tensor(3.0), "epoch": 2}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    loaded = read_untrusted(tmp_path / "a.pth")
    model.load_state_dict(loaded["state_dict"])
    optimizer.load_state_dict(loaded["optimizer"])
    assert loaded["epoch"] == 2


def test_views_of_one_storage_still_share_it(tmp_path):
    whole = torch.arange(6.0)
    torch.save({"a": whole[:3], "b": whole[3:], "all": whole}, tmp_path / "a.pth")
    loaded = read_untrusted(tmp_path / "a.pth")
    loaded["all"].zero_()
    assert not loaded["a"].any() and not loaded["b"].any()


def test_a_dict_as_python_2_pickled_it_comes_back(tmp_path):
    torch.save(OrderedDict(epoch=1), tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "a.pth").read_bytes()
    new = b"ccollections\nOrderedDict\nq\x00)Rq\x01X\x05\0\0\0epochq\x02K\x01s."
    assert new in data
    (tmp_path / "a.pth").write_bytes(data.replace(new, b"ccollections\nOrderedDict\n](](U\x05epochK\x01ee\x85R."))
    assert read_untrusted(tmp_path / "a.pth") == OrderedDict(epoch=1)


@pytest.mark.parametrize(
    "value",
    [
        torch.eye(3).to_sparse(),
        torch.empty(10**6, device="meta"),
        torch.ones(2, dtype=torch.complex64),
        torch.UntypedStorage(4),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.Size([3]),
        {1, 2},
        bytearray(3),
        {(1, 2): 3},
        nn.Linear(1, 1),
        2**64,
        torch.zeros(1).expand(10**5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_weight_is_refused(value, tmp_path):
    torch.save({"a": value}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"refused|damaged"):
        read_untrusted(tmp_path / "a.pth")


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_plain_pickle_is_refused(protocol, tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"a": 1}, protocol))
    with pytest.raises(WeightsError, match="not a file of weights"):
        read_untrusted(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (pickled({"a": tensor(size=(5,))}), "a tensor of the shape (5,) does not fit in its 16 bytes"),
        (pickled({"a": tensor(offset=1)}), "a tensor of the shape (4,) does not fit in its 16 bytes"),
        (pickled({"a": tensor(size=(2, 2), stride=(3, 1))}), "a tensor of the shape (2, 2) does not fit in its 16 bytes"),
        (pickled({"a": tensor(numel=2**31, size=(4,))}), "truncated or damaged"),
        (endless_pickles()["marks"], "it holds more than 500000 values"),
        (endless_pickles()["laughs in lists"], "nested without end"),
    ],
)
@pytest.mark.parametrize("wrapped", [with_pickle, before_1_6])
def test_what_claims_too_much_is_refused_before_it_is_read(payload, words, wrapped, tmp_path, monkeypatch):
    if words != "nested without end":  # that is seen in what was read
        monkeypatch.setattr(torch, "load", None)
    (tmp_path / "a.pth").write_bytes(
        wrapped(payload) if wrapped is with_pickle else wrapped(payload, ("0",) * (b"Q" in payload))
    )
    with pytest.raises(WeightsError) as error:
        read_untrusted(tmp_path / "a.pth")
    assert words in str(error.value)


def test_text_of_a_file_is_made_fit_for_a_message():
    assert readable("a\nb\x1b[2J\u2028\ud800c" + "d" * 100) == "a?b?[2J??c" + "d" * 50 + "…"
    assert readable("표정 인식") == "표정 인식"
    assert some(["a", "b\n", "c", "d", "e"]) == "a, b?, c and 2 more"
