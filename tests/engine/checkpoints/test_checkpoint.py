"""Checkpoints are written whole or not at all, and damaged ones are refused in one line."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

import main
from engine.checkpoints import validation
from engine.checkpoints.format import load_checkpoint
from engine.checkpoints.writing import save_checkpoint, share_checkpoint
from engine.config.flag import COMMAND
from engine.config.flags import FLAGS
from engine.errors import UsageError
from models import create_model
from models.files.checkpoint_content import CheckpointContent
from models.files.stand_ins import ForeignArray, ForeignDtype, Inert, recorder_history
from tests.fuzz.checkpoint_files import ARGS, ROW, signed, trained_content

CONTENT = CheckpointContent(
    run="r", model="poster_v2", classes=("a", "b"), state_dict={"w": torch.zeros(2)}, epoch=3,
    best={"epoch": 2, "valid_accuracy": 0.5}, history=[ROW], args={"lr": 1e-4},
).to_file()  # fmt: skip


def saved(path: Path, change: dict) -> Path:
    """A file of CONTENT with `change` and the checksum that fits it."""
    save_checkpoint(path.with_name("whole.pth"), CONTENT)
    torch.save(signed(torch.load(path.with_name("whole.pth"), weights_only=True) | change), path)
    return path


def refusal(path: Path) -> str:
    """The message that the file is refused with: one line that names it."""
    with pytest.raises(UsageError) as error:
        load_checkpoint(path, "--resume")
    message = str(error.value)
    assert len(message.splitlines()) == 1 and message.startswith(f"--resume {path}: ") and len(message) < 400 + len(str(path))
    return message


def test_what_is_saved_comes_back(tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    loaded = load_checkpoint(tmp_path / "a.pth", "--resume")
    assert (loaded.epoch, loaded.best, loaded.classes, loaded.args) == (3, CONTENT["best"], ("a", "b"), {"lr": 1e-4})
    assert not loaded.is_foreign and torch.equal(loaded.state_dict["w"], torch.zeros(2))
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    with pytest.raises(TypeError, match="a function"):
        save_checkpoint(tmp_path / "a.pth", CONTENT | {"history": [lambda: 0]})
    assert load_checkpoint(tmp_path / "a.pth", "--resume").epoch == 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_best_keeps_its_content_when_last_is_replaced(tmp_path):
    last, best = tmp_path / "last.pth", tmp_path / "best.pth"
    save_checkpoint(last, CONTENT)
    share_checkpoint(last, best)
    save_checkpoint(last, CONTENT | {"epoch": 4})
    assert load_checkpoint(best, "--evaluate").epoch == 3 and load_checkpoint(last, "--evaluate").epoch == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 3}, "newer version"),
        ({"format": "poster-reproductioo"}, "its format is unknown"),
        ({"version": "2"}, "its version is no number"),
        ({"epoch": "three"}, "its epoch is a str"),
        ({"epoch": -1}, "its epoch is -1"),
        ({"args": [1]}, "its args is a list"),
        ({"model": "vgg"}, "unknown network 'vgg'"),
        ({"model": "v\ngg" * 40}, "unknown network 'v?gg"),
        ({"model_options": {"head": "sphereface"}}, "unknown head 'sphereface'"),
        ({"model_options": {"head": []}}, "unknown head a list"),
        ({"model_options": {"variant": "rafdb"}}, "model_options are not poster_v2's"),
        ({"model_options": {"scale": float("nan")}}, "--scale nan"),
        ({"model_options": {"margin": "big"}}, "hold 'big' for margin"),
        ({"model_options": {"freeze_landmark_bn": 1}}, "hold 1 for freeze_landmark_bn"),
        ({"state_dict": {"w": 1}}, "not a tensor"),
        ({"state_dict": {}}, "holds no weights"),
        (
            {"state_dict": {"module.w": torch.zeros(1), "w": torch.ones(1)}},
            "with and without a wrapper's prefix such as 'module.'",
        ),
        ({"classes": ["a", "a"]}, "not all different"),
        ({"classes": ["a"]}, "no list of 2 or more names"),
        ({"classes": ["a", "b\0c"]}, "no list of 2 or more names"),
        ({"run": "../../etc"}, "no plain folder name"),
        ({"run": ".."}, "no plain folder name"),
        ({"best": {"epoch": 1}}, "best is no epoch"),
        ({"best": {"epoch": 1, "valid_accuracy": 2.0}}, "best is no epoch"),
        ({"history": [{"epoch": 1}]}, "no table of epochs"),
        ({"history": [ROW | {"another": 1.0}]}, "no table of epochs"),
        ({"history": [ROW | {"valid_loss": "low"}]}, "history holds no numbers"),
        ({"fingerprints": {"train": 3}}, "fingerprints are no text"),
        ({"pictures": {"train": torch.zeros(2)}}, "images are none"),
        ({"rng": {"cpu": torch.zeros(3, dtype=torch.uint8), "cuda": []}}, "no random state"),
        ({"rng": {"cpu": torch.get_rng_state()}}, "no random state"),
        ({"optimizer": {"state": {}}}, "no optimiser's state"),
        ({"progress": {"step": 1}}, "progress lacks a count"),
        ({"scaler": [1.0]}, "its scaler is a list"),
        ({"scaler": {"scale": 2.0, "steps": 1, "more": 1}}, "not the state of a loss scaler"),
    ],
)
def test_damaged_content_is_named(change, words, tmp_path):
    assert words in refusal(saved(tmp_path / "a.pth", change))


@pytest.mark.parametrize("name", [key.name for key in fields(CheckpointContent) if key.name != "scaler"])
def test_a_key_that_lacks_is_named(name, tmp_path):
    save_checkpoint(tmp_path / "a.pth", {key: value for key, value in CONTENT.items() if key != name})
    assert f"it lacks its {name}" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data_type": "ImageNet"}, "'ImageNet' for data_type"),
        ({"data": 5}, "hold 5 for data"),
        ({"loss": "hinge"}, "'hinge' for loss"),
        ({"transform": ["flip"]}, "a list for transform"),
        ({"optimizer": None}, "a NoneType for optimizer"),
        ({"batch_size": 0}, "--batch-size 0: must be at least 1"),
        ({"batch_size": True}, "hold True for batch_size"),
        ({"lr": float("inf")}, "--lr inf"),
        ({"workers": 100_000}, "--workers 100000: must be at most 1024"),
        ({"pretrained": "models\0"}, "for pretrained"),
        ({"elsewhere": {"a": 1}}, "a dict for elsewhere"),
        ({3: 4}, "without a name"),
    ],
)
def test_settings_that_no_flag_would_take_are_refused(change, words, tmp_path):
    assert words in refusal(saved(tmp_path / "a.pth", {"args": ARGS | change}))


def test_whatever_the_command_line_takes_may_be_stored():
    for action in main.get_args_parser()._actions:
        if action.choices and action.dest != "model" and FLAGS[action.dest].lifetime != COMMAND:
            assert set(validation._CHOICES[action.dest]) == set(action.choices), action.dest


def test_names_that_a_file_system_has_are_no_damage(tmp_path):
    names = ["기쁨", "a\u3000b", "tab\t", "\udcff"]
    assert load_checkpoint(saved(tmp_path / "a.pth", {"classes": names}), "--resume").classes == tuple(names)


@pytest.mark.parametrize(
    ("moments", "words"),
    [
        ({"step": torch.tensor(-1.0)}, "a step that is no count"),
        ({"step": None}, "a step that is no count"),
        ({"exp_avg": [1.0]}, "moments that are no tensors"),
        ({"exp_avg_sq": torch.full((10,), float("nan"))}, "its optimiser state is not finite: 1 of its"),
        ({"velocity": torch.zeros(10)}, "of no known optimiser"),
    ],
)
def test_moments_that_no_optimiser_could_use_are_refused(moments, words, tmp_path):
    content = trained_content()
    content["optimizer"]["state"][1] |= moments
    torch.save(signed(content), tmp_path / "a.pth")
    assert words in refusal(tmp_path / "a.pth")


def test_weights_that_are_not_finite_are_counted_and_the_first_is_named(tmp_path):
    weights = {"a": torch.zeros(3), "b": torch.tensor([1.0, float("nan"), float("inf")]), "c": torch.full((2,), -float("inf"))}
    message = refusal(saved(tmp_path / "a.pth", {"state_dict": weights}))
    assert "not finite: 2 of its 3 tensors hold NaN or infinity, first b (2 of 3 values)" in message
    bare = create_model("deep_emotion", 3).state_dict()
    bare["fc2.bias"][1] = float("nan")
    torch.save(bare, tmp_path / "bare.pth")
    assert "first fc2.bias (1 of 3 values)" in refusal(tmp_path / "bare.pth")


def test_a_changed_value_is_refused_by_the_checksum(tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    content = torch.load(tmp_path / "a.pth", weights_only=True)
    for change in ({"epoch": 4}, {"checksum": None}, {"state_dict": {"w": torch.tensor([0.0, 1e-38])}}):
        torch.save(content | change, tmp_path / "b.pth")
        assert "its checksum does not match; use another copy" in refusal(tmp_path / "b.pth")
    del content["checksum"]
    torch.save(content, tmp_path / "b.pth")
    assert "its checksum does not match" in refusal(tmp_path / "b.pth")


def foreign(array: np.ndarray) -> ForeignArray:
    out = ForeignArray()
    out.__setstate__((1, array.shape, ForeignDtype(array.dtype.str[1:]), False, array.tobytes()))
    return out


def test_recorder_becomes_history_and_an_unusable_one_becomes_none():
    recorder = Inert()
    recorder.epoch_losses = foreign(np.array([[30, 60], [15, 45]], dtype="f4"))
    recorder.epoch_accuracy = foreign(np.array([[50, 40], [60, 55]], dtype="f4"))
    first, second = recorder_history(recorder, 2)
    assert (first["train_loss"], first["valid_loss"], second["valid_accuracy"]) == (1.0, 2.0, pytest.approx(0.55))
    assert recorder_history(recorder, 3) == [] and recorder_history(None, 1) == []
    recorder.epoch_losses.data = b"short"
    assert recorder_history(recorder, 2) == []


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    assert load_checkpoint(tmp_path / "a.pth", "--resume", {"model": "poster_v2"}).model == "poster_v2"
    with pytest.raises(UsageError, match=r"--model other: .*a\.pth holds poster_v2"):
        load_checkpoint(tmp_path / "a.pth", "--resume", {"model": "other"})
