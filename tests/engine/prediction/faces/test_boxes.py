"""Boxes, names and bars on photographs, and plots of tracks."""

from itertools import product

import numpy as np
import pytest
from PIL import Image

from engine.prediction.faces.boxes import LONGEST, draw_faces
from engine.prediction.faces.rows import FaceRow
from engine.prediction.faces.timeline import plot_tracks

CLASSES = ("joy", "슬픔", "anger")


def row(box: tuple, best: int = 0, track: int | None = None, time: float | None = None, face: int = 1) -> FaceRow:
    probabilities = np.full(3, 0.1, np.float32)
    probabilities[best] = 0.8
    return FaceRow("a", None if time is None else int(25 * time), time, face, track, box, 0.9, probabilities)


def changed(size: tuple[int, int], rows: list[FaceRow], classes=CLASSES) -> np.ndarray:
    """(H, W): where drawing changed a grey image."""
    image = Image.new("RGB", size, (120, 120, 120))
    drawn = draw_faces(image, rows, classes)
    assert image.getpixel((0, 0)) == (120, 120, 120) and drawn.size == size
    return (np.asarray(drawn) != 120).any(axis=2)


def test_the_image_itself_stays_without_faces():
    assert not changed((320, 240), []).any()


def test_a_box_stands_around_the_face_and_bars_beside_it():
    found = changed((640, 480), [row((100, 200, 80, 90))])
    inside = found[210:280, 110:170]
    assert not inside.any() and found[200, 100:180].all() and found[200:290, 100].all() and found[200:240, 200:260].any()


@pytest.mark.parametrize("box", [(0, 0, 80, 90), (560, 390, 80, 90), (-30, -20, 80, 90), (600, 440, 90, 90), (0, 0, 640, 480)])
def test_faces_at_the_edge_are_drawn_with_names_and_bars_within_the_image(box):
    assert changed((640, 480), [row(box)]).sum() > 3000


def test_bars_cover_no_other_face():
    rows = [row((60 + 150 * x, 40 + 110 * y, 70, 80), face=1 + x + 4 * y) for x, y in product(range(4), range(4))]
    found = changed((640, 480), rows)
    for x, y in product(range(4), range(4)):
        assert not found[44 + 110 * y : 116 + 110 * y, 64 + 150 * x : 126 + 150 * x].any()


def test_korean_names_are_letters_and_no_empty_boxes():
    letters = [changed((640, 480), [row((100, 200, 80, 90))], classes=(name, "x", "y")) for name in ("슬픔", "기쁨", "ࠀࠁ")]
    assert all((first != second).any() for first, second in ((letters[0], letters[1]), (letters[0], letters[2])))


def test_of_hundreds_of_faces_each_has_its_box():
    rows = [row((60 * x + 5, 60 * y + 20, 30, 30), face=1 + x + 20 * y) for x, y in product(range(20), range(15))]
    found = changed((1280, 960), rows)
    corners = [found[60 * y + 49, 60 * x + 5 : 60 * x + 35].any() for x, y in product(range(20), range(15))]
    assert len(rows) == 300 and all(corners)


def test_in_a_crowd_no_name_covers_the_next_one():
    rows = [row((60 * x + 5, 60 * y + 20, 30, 30), face=1 + x + 20 * y) for x, y in product(range(20), range(15))]
    found = changed((1280, 960), rows)
    covered = [found[60 * y + 5 : 60 * y + 18, 60 * x + 48 : 60 * x + 60].any() for x, y in product(range(19), range(15))]
    assert sum(covered) <= 40  # beside the six that have names and bars


def test_a_large_photograph_is_drawn_smaller_with_its_boxes_in_place():
    image = Image.new("RGB", (4000, 3000), (120, 120, 120))
    drawn = np.asarray(draw_faces(image, [row((1000, 1500, 400, 400))], CLASSES))
    assert drawn.shape == (1440, LONGEST, 3)
    scale = LONGEST / 4000
    assert (drawn[round(1900 * scale) - 3 : round(1900 * scale) + 3, round(1200 * scale)] != 120).any()


@pytest.mark.parametrize("count", [1, 40])
def test_a_plot_per_track_and_none_without_faces(tmp_path, count):
    rows = [row((0, 0, 9, 9), best=k % 3, track=1 + k % 8, time=0.04 * k) for k in range(count)]
    plot_tracks(lambda: iter(rows), CLASSES, "v.mp4", tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size[1] > 300
    plot_tracks(lambda: iter([]), CLASSES, "v.mp4", tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()
