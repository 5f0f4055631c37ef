"""Two processes under the command line: trained, killed, resumed by another number of them, evaluated."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import main
from data_preprocessing.synthetic.command import write_synthetic
from tests.faults.processes import Forked, hear_hangups

MAIN = Path(main.__file__)
SMALL = ["--data", "data", "--model", "deep_emotion", "--epochs", "2", "-b", "4", "--save-every", "3", "-p", "1"]
SMALL += ["--device", "cpu", "-j", "0"]


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(MAIN), *map(str, arguments)]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen(command, cwd=folder, env=environment, preexec_fn=hear_hangups, **streams)


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def run_here(folder: Path, *arguments: str) -> None:
    """A run of one process, which starts seconds sooner in this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main.main([str(a) for a in arguments]) == 0


@pytest.fixture
def run_pair(work):
    """run_pair(*arguments): two processes with torchrun's variables, without the seconds that the launcher takes."""
    forked = Forked()

    def run_both(*arguments: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
        argv, files = [str(a) for a in arguments], [work / f"pair.{kind}" for kind in ("out", "err")]
        ranks = [{"RANK": str(k), "LOCAL_RANK": str(k)} for k in range(2)]
        processes = [forked.start(argv, work, *files, variables=shared | rank) for rank in ranks]
        assert [process.wait() for process in processes] == [0, 0], files[1].read_text()

    yield run_both
    forked.close()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Drawn faces (15 to train, 9 valid, 9 test) and a run `pair` of two processes over them, what it said in pair.txt."""
    folder = tmp_path_factory.mktemp("pair")
    write_synthetic(folder / "data", people={"train": 5, "valid": 3, "test": 3}, views=1)
    status, out, err = run(folder, *SMALL, "--run", "pair", "--gpu", "0,1")
    assert status == 0, err
    (folder / "pair.txt").write_text(out)
    return folder


def state(folder: Path, name: str) -> dict:
    return torch.load(folder / f"checkpoint/{name}/last.pth", weights_only=True)


def test_every_image_is_counted_once_and_reported_by_one_process(work):
    assert (work / "pair.txt").read_text().count("train: 15 images") == 1  # one process speaks
    rows = (work / "log/pair/predictions.csv").read_text().splitlines()
    assert len(rows) == 10 and len({row.split(",")[0] for row in rows[1:]}) == 9
    assert len((work / "log/pair/metrics.csv").read_text().splitlines()) == 3


def test_evaluation_by_two_processes_is_that_by_one(work):
    run_here(work, "--evaluate", "checkpoint/pair/best.pth", "--run", "one", "-j", "0", "--device", "cpu")
    tables = [(work / f"log/{name}/predictions.csv").read_text().splitlines() for name in ("one", "pair")]
    assert [row.split(",")[:3] for row in tables[0]] == [row.split(",")[:3] for row in tables[1]]
    for first, second in zip(*tables):
        if first != tables[0][0]:
            assert [float(p) for p in first.split(",")[3:]] == pytest.approx(
                [float(p) for p in second.split(",")[3:]], abs=1e-5
            )


def test_a_run_goes_on_with_another_number_of_processes_and_with_the_same_one_to_the_same_bits(work, run_pair):
    run_pair(*SMALL, "--epochs", "1", "--run", "same")
    shutil.copy(work / "checkpoint/same/last.pth", work / "half.pth")
    run_pair(*SMALL, "--run", "same", "--resume", "auto")
    whole, resumed = state(work, "pair")["state_dict"], state(work, "same")["state_dict"]
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    run_here(work, *SMALL, "--run", "fewer", "--resume", "half.pth")
    assert state(work, "fewer")["epoch"] == 2


@pytest.mark.full
def test_a_killed_process_ends_the_others_with_a_line(work):
    process = start(work, *SMALL, "--epochs", "2000", "--run", "killed", "--gpu", "0,1")
    for line in process.stdout:
        if "epoch 2 step" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [int(pid) for pid in children if "main.py" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 3
    lines = [line for line in err.splitlines() if line]
    assert any("was killed by signal 9" in line for line in lines) and "Traceback" not in err and len(lines) <= 2
    for pid in workers:
        deadline = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{pid}").exists()


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_launcher_alone_saves_and_ends_with_a_line(number, work):
    process = start(work, *SMALL, "--epochs", "2000", "--run", f"stopped{number}", "--gpu", "0,1")
    for line in process.stdout:
        if "epoch 2 step" in line:
            break
    process.send_signal(signal.SIGUSR1)  # a job scheduler's to every process: the launcher is no one to save
    process.send_signal(number)
    _, err = process.communicate(timeout=240)
    last = f"checkpoint/stopped{number}/last.pth"
    assert process.returncode == 128 + number
    assert len(err.splitlines()) == 1 and f"saved in {last}; go on with --resume {last}" in err
    assert state(work, f"stopped{number}")["epoch"] >= 1


def test_a_wrong_flag_is_told_once(work):
    status, _, err = run(work, *SMALL, "--run", "wrong", "--gpu", "0,1", "--data", "nowhere")
    assert (status, err.count("nowhere")) == (2, 1), err


def test_two_processes_write_as_many_checkpoints_as_one(work, capsys):
    run_here(work, *SMALL, "--run", "alone")
    outputs = capsys.readouterr().out, (work / "pair.txt").read_text()
    counts = [re.search(r"saving: (\d+) checkpoints", said)[1] for said in outputs]
    assert counts[0] == counts[1]
