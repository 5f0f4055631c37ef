"""Builds of the cache that are killed, that run at once, or that may not write."""

import os
import random
import resource
import signal
import time

import pytest

from data_preprocessing.loading.cache import open_cache
from tests.data_preprocessing.loading.cache_builds import COUNT, GREY, generated, is_right, start_build


def kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def wait_for(condition, process) -> None:
    while not condition():
        assert process.is_alive()
        time.sleep(0.001)


@pytest.mark.full
def test_a_build_killed_at_any_moment_harms_nobody(tmp_path):
    rng = random.Random(0)
    seen = set()
    for attempt in range(25):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process, _ = start_build(folder, seconds=0.001)
        time.sleep(rng.uniform(0, 0.12))
        kill(process)
        seen |= {path.suffix for path in folder.iterdir()}
        assert is_right(open_cache(generated(), "f", GREY, folder))
        assert sorted(path.suffix for path in folder.iterdir()) == [".cache", ".lock"]
    assert ".partial" in seen  # some were killed in the middle


def test_two_runs_at_once_decode_once(tmp_path):
    more = dict(seconds=0.02, log=tmp_path / "decoded")  # long enough for a second process to start on a busy machine
    first, first_said = start_build(tmp_path / "cache", **more)
    wait_for((tmp_path / "decoded").exists, first)
    second, second_said = start_build(tmp_path / "cache", **more)
    assert "caching" in first_said.get() and first_said.get() == "built"
    assert "waiting for another run" in second_said.get() and second_said.get() == "built"
    assert (tmp_path / "decoded").stat().st_size == COUNT
    first.join(), second.join()


def test_the_second_run_builds_where_the_first_is_killed(tmp_path):
    log = tmp_path / "decoded"
    first, _ = start_build(tmp_path / "cache", seconds=0.02, log=log)
    wait_for(log.exists, first)
    second, said = start_build(tmp_path / "cache")
    assert "waiting for another run" in said.get()
    kill(first)
    assert "caching" in said.get() and said.get() == "built"
    second.join()


def test_what_a_dead_build_left_is_removed_and_a_live_one_is_not(tmp_path):
    (tmp_path / "train-grey48-resize-0000.partial").write_bytes(b"dead")
    log = tmp_path / "decoded"
    live, said = start_build(tmp_path, seconds=0.02, log=log)
    wait_for(log.exists, live)
    open_cache(generated(3), "another", GREY, tmp_path)
    assert live.is_alive()
    assert [path.name[:20] for path in tmp_path.glob("*.partial")] == ["train-grey48-resize-"]
    assert not (tmp_path / "train-grey48-resize-0000.partial").exists()
    assert "caching" in said.get() and said.get() == "built"
    live.join()


def test_a_limit_on_the_file_size_leaves_nothing(tmp_path):
    limit = 20 * GREY.nbytes
    process, said = start_build(tmp_path, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert "caching" in said.get()
    message = said.get()
    assert message.startswith("DataError: ") and "cannot be written (File too large)" in message
    process.join()
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
