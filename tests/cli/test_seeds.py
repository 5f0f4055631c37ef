"""`--seeds`: a series of ordinary runs, each the run that `--seed` alone gives, with what they come to together."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import main
from data_preprocessing.synthetic.command import write_synthetic
from engine.commands.series import Child
from engine.compare.wording import FIGURES
from tests.command_line import refused, run
from tests.faults.processes import ROOT, Fresh

SMALL = ["--data", "data", "--model", "deep_emotion", "--epochs", "2", "-b", "4", "-j", "0", "--lr", "1e-3"]


def result(name: str) -> dict:
    return json.loads(Path(f"log/{name}/result.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with drawn faces in data/ and a finished series of seeds 3 and 5, in processes as a user has it."""
    folder = tmp_path_factory.mktemp("seeds")
    write_synthetic(folder / "data", people={"train": 3, "valid": 2, "test": 2}, views=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("--run", "never", *SMALL, "--seeds=3,5", "--run", "series") == 0
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


@pytest.fixture
def in_process(monkeypatch):
    """Runs of a series in this very process, seconds sooner. Returns the commands."""
    commands = []

    def train(child, command: list[str]) -> int:
        commands.append(command[2:])
        return main.main(command[2:])

    monkeypatch.setattr(Child, "run", train)
    return commands


def test_a_run_of_a_series_equals_that_of_its_seed_alone_to_the_bit():
    for seed in (3, 5):
        assert run(*SMALL, "--seed", seed, "--run", f"alone{seed}") == 0
        for name in ("metrics.csv", "predictions.csv"):
            assert Path(f"log/alone{seed}/{name}").read_bytes() == Path(f"log/series_seed{seed}/{name}").read_bytes()
        for name in ("last", "best"):
            ours, alone = (
                torch.load(f"checkpoint/{run}/{name}.pth", weights_only=True)["state_dict"]
                for run in (f"series_seed{seed}", f"alone{seed}")
            )
            assert all(torch.equal(ours[key], alone[key]) for key in alone)
    metrics = [Path(f"log/series_seed{seed}/metrics.csv").read_bytes() for seed in (3, 5)]
    assert metrics[0] != metrics[1]


def test_the_summary_is_mean_deviation_and_students_interval(work):
    found = json.loads(Path("log/series/seeds.json").read_text(encoding="utf-8"))
    assert (found["seeds"], found["runs"], found["split"]) == ([3, 5], ["series_seed3", "series_seed5"], "test")
    for figure in FIGURES:
        values = [result(f"series_seed{seed}")[figure] for seed in (3, 5)]
        assert found[figure]["values"] == values
        assert found[figure]["mean"] == pytest.approx(np.mean(values))
        assert found[figure]["sd"] == pytest.approx(np.std(values, ddof=1))
        if found[figure]["sd"]:
            expected = stats.t.interval(0.95, 1, loc=np.mean(values), scale=stats.sem(values))
            assert found[figure]["interval"] == pytest.approx(expected)
    assert [path.name for path in Path("log/series").iterdir()] == ["seeds.json"] and not Path("log/never").exists()


def test_a_series_goes_on_where_it_was_and_trains_no_finished_seed_again(in_process, capsys):
    summary = Path("log/series/seeds.json").read_bytes()
    predictions = Path("log/series_seed5/predictions.csv").read_bytes()
    first = Path("checkpoint/series_seed3/last.pth").stat()
    for root in ("log", "checkpoint"):
        shutil.rmtree(f"{root}/series_seed5")
    shutil.rmtree("log/series")
    capsys.readouterr()
    assert run(*SMALL, "--seeds", "3,5", "--run", "series", "--resume", "auto") == 0
    out = capsys.readouterr().out
    assert out.count("is complete") == 1 and "series_seed3: is complete" in out and "standard deviation" in out
    again = Path("checkpoint/series_seed3/last.pth").stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert Path("log/series/seeds.json").read_bytes() == summary
    assert Path("log/series_seed5/predictions.csv").read_bytes() == predictions


def test_a_file_of_flags_may_ask_for_the_series(in_process):
    Path("c.json").write_text('{"seeds": "0,1", "epochs": 1}', encoding="utf-8")
    assert run(*(word for word in SMALL if word not in ("--epochs", "2")), "--config", "c.json", "--run", "filed") == 0
    assert [result(f"filed_seed{k}")["epoch"] for k in (0, 1)] == [1, 1] and len(in_process) == 2


def test_without_a_name_the_series_has_the_time_and_the_network_and_one_run_a_seed(in_process):
    assert run(*SMALL, "--epochs", 1, "--seeds", "0,1") == 0
    [series] = [path for path in Path("log").iterdir() if path.name.endswith("_deep_emotion")]
    assert [command[-4:] for command in in_process] == [
        ["--seed", str(k), "--run", f"{series.name}_seed{k}"] for k in (0, 1)
    ]  # fmt: skip
    assert (series / "seeds.json").is_file() and not any("--seeds" in command for command in in_process)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.full)])
