"""What a user names and cannot have is refused or said; what a checkpoint or a default says is not."""

import re
import warnings

import pytest
import torch

from engine import network
from engine.commands import launch
from engine.config import wishes
from engine.config.flags import FLAGS
from engine.config.settings import check_flags, resolve
from engine.distributed import Group
from engine.errors import UsageError
from models import create_model


def device(flags: dict, stored: dict) -> tuple[torch.device, list[str]]:
    said = []
    return network.choose_device(resolve(flags, stored), flags, said.append), said


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Some GPU")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "compute_120"])


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_named_device_that_is_not_there_is_refused_and_a_stored_one_gives_way(no_gpu, name):
    with pytest.raises(UsageError, match=f"--device {name}: PyTorch .* finds no {name.upper()} device; use --device cpu"):
        device({"device": name}, {})
    chosen, said = device({}, {"device": name})
    assert chosen.type == "cpu" and re.match(f"no {name.upper()} (device|GPU is available): using the CPU", said[0])
    assert device({"device": "cpu"}, {"device": name}) == (torch.device("cpu"), [])


def test_a_default_device_falls_back_with_a_word(no_gpu):
    assert device({}, {})[1] and device({"device": "auto"}, {})[1]


def test_hidden_gpus_and_an_old_driver_are_told_in_one_line(no_gpu, monkeypatch, recwarn):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UsageError, match=r"--gpu 0: .*\(CUDA_VISIBLE_DEVICES hides them all\)"):
        device({"gpu": "0"}, {})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")

    def warns() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old (found version 11040).", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", warns)
    with pytest.raises(UsageError, match=r"the NVIDIA driver \(it is for CUDA 11.4\) is older than this PyTorch's CUDA"):
        device({"gpu": "0"}, {})
    with pytest.raises(UsageError, match=r"--gpu 0,1: .* update the driver"):
        launch.launch([0, 1], ["main.py"])
    chosen, said = device({}, {})
    assert chosen.type == "cpu" and "update the driver" in said[0] and len(said) == 1 and not recwarn.list


def test_a_gpu_older_than_pytorchs_kernels_is_refused_where_it_was_named(two_gpus, monkeypatch):
    assert device({"gpu": "1"}, {})[0] == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (6, 1))
    with pytest.raises(UsageError, match=r"--gpu 1: Some GPU has compute capability 6.1, .* built for 7.5 and later"):
        device({"gpu": "1"}, {})
    chosen, said = device({}, {})
    assert chosen.type == "cpu" and "Some GPU has compute capability 6.1" in said[0]


def test_the_device_of_several_processes_is_that_of_the_checkpoint_unless_it_is_named(two_gpus):
    second = Group(rank=1, size=2, local_rank=1)
    for flags, stored, expected in (
        ({}, {"device": "cpu"}, torch.device("cpu")),
        ({"gpu": "0,1"}, {"device": "cpu"}, torch.device("cuda", 1)),
        ({}, {}, torch.device("cuda", 1)),
    ):
        assert network.choose_device(resolve(flags, stored), flags, print, second) == expected
    with pytest.raises(UsageError, match="--nproc_per_node: process 2 has no GPU, this machine has 2"):
        network.choose_device(resolve({}, {}), {}, print, Group(rank=2, size=3, local_rank=2))


def test_a_named_gpu_wins_over_the_device_of_a_checkpoint(two_gpus):
    assert device({"gpu": "1"}, {"device": "cpu"}) == (torch.device("cuda", 1), [])
    with pytest.raises(UsageError, match="--gpu 2: unknown GPU, this machine has 2"):
        device({"gpu": "2"}, {"device": "cpu"})


@pytest.mark.parametrize(("gpu", "name"), [("0", "cpu"), ("0", "mps"), ("0,1", "mps")])
def test_gpu_and_another_device_exclude_each_other(gpu, name):
    with pytest.raises(UsageError, match=f"--gpu {gpu} and --device {name} exclude"):
        check_flags({"gpu": gpu, "device": name})


