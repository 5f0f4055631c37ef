"""What signals do to a training run: SIGTERM, SIGINT and SIGHUP save and stop, SIGUSR1 saves and goes on."""

import random
import signal
from contextlib import nullcontext

import pytest
import torch

from engine.checkpoints import writing
from engine.run_folder.signals import Interrupted, Requests, stopping
from tests.faults.moments import in_a_step, inode, until
from tests.faults.trials import differences

RNG = random.Random(0)


def stop(trial, number: int, group: bool, status: int) -> None:
    """Signal a run in training: it ends at once, everything is saved, one line says where."""
    attempt = trial.start(workers=2, save_every=1000)
    assert in_a_step(attempt, RNG)
    attempt.process.send(number, group)
    assert attempt.process.wait() == status
    lines = attempt.error_lines()
    assert len(lines) == 1 and "saved in checkpoint/run/last.pth" in lines[0]
    saved = torch.load(attempt.last, weights_only=True)
    done = saved["epoch"] * trial.shape.steps + (saved["progress"] or {"step": 0})["step"]
    assert done == attempt.position()
    assert not attempt.process.members_after(10)


@pytest.mark.parametrize("group", [False, True], ids=["the main process", "all processes"])
def test_sigterm_and_sigint_save_and_stop_and_the_next_start_ends_with_the_same_bits(bench, trial, group):
    stop(trial, signal.SIGTERM, group, 143)
    stop(trial, signal.SIGINT, group, 130)
    trial.finish(workers=1)
    assert not differences(trial.folder, bench.reference)
    resumed = [attempt.resumed() for attempt in trial.attempts[1:]]
    assert resumed == [attempt.position() for attempt in trial.attempts[:-1]]  # not a step was done twice


def test_sigusr1_saves_and_goes_on(bench, trial):
    attempt = trial.start(workers=1, save_every=1000)
    assert until(attempt, lambda: attempt.position() >= 2)
    attempt.process.send(signal.SIGUSR1, group=True)
    assert until(attempt, attempt.last.exists)
    saved = torch.load(attempt.last, weights_only=True)
    assert saved["epoch"] == 0 and saved["progress"]["step"] >= 2
    assert attempt.process.wait() == 0 and not attempt.error_lines()
    assert not differences(trial.folder, bench.reference)


def test_a_second_signal_does_not_wait_and_leaves_the_last_checkpoint_whole(bench, trial):
    attempt = trial.start()
    assert until(attempt, attempt.last.exists)
    for number in (signal.SIGTERM, signal.SIGINT):
        attempt.process.send(number)
    assert attempt.process.wait() in (143, 130)
    assert len(attempt.error_lines()) == 1
    assert torch.load(attempt.last, weights_only=True)["progress"]
    trial.finish()
    assert not differences(trial.folder, bench.reference)


@pytest.mark.parametrize("kind", [Interrupted(signal.SIGINT), OSError(28, "No space left on device")], ids=["signal", "disk"])
def test_whatever_breaks_the_writing_of_a_checkpoint_is_what_is_raised(tmp_path, monkeypatch, kind):
    path, write, left = tmp_path / "last.pth", writing._Hashing.write, 0
    writing.save_checkpoint(path, {"epoch": 1})
    whole = inode(path)

    def broken(self, data):
        nonlocal left
        left -= 1
        if not left:
            raise kind
        return write(self, data)

    monkeypatch.setattr(writing._Hashing, "write", broken)
    expected = Interrupted if isinstance(kind, Interrupted) else writing.TrainingStopped
    for count in range(1, 20):
        left = count
        with pytest.raises(expected, match=r"SIGINT|No space left"):
            writing.save_checkpoint(path, {"epoch": 2, "weights": torch.zeros(1000), "more": torch.ones(10)})
        assert inode(path) == whole and [file.name for file in tmp_path.iterdir()] == ["last.pth"]


def test_a_signal_waits_inside_deferred_and_a_second_one_does_not():
    requests = Requests()
    with requests.installed():
        with pytest.raises(Interrupted) as stopped, requests.deferred():
            signal.raise_signal(signal.SIGTERM)
            assert requests.stop == signal.SIGTERM
        assert stopped.value.number == signal.SIGTERM  # nobody looked: it is raised at the end
        requests.stop = 0
        with pytest.raises(Interrupted) as stopped, requests.deferred():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second one waits")
        assert stopped.value.number == signal.SIGINT
        requests.stop = 0
        with pytest.raises(Interrupted, match="stopped by SIGINT"):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_that_comes_while_the_processes_agree_is_kept_for_the_next_look(number):
    requests = Requests()

    def largest(*values):
        signal.raise_signal(number)
        return list(values)

    ends = pytest.raises(Interrupted) if number == signal.SIGTERM else nullcontext()
    with requests.installed(), ends, requests.deferred():
        assert requests.agreed(False, largest) == (0, False)
        expected = (number, False) if number == signal.SIGTERM else (0, True)
        assert requests.agreed(False, lambda *values: list(values)) == expected


def test_the_signal_of_another_process_and_ones_own_are_one_request():
    requests = Requests()
    with requests.installed(), pytest.raises(Interrupted) as stopped, requests.deferred():
        assert requests.agreed(False, lambda stop, save: [signal.SIGTERM, 0]) == (signal.SIGTERM, False)
        signal.raise_signal(signal.SIGTERM)  # the launcher sends it to each
        requests.stop = signal.SIGINT  # reached: the one above raised nothing
    assert stopped.value.number == signal.SIGINT


def test_the_same_signal_twice_at_once_is_one_request_and_later_a_second_one():
    requests = Requests()
    with requests.installed(), pytest.raises(Interrupted) as stopped, requests.deferred():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        requests._asked -= 1
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("the second one waits")
    assert stopped.value.number == signal.SIGTERM


def test_sighup_is_never_a_second_request():
    requests = Requests()
    with requests.installed(), pytest.raises(Interrupted) as stopped, requests.deferred():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
        requests._asked -= 1
        signal.raise_signal(signal.SIGHUP)
    assert stopped.value.number == signal.SIGTERM


def test_what_nohup_ignores_stays_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Requests().installed():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.SIGHUP not in stopping()
    finally:
        signal.signal(signal.SIGHUP, former)


def test_sigusr1_only_asks_and_the_former_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    requests = Requests()
    with requests.installed():
        signal.raise_signal(signal.SIGUSR1)
        assert requests.save and not requests.stop
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)] == before
