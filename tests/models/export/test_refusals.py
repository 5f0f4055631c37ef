"""python -m models.export: what it refuses, in one line and without leaving a file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models import load_model
from models.export import formats
from models.export.source import open_source
from tests.command_line import refused_untouched
from tests.models.export.exporting import export


@pytest.mark.parametrize("spoil", [lambda found: found + 1, lambda found: found * np.nan])
def test_a_file_that_computes_something_else_is_an_error_and_leaves_nothing(spoil, checkpoint, monkeypatch, capsys):
    right = formats.run_pt2
    monkeypatch.setattr(formats, "run_pt2", lambda path: lambda images: spoil(right(path)(images)))
    assert export(checkpoint, "--format", "pt2", "--out", "a.pt2") == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "does not compute what the network computes" in error and not list(Path().iterdir())


def refused(capsys, words: str, *arguments: object) -> None:
    assert words in refused_untouched(capsys, *arguments, run=export)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "there/a.pt2"], "there is no folder there"),
        (["--out", "exists"], "exists; remove it"),
        (["--format", "safetensors", "--softmax"], "computes nothing"),
        (["--int8", "data"], "--int8 goes with --format onnx"),
        (["--half"], "deep_emotion is computed in float32"),
        (["--classes", "a,b,c"], "names its classes"),
        (["--images", "nowhere"], "--images nowhere: no such file or folder"),
        (["--images", "empty"], "no images there"),
        (["--images", "exists"], "unreadable image"),
        (["--labelled", "nowhere"], "--labelled nowhere: no such folder"),
        (["--labelled", "data"], "fear is none of the network's classes"),
        (["--format", "tflite"], "--format: invalid choice"),
    ],
)
def test_wrong_flags_are_one_line_and_write_nothing(arguments, words, checkpoint, make_faces, capsys):
    Path("exists").write_bytes(b"no image")
    Path("empty").mkdir()
    make_faces(Path(), {"data": {"anger": 1, "fear": 1}})
    refused(capsys, words, checkpoint, "--format", "pt2", "--out", "a.pt2", *arguments)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.pth", "missing.pth: no such file"),
        ("published:vgg", "unknown published network; known: published:rafdb, "),
        ("published:rafdb", "python -m models.fetch poster_v2-rafdb"),
        ("text.pth", "text.pth: "),
    ],
)
def test_what_is_no_checkpoint_is_one_line(name, words, capsys):
    Path("text.pth").write_text("no checkpoint")
    refused(capsys, words, name, "--format", "pt2", "--out", "a.pt2")


def test_a_missing_package_and_8_bits_without_labels_are_said_before_any_work(checkpoint, monkeypatch, capsys):
    monkeypatch.setitem(formats.PACKAGES, "onnx", ("surely_not_installed",))
    refused(
        capsys,
        "needs surely_not_installed: python -m pip install -r requirements-extras.txt",
        checkpoint,
        "--format",
        "onnx",
        "--out",
        "a",
    )
    monkeypatch.setitem(formats.PACKAGES, "onnx", ())
    refused(capsys, "--labelled DIR", checkpoint, "--format", "onnx", "--out", "a", "--int8", "data")


def test_a_folder_that_cannot_be_written_is_one_line(checkpoint, monkeypatch, capsys):
    def denied(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(formats, "write_weights", denied)
    refused(capsys, "a.st: cannot be written (Permission denied)", checkpoint, "--format", "safetensors", "--out", "a.st")


def test_outputs_without_names_are_numbered_or_named(checkpoint, capsys):
    torch.save(load_model(checkpoint).state_dict(), "bare.pth")
    assert open_source("bare.pth", "a, b,c").classes == ("a", "b", "c")
    assert open_source("bare.pth", None).classes == ("0", "1", "2")
    assert export("bare.pth", "--format", "safetensors", "--out", "a.safetensors") == 0
    assert "the outputs are called 0 to 2 (--classes" in capsys.readouterr().out
    for wrong in ("a,b", "a,a,b", "a,,b"):
        refused(capsys, "give 3 different names", "bare.pth", "--format", "pt2", "--out", "a.pt2", "--classes", wrong)
