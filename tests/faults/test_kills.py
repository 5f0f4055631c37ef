"""Runs that are killed and started again end with the bits of an undisturbed one; kills.py does many more of them."""

import random

import pytest

from tests.faults.kills import Bench
from tests.faults.trials import Shape, differences

CHAINS = {
    "before anything is saved, in a step, in the report": (
        "kill -9 before the first checkpoint", "kill -9 in a step", "kill -9 in the final report",
    ),
    "while files are written": (
        "kill -9 in the build of the cache", "kill -9 in the writing of a checkpoint", "kill -9 between last.pth and best.pth",
    ),
    "a plot, an idle loading process": ("kill -9 in a plot", "kill -9 of an idle loading process"),
}  # fmt: skip
QUICK = "a plot, an idle loading process"  # the one that is no long test


@pytest.mark.parametrize(
    "chain", [pytest.param(CHAINS[name], id=name, marks=[pytest.mark.full] * (name != QUICK)) for name in CHAINS]
)
def test_a_killed_run_started_again_ends_with_the_same_bits(bench, chain):
    known = {fault.name: fault for fault in bench.faults}
    hits, problems = bench.run("_".join(chain).replace(" ", "-"), [known[name] for name in chain], random.Random(0))
    assert not problems
    assert hits  # a slow machine may miss some moments


@pytest.mark.full
def test_a_run_that_patience_ends_is_killed_and_ends_at_the_same_epoch_with_the_same_bits(launcher, tmp_path):
    bench = Bench(tmp_path, Shape(train=4, epochs=9, patience=1), launcher)
    assert len((bench.reference / "log/run/metrics.csv").read_text(encoding="utf-8").splitlines()) - 1 < 9
    known = {fault.name: fault for fault in bench.faults}
    chain = ("kill -9 in a step", "kill -9 in the writing of a checkpoint", "kill -9 in the final report")
    hits, problems = bench.run("patience", [known[name] for name in chain], random.Random(0))
    assert not problems
    assert hits


def test_a_difference_would_be_noticed(bench, trial):
    """The comparison itself: a run of another seed agrees in next to nothing."""
    trial.finish(more="--seed 1")
    found = differences(trial.folder, bench.reference)
    assert {"last.pth: state_dict", "last.pth: optimizer", "last.pth: rng", "best.pth: state_dict"} <= set(found)
    assert {"metrics.csv", "predictions.csv"} <= set(found)
    (trial.folder / "log/run/curves.partial.png").touch()
    assert "left: log/run/curves.partial.png" in differences(trial.folder, bench.reference)
