"""A page as large as they get."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.engine.report.reports import WEIGHTS, guesses, run_page, write_noise

SEVEN = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """The folder of a run with a page of 3,003 test images of noise in 7 classes, and a first batch of noise."""
    folder = tmp_path_factory.mktemp("large")
    split = write_noise(folder / "test", SEVEN, 429, 80)
    pixels = np.random.default_rng(0).integers(0, 256, (576, 960, 3), dtype=np.uint8)
    page = run_page(folder / "run", [], SEVEN, epochs=200)
    Image.fromarray(pixels).save(folder / "run/train_batch.png")
    page.write_result(guesses(split), split, SEVEN, WEIGHTS)
    yield folder / "run"
    shutil.rmtree(folder)
