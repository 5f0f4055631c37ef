"""The search around a network: sizes, candidates looked at again, doubles; with a network that the test makes up."""

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import Face
from data_preprocessing.faces.alignment import TEMPLATE, TEMPLATE_SIDE
from data_preprocessing.faces.boxes import overlap, overlaps
from data_preprocessing.faces.search import LONGEST, follow, search, without_doubles


def bright_square(seen: list, score: float = 0.9):
    """detect: the bright part is a face; `seen` gets the sizes that it was asked about."""

    def detect(pixels: np.ndarray) -> list[Face]:
        seen.append(pixels.shape[:2])
        y, x = np.nonzero(pixels[..., 0] > 128)
        if not len(x):
            return []
        left, top, side = float(x.min()), float(y.min()), float(np.ptp(x) + 1)
        return [Face((left, top, side, side), score, TEMPLATE * (side / TEMPLATE_SIDE) + (left, top))]

    return detect


def scene(size=(4000, 3000), square=(1200, 900, 600)) -> Image.Image:
    image = Image.new("RGB", size)
    image.paste((255, 255, 255), (square[0], square[1], square[0] + square[2], square[1] + square[2]))
    return image


def test_a_large_photograph_is_searched_small_and_told_in_its_own_pixels():
    seen: list = []
    (face,) = search(scene(), bright_square(seen), 0.6)
    assert max(max(shape) for shape in seen) == LONGEST
    np.testing.assert_allclose(face.box, (1200, 900, 600, 600), atol=12)
    np.testing.assert_allclose(face.points, TEMPLATE * (600 / TEMPLATE_SIDE) + (1200, 900), atol=12)


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (40, 40)])
def test_small_and_narrow_images_are_searched(size):
    assert search(Image.new("L", size), bright_square([]), 0.6) == []


def test_a_candidate_below_the_least_score_is_no_face():
    assert search(scene((640, 480), (100, 100, 80)), bright_square([], 0.5), 0.6) == []


def test_a_candidate_is_a_face_where_its_own_crop_is_sure():
    def detect(pixels: np.ndarray) -> list[Face]:
        return bright_square([], 0.9 if pixels.shape[:2] == (96, 96) else 0.3)(pixels)

    (face,) = search(scene((640, 480), (100, 100, 80)), detect, 0.6)
    assert face.score == 0.9
    np.testing.assert_allclose(face.box, (100, 100, 80, 80), atol=3)


def test_a_face_is_followed_to_where_it_moved():
    last = [Face((100.0, 100.0, 80.0, 80.0), 0.9, TEMPLATE * (80 / TEMPLATE_SIDE) + 100)]
    (face,) = follow(scene((640, 480), (112, 92, 80)), last, bright_square([]), 0.6)
    np.testing.assert_allclose(face.box, (112, 92, 80, 80), atol=2)
    np.testing.assert_allclose(face.points, TEMPLATE * (80 / TEMPLATE_SIDE) + (112, 92), atol=2)


@pytest.mark.parametrize("square, score", [((300, 300, 80), 0.9), ((100, 100, 80), 0.5)])
def test_a_face_that_is_not_seen_near_its_place_is_lost(square, score):
    last = [Face((100.0, 100.0, 80.0, 80.0), 0.9, TEMPLATE * (80 / TEMPLATE_SIDE) + 100)]
    assert follow(scene((640, 480), square), last, bright_square([], score), 0.6) is None


def test_what_was_guessed_stays_guessed_while_it_is_followed():
    last = [Face((100.0, 100.0, 80.0, 80.0), 0.9, TEMPLATE * (80 / TEMPLATE_SIDE) + 100, is_guessed=True)]
    assert follow(scene((640, 480), (102, 100, 80)), last, bright_square([]), 0.6)[0].is_guessed


@pytest.mark.parametrize(
    "covered, score, guessed", [((), 0.95, False), ((30, 70), 0.95, True), ((78, 112), 0.95, False), ((), 0.8, True)]
)
def test_points_below_a_headset_are_guessed(covered, score, guessed):
    face = np.random.default_rng(0).integers(140, 256, (112, 112, 3)).astype(np.uint8)
    face[slice(*covered) if covered else slice(0)] = 200
    image = Image.new("RGB", (640, 480))
    image.paste(Image.fromarray(face).resize((224, 224), Image.Resampling.BICUBIC), (200, 100))
    (found,) = search(image, bright_square([], score), 0.6)
    assert found.is_guessed == guessed


def test_two_followed_faces_are_not_one():
    last = [Face((x, 100.0, 80.0, 80.0), 0.9, TEMPLATE * (80 / TEMPLATE_SIDE) + (x, 100)) for x in (85.0, 115.0)]
    assert follow(scene((640, 480), (100, 100, 80)), last, bright_square([]), 0.6) is None


def test_of_boxes_on_one_face_the_surest_stays():
    one, same, other = (Face(box, score) for box, score in [((0, 0, 10, 10), 0.5), ((1, 1, 10, 10), 0.7), ((30, 0, 9, 9), 0.6)])
    assert without_doubles([one, same, other]) == [same, other]
    assert overlap(one.box, one.box) == 1 and overlap(one.box, other.box) == 0
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)


def test_overlaps_of_many_boxes_are_those_of_each_pair():
    boxes = np.random.default_rng(0).uniform(1, 20, (12, 4))
    found = overlaps(boxes[:5], boxes)
    assert np.allclose(found, [[overlap(one, other) for other in boxes] for one in boxes[:5]])
    assert overlaps(np.zeros((0, 4)), boxes).shape == (0, 12)
