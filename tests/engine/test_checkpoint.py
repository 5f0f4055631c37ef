"""Checkpoints are written whole or not at all, and damaged ones are refused in one line."""

import numpy as np
import pytest
import torch

from engine.checkpoint import load_checkpoint
from engine.errors import UsageError
from engine.foreign import ForeignArray, ForeignDtype, Recorder, recorder_history
from engine.saving import save_checkpoint, share_checkpoint

CONTENT = dict(
    run="r", model="poster_v2", model_options={}, classes=["a", "b"], state_dict={"w": torch.zeros(2)}, optimizer=None,
    epoch=3, best={"epoch": 2, "valid_accuracy": 0.5}, history=[{"epoch": 1}], rng=None, args={"lr": 1e-4}, fingerprints={},
)  # fmt: skip


def test_what_is_saved_comes_back(tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    loaded = load_checkpoint(tmp_path / "a.pth", "--resume")
    assert (loaded.epoch, loaded.best, loaded.classes, loaded.args) == (3, CONTENT["best"], ("a", "b"), {"lr": 1e-4})
    assert not loaded.is_foreign and torch.equal(loaded.state_dict["w"], torch.zeros(2))
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    with pytest.raises(Exception, match="pickle"):
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
        ({"version": 2}, "newer version"),
        ({"epoch": "three"}, "its epoch is a str"),
        ({"args": [1]}, "its args is a list"),
        ({"model": "vgg"}, "unknown network 'vgg'"),
        ({"model_options": {"head": "sphereface"}}, "unknown head 'sphereface'"),
        ({"state_dict": {"w": 1}}, "not a tensor"),
        ({"state_dict": {}}, "holds no weights"),
    ],
)
def test_damaged_content_is_named(change, words, tmp_path):
    save_checkpoint(tmp_path / "a.pth", CONTENT)
    torch.save(torch.load(tmp_path / "a.pth", weights_only=True) | change, tmp_path / "b.pth")
    with pytest.raises(UsageError, match=words):
        load_checkpoint(tmp_path / "b.pth", "--resume")


def foreign(array: np.ndarray) -> ForeignArray:
    out = ForeignArray()
    out.__setstate__((1, array.shape, ForeignDtype(array.dtype.str[1:]), False, array.tobytes()))
    return out


def test_recorder_becomes_history_and_an_unusable_one_becomes_none():
    recorder = Recorder()
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
