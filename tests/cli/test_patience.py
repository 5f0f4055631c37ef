"""`--patience N`: a run that ends where validation gets no better, goes on to the same bits, and is refused without valid/."""

import csv
import json
import shutil
from pathlib import Path

import pytest

import main
from tests.faults.trials import checkpoint_differences

# so small a rate that no epoch is better than the first
SMALL = ["--data", "data", "--model", "deep_emotion", "-b", "6", "-j", "0", "--cache", "off", "--lr", "1e-9"]
STOPPED = "stopped after epoch 3 of 9: 2 epochs in a row without a better validation than epoch 1's"


def run(*arguments: object) -> int:
    return main.main([str(a) for a in arguments])


def refused(capsys, *arguments: object) -> str:
    """The one line that the command ends with."""
    capsys.readouterr()
    try:
        status = run(*arguments)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("error: ") and error.count("\n") == 1, error
    return error


def epochs(name: str) -> int:
    with open(f"log/{name}/metrics.csv", newline="", encoding="utf-8") as file:
        return len(list(csv.DictReader(file)))


@pytest.fixture(scope="module")
def work(tmp_path_factory, make_faces):
    """A folder with 24 images in data/, the same without valid/ in bare/, and a run `whole` that patience ended."""
    folder = tmp_path_factory.mktemp("patience")
    split = {"happy": 4, "sad": 4}
    make_faces(folder / "data", {"train": split, "valid": split, "test": split})
    shutil.copytree(folder / "data", folder / "bare", ignore=shutil.ignore_patterns("valid"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(*SMALL, "--epochs", 9, "--patience", 2, "--run", "whole") == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def test_the_run_ends_reports_the_chosen_epoch_and_says_why():
    assert epochs("whole") == 3
    log = Path("log/whole/log.txt").read_text(encoding="utf-8")
    assert f"{STOPPED} (--patience 2)" in log and "chosen: epoch 1, the best on valid" in log
    assert json.loads(Path("log/whole/result.json").read_text(encoding="utf-8"))["epoch"] == 1
    assert json.loads(Path("log/whole/args.json").read_text(encoding="utf-8"))["arguments"]["patience"] == 2


def test_a_run_that_is_interrupted_and_resumed_ends_at_the_same_epoch_with_the_same_bits():
    assert run(*SMALL, "--epochs", 2, "--patience", 2, "--run", "parts") == 0
    assert run("--resume", "checkpoint/parts/last.pth", "--epochs", 9) == 0  # the number is the checkpoint's
    assert epochs("parts") == 3
    for name in ("last.pth", "best.pth"):
        assert not checkpoint_differences(Path("checkpoint/parts", name), Path("checkpoint/whole", name))


def test_a_run_that_patience_ended_is_complete_and_goes_on_with_a_larger_number_alone(capsys):
    before = Path("checkpoint/whole/last.pth").read_bytes()
    assert run(*SMALL, "--epochs", 9, "--patience", 2, "--run", "whole", "--resume", "auto") == 0
    assert "whole: is complete, 3 epochs" in capsys.readouterr().out
    assert Path("checkpoint/whole/last.pth").read_bytes() == before
    error = refused(capsys, "--resume", "checkpoint/whole/last.pth")
    assert f"--patience 2: {STOPPED}; give a larger number, or 0, to go on" in error
    shutil.copytree("checkpoint/whole", "copy")
    assert run("--resume", "copy/last.pth", "--epochs", 5, "--patience", 0, "--run", "longer") == 0
    assert epochs("longer") == 5


def test_a_report_that_was_lost_is_written_without_more_training():
    shutil.copytree("log/whole", "kept")
    Path("log/whole/result.json").unlink()
    try:
        assert run(*SMALL, "--epochs", 9, "--patience", 2, "--run", "whole", "--resume", "auto") == 0
        assert epochs("whole") == 3 and Path("log/whole/result.json").is_file()
    finally:
        shutil.rmtree("log/whole")
        shutil.move("kept", "log/whole")


def test_a_series_of_seeds_ends_each_run_by_itself(capfd):
    arguments = [*SMALL, "--epochs", 9, "--patience", 1, "--seeds", "1,2", "--run", "series"]
    assert main.main([str(a) for a in arguments]) == 0
    assert epochs("series_seed1") == epochs("series_seed2") == 2
    assert len(json.loads(Path("log/series/seeds.json").read_text(encoding="utf-8"))["accuracy"]["values"]) == 2


def test_without_a_valid_split_it_is_refused_before_anything_is_written(capsys):
    arguments = [word.replace("data", "bare") if word == "data" else word for word in SMALL]
    error = refused(capsys, *arguments, "--patience", 2, "--run", "bare")
    assert "--patience 2: no valid split" in error and "leave --patience out" in error
    assert not Path("log/bare").exists()


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "99999999999"])
def test_what_is_no_number_of_epochs_is_refused(value, capsys):
    assert "--patience" in refused(capsys, *SMALL, f"--patience={value}")


def test_a_number_that_cannot_end_the_run_is_said(capsys):
    assert run(*SMALL, "--epochs", 1, "--patience", 5, "--run", "short") == 0
    assert "without effect: --patience 5 (the run has 1 epochs in all)" in capsys.readouterr().out
