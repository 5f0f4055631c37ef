"""Which boxes of successive frames are one face."""

import pytest

from engine.prediction.faces.tracks import Tracker


def test_two_faces_that_move_past_each_other_keep_their_numbers():
    tracker = Tracker(0.04)
    for k in range(60):
        boxes = [(4 * k, 0, 50, 50), (240 - 4 * k, 60, 50, 50)]
        order = [0, 1] if k % 2 else [1, 0]  # a finder gives no order
        tracks = tracker.update([boxes[i] for i in order], 0.04 * k)
        assert [tracks[order.index(i)] for i in (0, 1)] == [2, 1]


def test_the_best_overlap_wins_where_two_faces_fit_a_track():
    tracker = Tracker(0.04)
    assert tracker.update([(0, 0, 40, 40)], 0) == [1]
    assert tracker.update([(12, 0, 40, 40), (2, 0, 40, 40)], 0.04) == [2, 1]


@pytest.mark.parametrize(
    ("step", "pause", "goes_on"), [(0.04, 0.4, True), (0.04, 0.6, False), (1.0, 2.0, True), (1.0, 3.0, False)]
)
def test_a_face_that_is_lost_for_a_moment_goes_on(step, pause, goes_on):
    tracker = Tracker(step)
    assert tracker.update([(0, 0, 40, 40)], 10.0) == [1]
    assert tracker.update([], 10.0 + pause / 2) == []
    assert tracker.update([(3, 3, 40, 40)], 10.0 + pause) == [1 if goes_on else 2]


def test_a_number_is_never_given_twice():
    tracker, seen = Tracker(0.04), set()
    for k in range(30):
        [number] = tracker.update([(100 * k, 0, 50, 50)], 0.04 * k)
        assert number not in seen
        seen.add(number)
    assert seen == set(range(1, 31))
