"""One process per run: a second one is refused, and the lock ends with the process that held it."""

import errno
import fcntl
import os
import signal
import socket

from engine.run_folder.lock import RunLock
from tests.faults.moments import until
from tests.faults.trials import differences


def in_another_process(action) -> str:
    """What `action` returns or raises in a forked process."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            text = str(action())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writing)
    with open(reading, "rb") as file:
        return file.read().decode()


def test_a_second_process_is_refused_and_told_who_works_on_the_run(bench, trial):
    first = trial.start(workers=2)
    assert until(first, lambda: first.position() >= 1)
    first.process.send(signal.SIGSTOP, group=True)
    text = (first.log / "log.txt").read_bytes()
    second = trial.start()
    assert second.process.wait() == 2
    (line,) = second.error_lines()
    assert f"--run run: process {first.process.pid} on {socket.gethostname()}" in line and "wait for it" in line
    assert (first.log / "log.txt").read_bytes() == text  # it left no trace
    first.process.send(signal.SIGCONT, group=True)
    assert first.process.wait() == 0
    assert not differences(trial.folder, bench.reference)


def test_the_lock_is_gone_at_once_after_kill_9_even_where_loading_processes_live_on(bench, trial):
    first = trial.start(workers=2)
    assert until(first, lambda: first.position() >= 1)
    workers = first.process.workers()
    assert len(workers) == 2
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    first.process.send(signal.SIGKILL)
    assert first.process.wait() == -signal.SIGKILL
    trial.finish(workers=1)
    assert sorted(first.process.members()) == sorted(workers)  # the whole time
    assert not differences(trial.folder, bench.reference)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    assert not first.process.members_after(15)


def test_a_lock_keeps_other_processes_out_until_it_is_released(tmp_path):
    lock = RunLock(tmp_path / "run")
    refused = in_another_process(lambda: RunLock(tmp_path / "run"))
    assert refused.startswith(f"UsageError: --run run: process {os.getpid()} on {socket.gethostname()} (since ")
    lock.release()
    assert "RunLock" in in_another_process(lambda: RunLock(tmp_path / "run"))
    assert (tmp_path / "run/.lock").exists()  # it stays: see RunLock


def test_a_forked_process_neither_holds_nor_ends_the_lock(tmp_path):
    lock = RunLock(tmp_path / "run")
    in_another_process(lock.release)  # as a loading process does when it ends
    assert in_another_process(lambda: RunLock(tmp_path / "run")).startswith("UsageError")
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:  # one that outlives the release
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    lock.release()
    assert "RunLock" in in_another_process(lambda: RunLock(tmp_path / "run"))
    os.close(writing), os.close(reading)
    os.waitpid(pid, 0)


def test_a_lock_file_that_says_nothing_of_its_holder(tmp_path):
    lock = RunLock(tmp_path / "run")
    for content in ("", "{", "[1]", '{"pid": 1}', "null"):
        os.truncate(lock.path, 0)
        os.pwrite(lock._file.fileno(), content.encode(), 0)
        assert "--run run: another process is working on this run" in in_another_process(lambda: RunLock(tmp_path / "run"))


def test_a_file_system_without_locks_does_not_stop_a_run(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    RunLock(tmp_path / "run").release()
