"""A new network, one file of plain PyTorch and one line, through every command that a user types."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

from data_preprocessing.loading.input_image import InputImage
from models import MODELS, Architecture, load_model, predict
from models.export.__main__ import main as export
from tests.reproduction import cli_runs
from tests.toy_networks import LINES, registered

ERASE = ("--transform", "flip-erase")  # whose draws the cache repeats


@pytest.fixture(scope="module")
def work(tmp_path_factory, make_faces):
    """Small images, and runs of two epochs of the toy, with the cache (`cached`) and without (`plain`)."""
    folder = tmp_path_factory.mktemp("toy")
    make_faces(folder / "data", {"train": {"a": 4, "b": 4}, "valid": {"a": 2, "b": 2}, "test": {"a": 3, "b": 2}}, (70, 60))
    with registered(folder), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cli_runs.train("cached", "--model", "toy", *ERASE, epochs=2)
        cli_runs.train("plain", "--model", "toy", *ERASE, "--cache", "off", epochs=2)
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def same_run(one: str, other: str) -> bool:
    first, second = cli_runs.weights(one), cli_runs.weights(other)
    files = ("metrics.csv", "predictions.csv")
    return all(torch.equal(first[key], second[key]) for key in first) and all(
        Path(f"log/{one}/{file}").read_bytes() == Path(f"log/{other}/{file}").read_bytes() for file in files
    )


def test_the_cache_keeps_whole_images_and_changes_no_bit(work):
    assert same_run("cached", "plain")
    header = (work / "data/cache").glob("train-rgb96-resize-*.cache")
    assert b'"shape": [2, 3, 96, 96]' in next(header).read_bytes()[:4096]


def test_a_network_without_a_recipe_trains_by_the_row_for_others(work):
    cli_runs.run("--data", "data", "--model", "toy", "--epochs", 1, "--device", "cpu", "--run", "recipe")
    arguments = cli_runs.arguments("recipe")["arguments"]
    assert (arguments["lr"], arguments["rho"], arguments["transform"]) == (1e-3, 0.0, "flip")


@pytest.mark.parametrize("cache", ["auto", "off"])
def test_one_epoch_and_one_resumed_equal_two(cache):
    cli_runs.train(f"half-{cache}", "--model", "toy", *ERASE, "--cache", cache)
    assert cli_runs.run("--resume", f"checkpoint/half-{cache}/last.pth", "--epochs", 2) == 0
    assert same_run(f"half-{cache}", "cached")


def test_evaluation_predictions_and_the_python_interface_agree(work, capsys):
    best = "checkpoint/cached/best.pth"
    assert cli_runs.run("--evaluate", best, "--run", "e") == 0
    assert "without the network's faster form" not in capsys.readouterr().out
    assert cli_runs.predictions("e") == cli_runs.predictions("cached")
    assert cli_runs.run("--evaluate", best, "--predict", "data/test", "--draw", "--run", "p") == 0
    with open("log/p/predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tested = cli_runs.table("log/e/predictions.csv")
    assert [row["predicted"] for row in rows] == [row["predicted"] for row in tested] and len(rows) == 5
    assert len(list(Path("log/p/pictures").iterdir())) == 5
    model = load_model(best)
    found = predict(model, [Path("data/test", row["path"]) for row in tested])
    assert found.shape == (5, 2) and [model.classes[k] for k in found.argmax(axis=1)] == [row["predicted"] for row in tested]


def test_it_is_exported(work):
    assert export(["checkpoint/cached/best.pth", "--format", "pt2", "--out", "toy.pt2"]) == 0
    assert Path("toy.pt2").is_file()


def test_grad_cam_explains_the_last_map_that_has_places(work):
    assert cli_runs.run("--evaluate", "checkpoint/cached/best.pth", "--explain", "--deletion", "--run", "x") == 0
    maps = json.loads(Path("log/x/explain/explain.json").read_text())["deletion"]["maps"]
    assert list(maps) == ["Grad-CAM"]


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        ("toy", ("--rho", 0.05, "--accumulate", 2)),
        ("toy", ("--precision", "bf16", "--optimizer", "sgd")),
        ("toy", ("--transform", "jitter-affine-erase", "--channel-order", "bgr")),
        ("toy_grey", ("--sampler", "balanced", "--occlude", "vr", "--on-nan", "skip")),
        pytest.param("toy", ("--compile",), marks=pytest.mark.full),
    ],
)
def test_other_ways_to_train(model, flags):
    name = "-".join(str(flag).strip("-") for flag in (model, *flags))
    cli_runs.train(name, "--model", model, *flags)
    assert all(value.isfinite().all() for value in cli_runs.weights(name).values())


@pytest.mark.parametrize(
    ("model", "flags", "words"),
    [
        ("toy", ("--head", "adaface"), "--head adaface: toy has no head to replace"),
        ("toy", ("--margin", 0.3), "--margin: the head is linear"),
        ("toy", ("--freeze-landmark-bn",), "--freeze-landmark-bn: toy has no landmark network"),
        ("toy", ("--init", "positions"), "--init positions: toy has no such start; only poster_v2 has"),
        ("toy", ("--pretrained", "data"), "--pretrained data: toy has no pretrained backbones"),
        ("toy", ("--feature-lr-scale", 0.1), "--feature-lr-scale 0.1: toy has no backbones with a rate of their own"),
        ("toy_grey", ("--channel-order", "bgr"), "--channel-order bgr: toy_grey takes grey images"),
    ],
)
def test_flags_that_mean_nothing_to_it_are_refused_in_one_line(model, flags, words, capsys):
    assert cli_runs.run("--data", "data", "--model", model, *flags) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {words}") and error.count("\n") == 1


def test_a_network_without_maps_is_not_explained_and_nothing_is_written(work, capsys):
    Path("flat.py").write_text(FLAT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "flat", Architecture("flat", "Flat", image=InputImage(8)))
        cli_runs.train("flat", "--model", "flat")
        before = sorted(Path("log").iterdir())
        for flags in (("--explain",), ("--predict", "data/test", "--draw")):
            capsys.readouterr()
            assert cli_runs.run("--evaluate", "checkpoint/flat/best.pth", *flags) == 2
            error = capsys.readouterr().err
            assert "no layer of flat gives maps" in error and flags[-1] in error and error.count("\n") == 1
    assert sorted(Path("log").iterdir()) == before


FLAT = """
from torch import nn


