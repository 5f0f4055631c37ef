"""A terminal that goes away, and output that nobody reads: training saves or goes on, and loses nothing."""

import os
import signal
import subprocess
import sys

import pytest
import torch

from tests.faults.moments import until
from tests.faults.processes import ROOT, Process
from tests.faults.test_signals import stop
from tests.faults.trials import RUN, Attempt, differences


def noted(trial, process: Process) -> Attempt:
    """A start of the trial's command whose output is no file."""
    trial.attempts.append(Attempt(process, trial.folder, trial.folder / "0.out", trial.folder / "0.err", trial.shape))
    return trial.attempts[-1]


def beside(trial, command: list[str], output: int = subprocess.DEVNULL) -> Attempt:
    """The trial's command, behind another one, as a process that writes to the descriptor `output`."""
    trial.folder.mkdir(parents=True)
    argv = [*command, sys.executable, "-m", "tests.faults.zygote", *trial.shape.argv(trial.data)]
    streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    popen = subprocess.Popen(argv, cwd=trial.folder, env=environment, start_new_session=True, **streams)
    return noted(trial, Process(popen.pid, popen.wait))


def logged(trial) -> str:
    path = trial.folder / "log" / RUN / "log.txt"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_sighup_saves_and_stops_and_the_next_start_ends_with_the_same_bits(bench, trial):
    stop(trial, signal.SIGHUP, True, 129)
    assert "saved in checkpoint/run/last.pth" in logged(trial).splitlines()[-1]
    trial.finish(workers=1)
    assert not differences(trial.folder, bench.reference)


def test_a_terminal_that_is_closed_under_a_run_saves_it_and_the_log_has_the_last_word(launcher, trial):
    """Its end sends SIGHUP, and makes writing to it fail."""
    trial.folder.mkdir(parents=True)
    controller, terminal = os.openpty()
    name = os.ttyname(terminal)
    argv = trial.shape.argv(trial.data, 1, 1000)
    attempt = noted(trial, launcher.start(argv, trial.folder, name, name))
    assert until(attempt, lambda: os.read(controller, 4096) and "epoch 1" in logged(trial))
    os.close(terminal)  # not before the run has opened it: without anybody at it there is nothing to read
    os.close(controller)
    assert attempt.process.wait() == 129
    assert "saved in checkpoint/run/last.pth" in logged(trial).splitlines()[-1]
    assert torch.load(attempt.last, weights_only=True)["state_dict"] and not attempt.process.members_after(10)


@pytest.mark.full
def test_under_nohup_a_run_goes_on_after_sighup(bench, trial):
    attempt = beside(trial, ["nohup"])
    assert until(attempt, lambda: "epoch 1 step 1/" in logged(trial))
    attempt.process.send(signal.SIGHUP)
    assert attempt.process.wait() == 0
    assert not differences(trial.folder, bench.reference)


def test_a_closed_pipe_ends_no_training_and_the_log_has_it_all(bench, trial):
    reading, writing = os.pipe()
    attempt = beside(trial, [], writing)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    assert attempt.process.wait() == 0
    assert not differences(trial.folder, bench.reference)
    text = logged(trial)
    assert text.count("nobody reads the output any more (Broken pipe): from here on it is in this file alone") == 1
    assert "reported on test" in text and text.count("epoch 3/3: train loss") == 1
