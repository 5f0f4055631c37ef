"""A checkpoint to export, and a folder for the files, for every test here."""

import pytest
import torch

from tests.fuzz.checkpoint_files import signed
from tests.models.export.exporting import save


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("export") / "best.pth")
    content = torch.load(path, weights_only=True)
    content["state_dict"]["fc2.weight"] *= 20
    torch.save(signed(content), path)
    return path


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def images(make_image):
    return [make_image(k, (50 + k % 2 * 30, 60)) for k in range(34)]
