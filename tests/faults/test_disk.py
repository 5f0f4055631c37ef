"""Disks that are full, read-only or limited: one line, the last checkpoint whole, nothing half-written, and on with room."""

import contextlib
import shutil
import subprocess

import pytest
import torch

from engine.checkpoints.writing import share_checkpoint
from tests.faults.moments import until
from tests.faults.trials import differences, leftovers

FILE_SIZE = 400_000  # bytes: less than a checkpoint, more than any other file of the small run


def only_line(attempt, status: int) -> str:
    """The attempt ends so, with one line on stderr and nothing half-written."""
    assert attempt.process.wait() == status, attempt.error_lines()
    lines = attempt.error_lines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    assert not leftovers(attempt.folder)
    return lines[0]


def stop_in_training(trial) -> bytes:
    """A first start that is stopped after some steps; returns its checkpoint."""
    attempt = trial.start()
    assert until(attempt, attempt.last.exists)
    attempt.process.send(15)
    assert attempt.process.wait() == 143
    return attempt.last.read_bytes()


@contextlib.contextmanager
def small_disk(folder, size: str):
    """A file system of its own at `folder`; yields what changes its options. Skips where none can be mounted."""

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)

    folder.mkdir(parents=True, exist_ok=True)
    try:
        mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting needs more rights: {error}")
    try:
        yield lambda options: mount("-o", f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def place(trial):
    """The trial's folder on the disk."""
    trial.folder.mkdir()
    return trial.folder


def full(path) -> None:
    """Whatever is written to `path` finds the disk full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/full")


def test_no_room_for_any_checkpoint(bench, trial):
    line = only_line(trial.start(limits={"RLIMIT_FSIZE": FILE_SIZE}), 3)
    assert "checkpoint/run/last.pth: cannot be written (File too large)" in line and "no checkpoint was written yet" in line
    trial.finish()
    assert not differences(trial.folder, bench.reference)


def test_a_disk_that_is_full_at_a_later_checkpoint_keeps_the_one_before(bench, trial, place):
    with small_disk(place / "checkpoint", "1300k") as remount:
        attempt = trial.start(workers=1)
        line = only_line(attempt, 3)
        assert "checkpoint/run/last.pth: cannot be written (No space left on device); make room" in line
        assert "the last good checkpoint is checkpoint/run/last.pth" in line
        assert torch.load(attempt.last, weights_only=True)["progress"]["step"] == trial.shape.save_every
        remount("size=8m")
        assert trial.finish().resumed() == trial.shape.save_every
        assert not differences(trial.folder, bench.reference)


def test_a_folder_of_checkpoints_that_is_read_only(bench, trial, place):
    with small_disk(place / "checkpoint", "8m") as remount:
        whole = stop_in_training(trial)
        remount("ro")
        attempt = trial.start()
        assert "/checkpoint: cannot be written to; start the program in" in only_line(attempt, 2)
        assert attempt.last.read_bytes() == whole
        remount("rw")
        trial.finish()
        assert not differences(trial.folder, bench.reference)


@pytest.mark.parametrize(("name", "other"), [("log", "checkpoint"), ("checkpoint", "log")])
def test_a_folder_that_is_read_only_from_the_start(trial, place, name, other):
    with small_disk(place / name, "8m") as remount:
        remount("ro")
        attempt = trial.start()
        assert f"/{name}: cannot be written to" in only_line(attempt, 2) and not (place / other).exists()
        remount("rw")
        assert trial.finish().text().count("epoch 1/") == 1  # the same command, once it can


@pytest.mark.parametrize("name", ["log", "checkpoint"])
def test_a_file_where_a_folder_should_be(trial, place, name):
    (place / name).touch()
    assert f"/{name}: is a file" in only_line(trial.start(), 2)


def test_each_file_of_the_log_folder_that_finds_the_disk_full(bench, trial, place):
    """One start after the other fails at the next file; the run goes on as far as each time it can."""
    log = place / "log/run"
    for name in ("args.json.partial", "pictures.csv.partial", "log.txt", "train_batch.partial.png"):
        full(log / name)
        line = only_line(trial.start(), 3)
        assert "No space left on device" in line and "log/run" in line
        (log / name).unlink(missing_ok=True)
    whole = stop_in_training(trial)
    for name in ("metrics.csv.partial", "timing.csv.partial", "curves.partial.png"):
        full(log / name)
        attempt = trial.start(save_every=1000)
        line = only_line(attempt, 3)
        assert "No space left on device" in line and "the last good checkpoint is checkpoint/run/last.pth" in line
        assert attempt.last.read_bytes() == whole
    full(log / "report.html.partial")
    attempt = trial.finish()  # what the page shows is in other files too: it ends nothing
    assert attempt.text().count("report.html: cannot be written (No space left on device); the run goes on without it") == 1
    assert (log / "report.html").stat().st_size > 10_000
    assert not differences(trial.folder, bench.reference)
    for name in ("predictions.csv.partial", "f1.partial.png", "result.json.partial"):
        (log / "result.json").unlink(missing_ok=True)  # as if the report had never been written
        full(log / name)
        assert "No space left on device" in only_line(trial.start(), 3)
    trial.finish()
    assert not differences(trial.folder, bench.reference)


def test_a_cache_that_finds_no_room(bench, trial, place):
    trial.cache = place / "cache"
    line = only_line(trial.start(limits={"RLIMIT_FSIZE": 30_000}), 2)
    assert "cannot be written (File too large); give --cache another folder, or --cache off" in line
    shutil.rmtree(place / "cache")
    with small_disk(place / "data", "64k"):  # where --cache auto would put it
        trial.cache = "auto"
        attempt = trial.finish()
        assert "no room" in attempt.text() and "going on without a cache" in attempt.text()
    assert not differences(trial.folder, bench.reference)


def test_sharing_a_checkpoint_that_is_shared_already_leaves_nothing(tmp_path):
    last, best = tmp_path / "last.pth", tmp_path / "best.pth"
    last.write_bytes(b"weights")
    for _ in range(2):
        share_checkpoint(last, best)
        assert best.samefile(last) and sorted(path.name for path in tmp_path.iterdir()) == ["best.pth", "last.pth"]