def Flat(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(192, num_classes))
"""


@pytest.mark.full
@pytest.mark.parametrize("model", [*MODELS, *LINES])
def test_every_network_goes_through_every_command(model, work, make_faces):
    data = work / "few"
    if not data.exists():
        make_faces(data, {"train": {"a": 2, "b": 2}, "valid": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}}, (60, 50))
    shared = ("--model", model, "--transform", "flip-erase", "-b", 2)
    cli_runs.train(f"{model}-two", *shared, data="few", epochs=2)
    cli_runs.train(f"{model}-off", *shared, "--cache", "off", data="few", epochs=1)
    assert cli_runs.run("--resume", f"checkpoint/{model}-off/last.pth", "--epochs", 2) == 0
    assert same_run(f"{model}-two", f"{model}-off")
    best = f"checkpoint/{model}-two/best.pth"
    assert cli_runs.run("--evaluate", best, "--explain", "--deletion", "--run", f"{model}-e") == 0
    assert cli_runs.predictions(f"{model}-e") == cli_runs.predictions(f"{model}-two")
    assert cli_runs.run("--evaluate", best, "--predict", "few/test", "--draw", "--run", f"{model}-p") == 0
    assert predict(load_model(best), sorted(map(str, (data / "test").rglob("*.png")))).shape == (2, 2)
