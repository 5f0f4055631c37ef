"""A run that goes on decodes nothing again: neither the images of the epoch that it has seen, nor those it has checked."""

import os
from collections import Counter
from pathlib import Path

import pytest

import engine.training.epoch
import main
from data_preprocessing.loading.loaders import EpochBatchSampler
from data_preprocessing.sources.folders import Split
from tests.faults.trials import Shape

SHAPE = Shape(train=8, epochs=2)  # 24 images, 8 steps an epoch, a checkpoint every 3


class Killed(BaseException):
    """Nothing in the program answers it."""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with drawn faces to run in."""
    SHAPE.draw(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def reads(monkeypatch):
    """(decoded, checked): how often each (split, image) was read; to be cleared between two runs."""
    return counted("image", monkeypatch), counted("inspect", monkeypatch)


def counted(name: str, monkeypatch) -> Counter:
    """How often `name` of Split is called for each (split, image)."""
    counter, plain = Counter(), getattr(Split, name)

    def count(self, index):
        counter[self.name, self.paths[index]] += 1
        return plain(self, index)

    monkeypatch.setattr(Split, name, count)
    return counter


def run() -> int:
    return main.main(SHAPE.argv(Path("data")))


def killed_at(step: int, monkeypatch) -> None:
    """Run until `step` is about to be done."""
    plain, calls = engine.training.epoch.train_step, 0

    def train_step(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls == step:
            raise Killed
        return plain(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(engine.training.epoch, "train_step", train_step)
        with pytest.raises(Killed):
            run()


def test_a_run_that_goes_on_decodes_only_the_rest_of_its_epoch_and_checks_only_what_changed(work, reads, monkeypatch, capsys):
    decoded, checked = reads
    killed_at(8, monkeypatch)  # 6 steps are saved
    assert set(checked.values()) == {1} and len(checked) == 24 + 12 + 12
    decoded.clear(), checked.clear()
    names = sorted(path.relative_to(work / "data/train").as_posix() for path in (work / "data/train").rglob("*.png"))
    os.utime(work / "data/train" / names[3], ns=(0, 0))  # as a copy of the same image would
    assert run() == 0
    assert checked == {("train", names[3]): 1}
    train = {path: times for (split, path), times in decoded.items() if split == "train"}
    order = EpochBatchSampler(24, SHAPE.batch, shuffle=True, seed=0).order()
    rest = {names[index] for index in order[6 * SHAPE.batch :]}
    assert train == {name: 1 + (name in rest) for name in names}  # once in the second epoch, and the first one's rest
    others = Counter((split, times) for (split, _), times in decoded.items() if split != "train")
    # after each epoch, and at the end; and once each for report.html
    assert others == {("valid", 3): 12, ("test", 2): 12}
    decoded.clear(), checked.clear()
    assert run() == 0 and "is complete, 2 epochs" in capsys.readouterr().out.splitlines()[-1]
    assert not decoded and not checked
