"""A folder or an image where a checkpoint's file was expected."""

from pathlib import Path

import pytest
from PIL import Image

from engine.checkpoints.format import load_checkpoint
from engine.errors import UsageError


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("checkpoint/r1/best.pth", "checkpoint/r1/last.pth", "checkpoint/r2/best.pth", "weights/ir50.pth"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    for name in ("log/r1", "faces/train/angry", "empty"):
        Path(name).mkdir(parents=True)
    Image.new("RGB", (8, 8)).save("face.png")


@pytest.mark.parametrize(
    ("flag", "given", "words"),
    [
        ("--evaluate", "checkpoint/r1", "is a folder; give checkpoint/r1/best.pth"),
        ("--resume", "checkpoint/r1", "is a folder; give checkpoint/r1/last.pth"),
        ("--evaluate", "log/r1", "is a folder; give checkpoint/r1/best.pth"),
        ("--evaluate", "checkpoint", "is a folder; give checkpoint/r1/best.pth or another of the 2 in it"),
        ("--evaluate", "weights", "is a folder; give weights/ir50.pth"),
        ("--evaluate", "faces", "is a folder; a data set is named by --data faces, and --evaluate names a checkpoint's file"),
        ("--resume", "empty", "is a folder; name the file in it (last.pth of a run)"),
        ("--evaluate", "face.png", "is an image; --evaluate FILE --predict face.png predicts its class"),
    ],
)
def test_what_to_give_instead_is_named(flag, given, words):
    with pytest.raises(UsageError) as caught:
        load_checkpoint(given, flag)
    assert str(caught.value).startswith(f"{flag} {given}: {words}")
