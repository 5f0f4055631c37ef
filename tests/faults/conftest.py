"""One process that starts runs, and one undisturbed run to compare with, for all tests of a file."""

import sys

import pytest

from tests.faults.kills import Bench
from tests.faults.processes import Forked
from tests.faults.trials import Shape


@pytest.fixture(scope="session")
def launcher():
    if sys.platform != "linux":
        pytest.skip("processes are watched by way of /proc and pidfd")
    forked = Forked()
    yield forked
    forked.close()


@pytest.fixture(scope="session")
def bench(launcher, tmp_path_factory):
    """Runs of 3 epochs of 16 steps: long enough for a signal to find them in training."""
    return Bench(tmp_path_factory.mktemp("faults"), Shape(), launcher)


@pytest.fixture
def trial(bench, tmp_path):
    """A run in a folder of its own, without a cache."""
    trial = bench.trial(tmp_path / "trial")
    yield trial
    for attempt in trial.attempts:
        attempt.process.end_all()
