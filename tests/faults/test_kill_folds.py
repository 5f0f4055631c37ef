"""A series of folds that is killed, in a run or between two, and started again ends with the bits of an undisturbed one."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.trials import Shape, differences, leftovers

FOLDS = (1, 2, 3)
SHAPE = Shape(train=6, epochs=2)
POOLED = ("predictions.csv", "folds.csv", "folds.json", "confusion_matrix.png", "f1.png")


class Series:
    """One command that trains three folds, started again and again in a folder of its own."""

    def __init__(self, folder: Path, data: Path, launcher):
        self.folder, self.data, self.launcher, self.starts = folder, data, launcher, 0
        folder.mkdir()

    def start(self):
        """The command once more; returns its process."""
        self.starts += 1
        output, errors = (self.folder / f"{self.starts}.{kind}" for kind in ("out", "err"))
        argv = [*SHAPE.argv(self.data, workers=0), "--folds", str(len(FOLDS)), "--group", "none"]
        return self.launcher.start(argv, self.folder, output, errors)

    def text(self) -> str:
        """What the last start has said."""
        return (self.folder / f"{self.starts}.out").read_text(encoding="utf-8")

    def finish(self) -> None:
        """The command once more, to its end."""
        process = self.start()
        assert process.wait(600) == 0, (self.folder / f"{self.starts}.err").read_text(encoding="utf-8")

    def differences(self, other: "Series") -> list[str]:
        """What two finished series do not agree in."""
        found = [f"fold {k}: {one}" for k in FOLDS for one in differences(self.folder, other.folder, f"run_fold{k}")]
        ours, theirs = self.folder / "log/run", other.folder / "log/run"
        found += [name for name in POOLED if (ours / name).read_bytes() != (theirs / name).read_bytes()]
        results = [json.loads((path / "result.json").read_text(encoding="utf-8")) for path in (ours, theirs)]
        return found + ["result.json"] * (results[0] != results[1]) + leftovers(self.folder)


def wait_for(process, condition) -> None:
    """Until the moment to strike. Raises AssertionError where the series ended first."""
    while not condition():
        assert not process.is_over(), "the series was over before its moment came"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(launcher, tmp_path_factory):
    """An undisturbed series."""
    folder = tmp_path_factory.mktemp("series")
    series = Series(folder / "whole", SHAPE.draw(folder / "data"), launcher)
    series.finish()
    return series


def _step_of(series: Series, fold: int) -> bool:
    return "epoch 1 step 3/" in series.text().partition(f"fold {fold} (")[2]


BLOWS = {
    "the series, in a step of fold 2": (lambda series: _step_of(series, 2), "series", signal.SIGKILL, -9),
    "the run of fold 1": (lambda series: _step_of(series, 1), "run", signal.SIGKILL, 3),
    "between two folds": (lambda series: "fold 3 (" in series.text(), "series", signal.SIGKILL, -9),
    "in the report of all folds": (lambda series: (series.folder / "log/run/folds.csv").exists(), "series", signal.SIGKILL, -9),
    "asked to stop": (lambda series: _step_of(series, 3), "series", signal.SIGTERM, 143),
}


@pytest.mark.full
@pytest.mark.parametrize("blow", BLOWS)
def test_a_killed_series_started_again_ends_with_the_same_bits(whole, launcher, tmp_path, blow):
    moment, whom, number, status = BLOWS[blow]
    series = Series(tmp_path / "killed", whole.data, launcher)
    process = series.start()
    wait_for(process, lambda: (series.folder / "1.out").exists() and moment(series))
    if whom == "run":
        launched = process.workers()
        assert len(launched) == 1
        os.kill(launched[0], number)
    else:
        process.send(number)
    assert process.wait(600) == status
    end = time.monotonic() + 60
    while process.members() and time.monotonic() < end:  # the run of the series saves and ends
        time.sleep(0.05)
    series.finish()
    assert series.differences(whole) == []
