"""What is told of all photographs and videos together."""

import numpy as np
from PIL import Image

from data_preprocessing.faces import Face
from engine.prediction.faces.report import FaceReport
from models.faces import Crop


def test_faces_that_were_cropped_by_their_boxes_are_counted_by_why():
    report, image = FaceReport(("joy",), 1), Image.new("RGB", (8, 8))
    covered, seen = (Face((0, 0, 8, 8), 0.9, np.zeros((5, 2)), is_guessed=guessed) for guessed in (True, False))
    for face, how in ((covered, "box"), (covered, "box"), (seen, "box"), (seen, "points")):
        report.note_crop(Crop(face, image, how), "points")
    report.faces = 4
    told = "\n".join(report.about_all(1.0, False))
    assert "3 of 4 faces were cropped by their boxes: 2 with eyes that seem covered, 1 with points of no face" in told


def test_boxes_that_were_asked_for_are_not_counted():
    report = FaceReport(("joy",), 1)
    report.note_crop(Crop(Face((0, 0, 8, 8), 0.9, is_guessed=True), Image.new("RGB", (8, 8)), "box"), "box")
    assert "boxes" not in "\n".join(report.about_all(1.0, False))