def test_several_gpus_need_gpus_unless_the_cpu_is_named(no_gpu):
    check_flags({"gpu": "0,1", "device": "cpu"})
    with pytest.raises(UsageError, match="--gpu 0,1: no CUDA GPU is available; with --device cpu it starts 2 CPU processes"):
        launch.launch([0, 1], ["main.py"])


@pytest.mark.parametrize("flags", [{"pretrained": "models/pretrain"}, {"feature_lr_scale": 0.1}])
def test_backbones_of_a_network_that_has_none_are_refused(flags):
    stored = {"model": "deep_emotion", "data": "faces"}
    with pytest.raises(UsageError, match=r"deep_emotion has no .*backbones"):
        resolve(stored | flags, {})
    with pytest.raises(UsageError, match=r"deep_emotion has no .*backbones"):
        resolve(flags, stored)
    resolve({}, stored | flags)
    resolve({**stored, "pretrained": "none", "feature_lr_scale": 1.0}, {})
    resolve({**flags, "data": "faces"}, {})


def test_a_named_folder_without_backbones_is_refused_and_the_default_one_is_warned_of(tmp_path):
    model = create_model("poster_v1_small", 2)
    said = []
    for folder, named in ((tmp_path / "missing", "no such folder"), (tmp_path, "holds neither ir50.pth nor mobile")):
        with pytest.raises(UsageError, match=f"--pretrained {folder}: {named}"):
            network.load_backbones(model, str(folder), said.append, named=True)
        network.load_backbones(model, str(folder), said.append)
    assert len(said) == 2 and all(text.startswith("warning: ir50.pth and") for text in said)
    network.load_backbones(model, "none", said.append, named=True)
    assert len(said) == 2


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"evaluate": "x", "lr": 1.0, "epochs": 3, "batch_size": 4}, "without effect: --epochs, --lr (nothing is trained)"),
        ({"evaluate": "x", "sync_bn": True}, "without effect: --sync-bn (nothing is trained)"),
        (
            {"evaluate": "x", "predict": ["y"], "data": "d"},
            "without effect: --data (the images are those that --predict names)",
        ),
        ({"resume": "x", "pretrained": "d", "lr": 1.0}, "without effect: --pretrained (the weights are the checkpoint's)"),
        ({"resume": "auto", "pretrained": "d"}, ""),
        ({"sync_bn": True}, "without effect: --sync-bn (one process trains, whose BatchNorm sees the whole batch)"),
        ({"evaluate": "x", "data": "d", "split": "valid", "cache": "off", "augmentation": False}, ""),
        ({"lr": 1.0, "pretrained": "d"}, ""),
    ],
)
def test_flags_without_effect_are_named_in_one_line(flags, expected):
    assert wishes.without_effect(flags) == expected


def test_several_processes_synchronise():
    assert wishes.without_effect({"sync_bn": True}, processes=2) == ""


def test_the_lists_of_flags_hold_flags():
    assert {*wishes._OF_TRAINING, *wishes._NOT_OF_GIVEN_IMAGES, *wishes._OF_A_START} <= FLAGS.keys()
    used = {"columns", "root", "subject_regex", "split_seed", "folds", "fold", "group"}
    used |= {"data", "data_type", "channel_order", "split", "skip_bad_images", "occlude_eval", "cache", "workers", "model",
            "head", "margin", "scale", "h", "batch_size", "resume", "evaluate", "predict", "draw", "explain",
            "deletion", "margin_at_eval", "run", "out", "stall_seconds", "seed", "seeds", "tensorboard", "device", "precision",
             "gpu", "tf32", "deterministic", "config", "faces", "align", "finder", "finder_model", "every",
             "smooth"}  # fmt: skip
    assert not used & wishes._OF_TRAINING
    assert used | wishes._OF_TRAINING == FLAGS.keys()  # a new flag belongs to one of the two
