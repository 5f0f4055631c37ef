"""Alignment by five points and by the box: known transforms, edges, points of no face, reduction without loss of detail."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_preprocessing.faces import Face, aligned, main_face, placed, warped
from data_preprocessing.faces.alignment import TEMPLATE, fits, similarity

BOX = (30.0, 20.0, 40.0, 50.0)


def turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    a = math.radians(degrees)
    return scale * points @ np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) + shift


@settings(deadline=None)
@given(st.floats(-180, 180), st.floats(0.05, 20), st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_a_known_similarity_is_found(degrees, scale, x, y):
    moved = turned(TEMPLATE, degrees, scale, (x, y))
    matrix = similarity(moved, TEMPLATE)
    np.testing.assert_allclose(moved @ matrix[:, :2].T + matrix[:, 2], TEMPLATE, atol=1e-6)
    assert math.hypot(*matrix[:, 0]) == pytest.approx(1 / scale)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_points_of_the_template_give_the_image_back(make_image):
    image = make_image(1, (112, 112))
    assert aligned(image, Face(BOX, 1.0, TEMPLATE), "points", 112).tobytes() == image.tobytes()


def test_a_turned_face_comes_out_as_an_upright_one(make_image):
    image = make_image(2, (112, 112))
    matrix = similarity(TEMPLATE, turned(TEMPLATE, 25, 2.0, (300, 100)))
    inverse = np.linalg.inv(np.vstack([matrix, (0, 0, 1)]))[:2].ravel()
    scene = image.transform((640, 480), Image.Transform.AFFINE, inverse, Image.Resampling.BICUBIC)
    face = Face(BOX, 1.0, turned(TEMPLATE, 25, 2.0, (300, 100)))
    assert face.roll == pytest.approx(25 - math.degrees(math.atan2(51.6963 - 51.5014, 73.5318 - 38.2946)), abs=1e-6)
    crop = np.asarray(aligned(scene, face, "points", 112)).astype(int)
    assert np.abs(crop - np.asarray(image))[8:-8, 8:-8].mean() < 2


def test_a_crop_of_a_large_face_is_reduced_not_sampled():
    values = np.zeros((1000, 1000, 3), np.uint8)
    values[::3] = 240  # stripes of a pixel, whose mean is 80
    crop = np.asarray(warped(Image.fromarray(values), np.array([[0.1, 0, 0], [0, 0.1, 0]]), 100)).astype(int)
    assert np.abs(crop[5:-5, 5:-5] - 80).max() <= 8


def test_what_lies_beyond_the_edge_is_black(make_image):
    image = Image.new("RGB", (100, 100), "white")
    crop = np.asarray(aligned(image, Face((-25.0, 0.0, 50.0, 50.0), 1.0), "box", 60))
    assert (crop[:, :29] == 0).all() and (crop[6:54, 31:] == 255).all()
    outside = aligned(image, Face((500.0, 500.0, 50.0, 50.0), 1.0), "box", 60)
    assert outside.size == (60, 60) and not np.asarray(outside).any()


def test_a_box_crop_is_a_square_with_its_margin():
    matrix, how = placed(Face(BOX, 1.0, TEMPLATE), "box", 120, (200, 200), margin=0.1)
    corners = np.array([(50 - 30, 45 - 30), (50 + 30, 45 + 30)])  # around its centre, 50 × 1.2 pixels per side
    np.testing.assert_allclose(corners @ matrix[:, :2].T + matrix[:, 2], [(0, 0), (120, 120)], atol=1e-9)
    assert how == "box"


@pytest.mark.parametrize(
    "points",
    [
        None,
        np.full((5, 2), 7.0),
        np.full((5, 2), np.nan),
        TEMPLATE * (-1, 1) + (112, 0),  # mirrored, which no camera does to a face
        TEMPLATE[[3, 0, 1, 4, 2]],
    ],
)
def test_without_points_of_a_face_the_box_is_taken(points):
    assert points is None or not fits(points)
    assert placed(Face(BOX, 1.0, points), "points", 112, (100, 100)).how == "box"


def test_guessed_points_are_not_taken():
    assert placed(Face(BOX, 1.0, TEMPLATE, is_guessed=True), "points", 112, (100, 100)).how == "box"


def test_points_somewhat_off_are_taken():
    noise = np.random.default_rng(0).normal(0, 3, (5, 2))
    assert placed(Face(BOX, 1.0, TEMPLATE + noise), "points", 112, (100, 100)).how == "points"


@pytest.mark.parametrize("face", [None, Face(BOX, 1.0, TEMPLATE)])
def test_none_fits_the_whole_image(face):
    image = Image.new("RGB", (200, 100), "white")
    crop = np.asarray(aligned(image, face, "none", 50))
    assert (crop[14:36] == 255).all() and not crop[:11].any() and not crop[39:].any()


def test_the_main_face_is_large_and_central():
    small, corner = Face((90.0, 90.0, 20.0, 20.0), 0.99), Face((0.0, 0.0, 50.0, 50.0), 0.9)
    middle = Face((80.0, 80.0, 45.0, 45.0), 0.7)
    assert main_face([small, corner, middle], (200, 200)) is middle
    assert main_face([small, corner], (200, 200)) is corner
