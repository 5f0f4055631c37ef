"""Small training runs that the tests of the published defects share."""

import shutil
from pathlib import Path

import pytest

from data_preprocessing.synthetic.command import write_synthetic
from tests.reproduction.cli_runs import V2, train
from tests.short_poster import short_poster

KEPT = ("one", "two", "v2", "still")


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory):
    """A folder with drawn faces of three classes in data/, an image a class and split."""
    folder = tmp_path_factory.mktemp("runs")
    write_synthetic(folder / "data", people={"train": 1, "valid": 1, "test": 1}, views=1)
    yield folder
    shutil.rmtree(folder)


def _trained(folder: Path, name: str, *arguments: object, epochs: int = 1) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(name, *arguments, epochs=epochs)
    return name


@pytest.fixture(scope="session")
def one(runs_folder) -> str:
    """The name of a finished run of one epoch."""
    return _trained(runs_folder, "one")


@pytest.fixture(scope="session")
def two(runs_folder) -> str:
    """The name of a finished run of two epochs, otherwise as `one`."""
    return _trained(runs_folder, "two", epochs=2)


@pytest.fixture(scope="session")
def v2(runs_folder) -> str:
    """The name of a finished run of a short POSTER V2 of one epoch, for what is a matter of that network or of its recipe.
    A test that reads its checkpoint takes `short_poster` too."""
    with short_poster():
        return _trained(runs_folder, "v2", *V2)


@pytest.fixture
def work(runs_folder, monkeypatch):
    """The folder with data/ and the shared runs as the current one; a test's own checkpoints are removed after it."""
    monkeypatch.chdir(runs_folder)
    yield runs_folder
    for folder in (runs_folder / "checkpoint").glob("*"):
        if folder.name not in KEPT:
            shutil.rmtree(folder)
