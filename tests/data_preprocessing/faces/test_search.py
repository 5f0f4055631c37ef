"""The search around a network: sizes, candidates looked at again, doubles; with a network that the test makes up."""

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import Face
from data_preprocessing.faces.alignment import TEMPLATE, TEMPLATE_SIDE
from data_preprocessing.faces.search import LONGEST, overlap, search, without_doubles


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


def test_of_boxes_on_one_face_the_surest_stays():
    one, same, other = (Face(box, score) for box, score in [((0, 0, 10, 10), 0.5), ((1, 1, 10, 10), 0.7), ((30, 0, 9, 9), 0.6)])
    assert without_doubles([one, same, other]) == [same, other]
    assert overlap(one.box, one.box) == 1 and overlap(one.box, other.box) == 0
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
