"""`--finetune FILE`: all but the head is the file's; the head is new, permuted, or the outputs that are wanted."""

import shutil
from pathlib import Path

import pytest
import torch

import main
from engine.checkpoints.writing import save_checkpoint
from engine.finetuning import outputs_of_head
from models import MODELS

SMALL = ["-b", "4", "-j", "0", "--cache", "off", "--epochs", "1", "--lr", "1e-30"]  # weights stay as they start
HEAD = ("fc2.weight", "fc2.bias")


def run(*arguments: object) -> int:
    return main.main([str(a) for a in arguments])


def refused(capsys, *arguments: object) -> str:
    """The one line that the command ends with."""
    capsys.readouterr()
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


def weights(file: str) -> dict:
    return torch.load(file, weights_only=True)["state_dict"]


def started(name: str, capsys, data: str, *more: object) -> tuple[dict, str]:
    """The weights that a run from `first` starts with, and what it says."""
    capsys.readouterr()
    source = "checkpoint/first/last.pth"
    assert run("--data", data, *SMALL, "--finetune", source, "--run", name, *more) == 0
    return weights(f"checkpoint/{name}/last.pth"), capsys.readouterr().out


@pytest.fixture(scope="module")
def work(tmp_path_factory, make_faces):
    """Data of three classes, of two of them, of the same in another order by other names, and of one more; a run `first`."""
    folder = tmp_path_factory.mktemp("finetune")
    kinds = {"abc": ["angry", "happy", "sad"], "two": ["happy", "sad"], "order": ["happiness", "anger", "sadness"],
             "more": ["angry", "happy", "sad", "surprise"]}  # fmt: skip
    for name, classes in kinds.items():
        split = dict.fromkeys(classes, 2)
        make_faces(folder / name, {"train": split, "valid": split})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("--data", "abc", "--model", "deep_emotion", *SMALL[:-1], "1e-2", "--run", "first") == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def same(ours: dict, first: dict) -> bool:
    """Whether all parameters but the head's are the same; zeros have moved by the rate, BatchNorm's statistics in the epoch."""
    kept = [key for key in first if key not in HEAD and not key.startswith("norm.") and first[key].is_floating_point()]
    return bool(kept) and all(torch.allclose(ours[key], first[key], rtol=0, atol=1e-25) for key in kept)


def test_a_class_that_the_file_lacks_makes_the_whole_head_new(capsys):
    ours, said = started("more", capsys, "more")
    assert same(ours, weights("checkpoint/first/last.pth")) and ours["fc2.weight"].shape[0] == 4
    assert "the head is new (2 tensors), 3 outputs -> 4: no output for surprise" in said


def test_the_same_classes_by_other_names_keep_the_head_in_their_order(capsys):
    ours, said = started("order", capsys, "order")
    first = weights("checkpoint/first/last.pth")
    assert same(ours, first)
    assert torch.equal(ours["fc2.weight"], first["fc2.weight"][torch.tensor([0, 1, 2])])  # anger, happiness, sadness
    assert "the head too (2 tensors): the same 3 classes" in said


def test_some_of_the_classes_take_their_outputs_of_the_head(capsys):
    ours, said = started("two", capsys, "two")
    first = weights("checkpoint/first/last.pth")
    assert same(ours, first) and torch.equal(ours["fc2.weight"], first["fc2.weight"][1:])
    assert torch.equal(ours["fc2.bias"], first["fc2.bias"][1:]) and "outputs of happy, sad too (2 of 3)" in said


def test_outputs_in_another_order_are_permuted(capsys):
    content = torch.load("checkpoint/first/last.pth", weights_only=True)
    order = torch.tensor([2, 0, 1])
    content["classes"] = [content["classes"][k] for k in order]
    for key in HEAD:
        content["state_dict"][key] = content["state_dict"][key][order]
    del content["checksum"]
    save_checkpoint(Path("turned.pth"), {k: v for k, v in content.items() if k not in ("format", "version")})
    assert run("--data", "abc", *SMALL, "--finetune", "turned.pth", "--run", "turned") == 0
    said, first = capsys.readouterr().out, weights("checkpoint/first/last.pth")
    assert "its 3 outputs put in the order angry, happy, sad" in said
    assert all(torch.equal(weights("checkpoint/turned/last.pth")[key], first[key]) for key in HEAD)


def test_bare_weights_name_no_classes_and_get_a_new_head(capsys):
    torch.save(weights("checkpoint/first/last.pth"), "bare.pth")
    assert run("--data", "abc", *SMALL, "--finetune", "bare.pth", "--run", "bare") == 0
    assert "the head is new (2 tensors), 3 outputs -> 3: the file names no classes" in capsys.readouterr().out


def test_the_run_goes_on_from_its_own_checkpoint(capsys):
    started("goes_on", capsys, "more")
    arguments = ["--data", "more", *SMALL, "--epochs", 2, "--finetune", "checkpoint/first/last.pth", "--run", "goes_on"]
    assert run(*arguments, "--resume", "auto") == 0
    said = capsys.readouterr().out
    assert "resuming" in said and "the head is new" not in said
    assert run("--resume", "checkpoint/goes_on/last.pth", "--epochs", 3) == 0


def test_wrong_wishes_are_refused(capsys):
    file = "checkpoint/first/last.pth"
    assert "no such file" in refused(capsys, "--data", "abc", "--finetune", "nothing.pth")
    assert "exclude each other" in refused(capsys, "--finetune", file, "--resume", file)
    assert "exclude each other" in refused(capsys, "--finetune", file, "--evaluate", file)
    assert "leave --model out" in refused(capsys, "--data", "abc", "--finetune", file, "--model", "poster_v2")
    assert "published" in refused(capsys, "--data", "abc", "--finetune", "published:nothing")
    Path("text.pth").write_text("no weights")
    assert "text.pth" in refused(capsys, "--data", "abc", "--finetune", "text.pth")


def test_the_head_is_what_changes_with_the_number_of_classes():
    assert outputs_of_head("deep_emotion", {}) == {"fc2.weight": 0, "fc2.bias": 0}
    defaults = {name: None for name in MODELS["poster_v2"].options} | {"head": "cosface", "scale": 64.0, "h": 0.3}
    defaults |= {"freeze_landmark_bn": False}
    heads = outputs_of_head("poster_v2", {name: defaults[name] for name in MODELS["poster_v2"].options})
    assert [(key.endswith("kernel"), axis) for key, axis in heads.items()] == [(True, 1)]
