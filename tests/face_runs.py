"""Runs of --predict --faces with the weights of the fixture `in_face_work`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import aligned
from data_preprocessing.sources import videos
from models import load_model, predict
from tests.fake_faces import MarkFinder
from tests.reproduction.cli_runs import run, table

needs_video = pytest.mark.skipif(videos.find_spec("av") is None, reason="reads videos with the package av")
CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def predicted(out: Path, *paths: object, flags: tuple = ()) -> tuple[int, list[dict[str, str]]]:
    """Exit status, and the rows of predictions.csv."""
    command = ("--evaluate", "bare.pth", "--data_type", "RAF-DB", "--device", "cpu", "--precision", "fp32", "-j", 2)
    status = run(*command, "--out", out, "--predict", *paths, "--faces", *flags)
    return status, table(out / "predictions.csv") if (out / "predictions.csv").exists() else []


def values(row: dict[str, str]) -> list[float]:
    """The probabilities in a row."""
    return [float(row[f"p_{name}"]) for name in CLASSES]


def expected(image: Image.Image) -> np.ndarray:
    """Probabilities of an image's faces, from left to right; without points they are cropped by their boxes."""
    faces = sorted(MarkFinder().find(image), key=lambda face: face.box)
    return predict(load_model("bare.pth"), [aligned(image, face, "box", 48) for face in faces])
