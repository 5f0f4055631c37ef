"""Whole runs through the command line: train, evaluate, resume, and what they leave behind."""

import csv
import json
import shutil

import pytest
import torch
from PIL import Image

from data_preprocessing.synthetic.command import write_synthetic
from engine.commands import trainer
from engine.run_folder.layout import create_run
from tests.command_line import run

# the smallest network under the POSTERs' protocol: what is tested here is not the network
SMALL = ["--model", "deep_emotion", "--rho", "0.05", "--lr-decay", "0.98", "--transform", "flip-erase"]
SMALL += ["--epochs", "2", "-b", "4", "-p", "1", "--lr", "1e-4"]


def weights(path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["state_dict"]


def rows(path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with drawn faces in data/ (9 to train, 6 valid, 6 test) and one finished run of two epochs, `whole`."""
    folder = tmp_path_factory.mktemp("work")
    write_synthetic(folder / "data", people={"train": 3, "valid": 2, "test": 2}, views=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("--data", "data", *SMALL, "--run", "whole", "-j", 2) == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def test_the_validation_of_a_last_epoch_that_is_the_best_is_drawn(monkeypatch):
    """TensorBoard takes the best epoch's confusion matrix from there, and a run that ends before its report leaves it."""
    drawn = []
    monkeypatch.setattr(trainer, "draw", lambda folder, what, metrics, classes: drawn.append(what))
    assert run("--data", "data", *SMALL, "--epochs", "1", "--run", "drawn", "-j", 0) == 0
    assert drawn == ["deep_emotion on valid"]


def test_a_run_leaves_checkpoints_plots_tables_and_log(work):
    names = {p.name for p in (work / "log/whole").iterdir()}
    assert names == {
        "log.txt", "metrics.csv", "args.json", "curves.png", "confusion_matrix.png", "f1.png", "predictions.csv",
        "train_batch.png", "pictures.csv", "result.json", "report.html", "timing.csv", ".lock",
    }  # fmt: skip
    assert {p.name for p in (work / "checkpoint/whole").iterdir()} == {"last.pth", "best.pth"}
    for name in ("curves", "confusion_matrix", "f1"):
        with Image.open(work / f"log/whole/{name}.png") as image:
            assert min(image.size) > 300
    metrics = rows(work / "log/whole/metrics.csv")
    assert [row["epoch"] for row in metrics] == ["1", "2"]
    assert float(metrics[1]["learning_rate"]) == pytest.approx(0.98e-4)
    record = json.loads((work / "log/whole/args.json").read_text())
    assert record["arguments"]["rho"] == 0.05 and record["arguments"]["seed"] == 0
    assert len(record["fingerprints"]["train"]) == 64 and record["versions"]["torch"] == torch.__version__.split("+")[0]
    log = (work / "log/whole/log.txt").read_text()
    assert "reported on test" in log and "95 % interval" in log


def test_predictions_cover_the_whole_test_split_and_agree_with_the_reported_accuracy(work):
    table = rows(work / "log/whole/predictions.csv")
    assert len(table) == 6 and {row["true"] for row in table} == {"anger", "happiness", "surprise"}
    for row in table:
        probabilities = {name[2:]: float(p) for name, p in row.items() if name.startswith("p_")}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert max(probabilities, key=probabilities.get) == row["predicted"]
    accuracy = 100 * sum(row["true"] == row["predicted"] for row in table) / 6
    assert f"accuracy {accuracy:.2f} %" in (work / "log/whole/log.txt").read_text()


def test_evaluating_twice_gives_the_same_bytes_and_the_training_runs_figures(work):
    for name in ("e1", "e2"):
        assert run("--data", "data", "--evaluate", "checkpoint/whole/best.pth", "--run", name) == 0
    first, second, trained = ((work / f"log/{n}/predictions.csv").read_bytes() for n in ("e1", "e2", "whole"))
    assert first == second == trained
    assert (work / "log/e1/confusion_matrix.png").read_bytes() == (work / "log/e2/confusion_matrix.png").read_bytes()


def test_split_valid_is_evaluated_when_asked_for(work):
    assert run("--evaluate", "checkpoint/whole/best.pth", "--split", "valid", "--run", "v") == 0
    assert all("happiness" in row["path"] or row["true"] != "happiness" for row in rows(work / "log/v/predictions.csv"))
    assert "valid: 6 images" in (work / "log/v/log.txt").read_text()


def test_one_epoch_and_one_resumed_equal_two_to_the_bit_for_any_number_of_workers(work):
    assert run("--data", "data", *SMALL, "--epochs", 1, "--run", "half", "-j", 0) == 0
    assert run("--resume", "checkpoint/half/last.pth", "--epochs", 2, "-j", 1) == 0
    whole, half = weights("checkpoint/whole/last.pth"), weights("checkpoint/half/last.pth")
    assert all(torch.equal(whole[key], half[key]) for key in whole)
    for name in ("metrics.csv", "predictions.csv"):
        assert (work / "log/whole" / name).read_bytes() == (work / "log/half" / name).read_bytes()
    moments = [torch.load(f"checkpoint/{n}/last.pth", weights_only=True)["optimizer"] for n in ("whole", "half")]
    assert all(torch.equal(moments[0]["state"][k]["exp_avg_sq"], v["exp_avg_sq"]) for k, v in moments[1]["state"].items())


def test_a_finished_run_is_not_resumed_without_more_epochs(capsys):
    assert run("--resume", "checkpoint/whole/last.pth") == 2
    assert "2 epochs are done already" in capsys.readouterr().err


def test_resuming_another_copy_starts_a_run_of_its_own_and_leaves_the_first_alone(work):
    before = (work / "log/whole/metrics.csv").read_bytes()
    for name in ("best", "last"):
        shutil.copy(f"checkpoint/whole/{name}.pth", "copy.pth")
        epochs = torch.load("copy.pth", weights_only=True)["epoch"] + 1
        assert run("--resume", "copy.pth", "--epochs", epochs, "--rho", 0, "--run", f"branch-{name}") == 0
        assert (work / "log/whole/metrics.csv").read_bytes() == before
        assert len(rows(work / f"log/branch-{name}/metrics.csv")) == epochs
        assert (work / f"checkpoint/branch-{name}/best.pth").is_file()


def test_a_copy_that_is_resumed_without_a_name_leaves_the_first_run_alone_too(work):
    before, runs = (work / "log/whole/metrics.csv").read_bytes(), set((work / "log").iterdir())
    shutil.copy("checkpoint/whole/last.pth", "copy.pth")
    assert run("--resume", "copy.pth", "--epochs", 3, "--rho", 0) == 0
    assert (work / "log/whole/metrics.csv").read_bytes() == before
    assert len(set((work / "log").iterdir()) - runs) == 1


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(work, capsys):
    assert run("--data", "data", *SMALL, "--optimizer", "sgd", "--rho", 0, "--run", "sgd", "-j", 0) == 0
    before = weights("checkpoint/sgd/last.pth")
    capsys.readouterr()
    assert run("--resume", "checkpoint/sgd/last.pth", "--epochs", 3, "--lr", "1e6", "-b", 2) == 3
    error = capsys.readouterr().err
    assert "not finite at epoch 3, step" in error and "checkpoint/sgd/last.pth" in error and error.count("\n") == 1
    after = weights("checkpoint/sgd/last.pth")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_without_valid_the_test_split_selects_and_the_run_says_what_that_means(work, capsys):
    shutil.copytree("data/train", "novalid/train")
    shutil.copytree("data/test", "novalid/test")
    arguments = ["--data", "novalid", *SMALL, "--epochs", 1, "--rho", 0, "--run", "novalid"]
    assert run(*arguments, "--data_type", "AffectNet-7", "--optimizer", "adamw", "--wd", 0.01) == 0
    out = capsys.readouterr().out
    assert "optimistic" in out and "best on test" in out


def test_run_folders_never_collide(work, capsys):
    assert run("--data", "data", *SMALL, "--run", "whole") == 2
    assert "checkpoint/whole exists" in capsys.readouterr().err
    assert len({create_run("x") for _ in range(3)}) == 3