def test_a_signal_to_the_series_alone_saves_its_run_and_the_same_command_goes_on(number, work, in_process, capsys):
    name = f"cut{number}"
    flags = [*SMALL, "-p", "1", "--seeds", "3,6", "--run", name, "--epochs"]
    process = Fresh().start([*flags, "2000"], work, work / f"{name}.out", work / f"{name}.err")
    last, end = Path(f"checkpoint/{name}_seed3/last.pth"), time.monotonic() + 240
    while not last.exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send(signal.SIGUSR1)
    process.send(number)
    assert process.wait() == 128 + number
    assert not process.members_after(10)
    [line] = Path(f"{name}.err").read_text().splitlines()
    assert f"saved in checkpoint/{name}_seed3/last.pth" in line and not Path(f"log/{name}_seed6").exists()
    done = torch.load(last, weights_only=True)["epoch"]
    capsys.readouterr()
    assert run(*flags, done + 1, "--resume", "auto") == 0
    assert f"resuming {last}" in capsys.readouterr().out and Path(f"log/{name}/seeds.json").is_file()


def test_a_run_that_fails_ends_the_series_with_its_status(monkeypatch, capsys):
    for status in (2, 3, 130):
        monkeypatch.setattr(Child, "run", lambda child, command, status=status: status)
        assert run(*SMALL, "--seeds", "0,1", "--run", "failing") == status
    monkeypatch.setattr(Child, "run", lambda child, command: -9)
    capsys.readouterr()
    assert run(*SMALL, "--seeds", "0,1", "--run", "failing") == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "failing_seed0: its process was killed by signal 9" in error and "--resume auto" in error


def test_a_stop_between_two_runs_is_kept(monkeypatch, capsys):
    def stopped(child, command: list[str]) -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(Child, "run", stopped)
    assert run(*SMALL, "--seeds", "0,1", "--run", "stopped") == 143
    assert "stopped after stopped_seed0; go on with" in capsys.readouterr().err


def test_a_killed_series_takes_its_run_along():
    code = (
        "import os, sys; from engine.commands.series import Child\n"
        "with Child.signals() as child: child.run([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); "
        "time.sleep(60)'])"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    end = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    parent.stdout.close()
    assert not Path(f"/proc/{child}").exists()


def test_wrong_series_are_refused(monkeypatch, capsys):
    for text in ("0", "0,0", "a,b", "0,,1", "-1,2", "0,9999999999999999999", ""):
        assert "two or more different seeds" in refused(capsys, *SMALL, f"--seeds={text}")
    others = [
        ("--seed", 1),
        ("--evaluate", "x"),
        ("--checkpoint_path", "x"),
        ("--best_checkpoint_path", "x"),
        ("--start-epoch", 1),
    ]
    for flag, value in others:
        assert f"--seeds and {flag} exclude each other" in refused(capsys, "--seeds", "0,1", flag, value)
    assert "--resume x.pth is of one run" in refused(capsys, "--seeds", "0,1", "--resume", "x.pth")
    assert "name the run" in refused(capsys, "--seeds", "0,1", "--resume", "auto")
    assert "series_seed3 exists" in refused(capsys, *SMALL, "--seeds", "1,3", "--run", "series")
    assert "is a run and no series" in refused(capsys, *SMALL, "--seeds", "1,3", "--run", "series_seed3")
    assert not Path("log/series_seed1").exists()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "in place of torchrun" in refused(capsys, *SMALL, "--seeds", "0,1")
