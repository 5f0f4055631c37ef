"""An exported safetensors file is tested as its checkpoint is: its classes, recipe and preprocessing come back with it."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from data_preprocessing.synthetic.command import write_synthetic
from models import create_model
from models.errors import WeightsError
from models.export.safetensors import write
from models.files.checkpoint_network import read_network
from models.files.safetensors import read_metadata
from models.images import preparation
from tests.command_line import refused, run
from tests.models.export.exporting import export
from tests.published import write_published_v1

FILE = Path("a.safetensors")


def exported(checkpoint, *flags: str):
    assert export(checkpoint, "--format", "safetensors", "--out", "a.safetensors", *flags) == 0
    return read_network(FILE)


def test_network_classes_and_recipe_come_back(checkpoint):
    read, own = exported(checkpoint), read_network(checkpoint)
    assert (read.model, read.classes, read.epoch, read.is_foreign) == (own.model, own.classes, own.epoch, False)
    assert read.fingerprints == own.fingerprints and preparation(read) == preparation(own)
    same = {
        name: value for name, value in own.args.items() if value is not None and name not in ("data", "cache", "pretrained")
    }
    assert same.items() <= read.args.items() and not {"cache", "pretrained"} & read.args.keys()


def test_a_file_of_others_keeps_its_channel_order_and_its_names_where_it_has_some(tmp_path):
    own = create_model("poster_v1_small", 7)
    write_published_v1(tmp_path / "v1.pth", own.state_dict(), "poster_v1_small")
    names = "a,b,c,d,e,f,g"
    read = exported(tmp_path / "v1.pth", "--classes", names)
    assert read.classes == tuple(names.split(",")) and not read.args.keys() - {"channel_order", "eval_transform"}
    assert preparation(read) == preparation(read_network(tmp_path / "v1.pth"))


def test_it_is_evaluated_as_its_checkpoint_and_refused_as_it(tmp_path, capsys):
    write_synthetic(tmp_path / "data", people={"train": 2, "valid": 1, "test": 1}, views=1, size=48)
    flags = ["--data", "data", "--model", "deep_emotion", "--epochs", 1, "-b", 4, "-j", 0]
    assert run(*flags, "--run", "a") == 0
    for old, new in (("anger", "c"), ("happiness", "a"), ("surprise", "b")):
        shutil.copytree(f"data/test/{old}", f"other/test/{new}")
    exported("checkpoint/a/best.pth")
    tested = ["--data", "data", "-j", 0]
    assert run("--evaluate", "checkpoint/a/best.pth", *tested, "--out", "one") == 0
    assert run("--evaluate", "a.safetensors", *tested, "--out", "two") == 0
    assert (tmp_path / "one/predictions.csv").read_bytes() == (tmp_path / "two/predictions.csv").read_bytes()
    assert "was trained on the classes anger, happiness, surprise" in refused(
        capsys, "--evaluate", "a.safetensors", "--data", "other"
    )
    assert run("--resume", "a.safetensors", *flags, "--epochs", 2, "--run", "on") == 0
    assert "after epoch 1; it lacks the moments of adam" in (said := capsys.readouterr().out) and "the history" in said


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}, {"model": "resnet"}, {"classes": '["a", "b"]'}])
def test_the_metadata_of_other_programs_say_nothing(checkpoint, metadata):
    write_with(checkpoint, lambda told: metadata)
    assert read_network(FILE).is_foreign


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("classes", "[", "its metadata's classes is none"),
        ("classes", '{"a": 1}', "its metadata's classes is none"),
        ("recipe", "[NaN]", "its metadata's recipe is none"),
        ("preprocessing", "[" * 100_000, "its metadata's preprocessing is none"),
        ("checkpoint", '{"epoch": 1, "epoch": 2}', "its metadata's checkpoint is none"),
        ("classes", '["a", "a", "b"]', "its classes are not all different"),
        ("classes", '["a", 3]', "its classes are no list of 2 or more names"),
        ("model_options", '{"colour": 3}', "its model_options are not"),
    ],
)
def test_metadata_that_are_not_true_are_refused(checkpoint, name, text, words):
    write_with(checkpoint, lambda told: told | {name: text})
    with pytest.raises(WeightsError, match=words):
        read_network(FILE)


@pytest.mark.parametrize("told", [{"epoch": "many"}, {"epoch": -1}])
def test_what_training_alone_reads_is_looked_at_as_well(checkpoint, told, capsys):
    write_with(checkpoint, lambda metadata: metadata | {"checkpoint": json.dumps(told)})
    assert "a.safetensors: damaged checkpoint: its epoch" in refused(capsys, "--evaluate", "a.safetensors")


def write_with(checkpoint, change) -> None:
    """a.safetensors as the export writes it, its metadata changed."""
    exported(checkpoint)
    told, state = read_metadata(FILE), read_network(FILE).state_dict
    write(FILE, {name: torch.as_tensor(value) for name, value in state.items()}, change(told))
