"""`--explain` as a user types it, with the cheap network."""

import json

import pytest
import torch
from PIL import Image

from engine.evaluation.predictions import Predictions
from engine.explain.deletion import ORDERS
from engine.explain.examples import MOST, choose_examples
from tests.reproduction import cli_runs

FILES = {"deletion.csv", "deletion.png", "examples.png", "explain.json"}


@pytest.fixture(scope="module")
def work(tmp_path_factory, make_faces):
    folder = tmp_path_factory.mktemp("explain")
    make_faces(folder / "data", {"train": {"a": 3, "b": 3}, "valid": {"a": 2, "b": 1}, "test": {"a": 4, "b": 3}})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        cli_runs.train("deep", "--model", "deep_emotion")
    return folder


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def evaluate(name: str, *flags: object) -> int:
    return cli_runs.run("--evaluate", "checkpoint/deep/best.pth", "--run", name, "--device", "cpu", *flags)


def test_explain_leaves_images_and_figures_and_changes_none(work, capsys):
    assert evaluate("plain") == 0
    capsys.readouterr()
    assert evaluate("seen", "--explain", "--deletion") == 0
    said = capsys.readouterr().out
    assert "7 of the 7 images, evenly spaced, 260 forwards; blank is" in said
    assert "Grad-CAM: area under accuracy" in said and "log/seen/explain/ (examples.png" in said
    folder = work / "log/seen"
    assert {file.name for file in (folder / "explain").iterdir()} == FILES
    assert cli_runs.predictions("seen") == cli_runs.predictions("plain")
    assert not (work / "log/plain/explain").exists()
    for name in ("examples.png", "deletion.png"):
        with Image.open(folder / "explain" / name) as image:
            assert min(image.size) > 200
    record = json.loads((folder / "explain/explain.json").read_text())
    rows = cli_runs.table(folder / "explain/deletion.csv")
    assert {(row["map"], row["first"]) for row in rows} == {("Grad-CAM", order) for order in ORDERS} | {("", "random")}
    result = json.loads((folder / "result.json").read_text())
    whole = [float(row["accuracy"]) for row in rows if row["blanked"] == "0"]
    assert whole == pytest.approx([result["accuracy"]] * 4)
    most = [float(row["accuracy"]) for row in rows if row["first"] == "most"]
    area = (sum(most) - (most[0] + most[-1]) / 2) / 10
    assert record["deletion"]["maps"]["Grad-CAM"]["accuracy"]["most"]["area"] == pytest.approx(area)
    assert {row["path"] for row in record["examples"]} <= {row["path"] for row in cli_runs.table("log/seen/predictions.csv")}
    assert evaluate("again", "--explain", "--deletion") == 0
    for name in ("deletion.csv", "explain.json"):
        assert (work / "log/again/explain" / name).read_bytes() == (folder / "explain" / name).read_bytes()


def test_without_deletion_there_are_the_maps_alone(work, capsys):
    assert evaluate("maps", "--explain") == 0
    said = capsys.readouterr().out
    assert "--deletion tests" in said and "forwards" not in said
    assert {file.name for file in (work / "log/maps/explain").iterdir()} == {"examples.png", "explain.json"}
    assert json.loads((work / "log/maps/explain/explain.json").read_text()).keys() == {"split", "examples"}


def test_deletion_without_explain_is_refused_in_one_line(capsys):
    assert cli_runs.run("--evaluate", "checkpoint/deep/best.pth", "--deletion") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --deletion belongs to --evaluate FILE --explain") and error.count("\n") == 1


def test_explain_without_evaluate_is_refused_in_one_line(capsys):
    assert cli_runs.run("--data", "data", "--explain") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --explain belongs to --evaluate FILE") and error.count("\n") == 1


def test_examples_are_the_most_confident_of_each_class():
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    certain = torch.tensor([0.7, 0.9, 0.9, 0.6, 0.8, 0.5])
    said = torch.tensor([0, 0, 0, 0, 2, 1])
    probabilities = ((1 - certain) / 2)[:, None].repeat(1, 3).scatter(1, said[:, None], certain[:, None])
    found = choose_examples(Predictions(labels.numpy(), probabilities.numpy(), 0.0), ("x", "y", "z"))
    assert [(e.number, e.true, e.predicted) for e in found] == [(1, "x", "x"), (4, "y", "z"), (5, "z", "y")]
    many = torch.eye(40)
    assert len(choose_examples(Predictions(torch.arange(40).numpy(), many.numpy(), 0.0), tuple(map(str, range(40))))) == MOST
