"""Averages over time within a track."""

import numpy as np
import pytest

from engine.prediction.faces.rows import FaceRow, Smoother


def row(frame: int, track: int, *probabilities: float) -> FaceRow:
    return FaceRow("v.mp4", frame, frame / 10, 1, track, (0, 0, 1, 1), 1.0, np.array(probabilities, np.float32))


def smoothed(seconds: float, frames: list[list[FaceRow]], step: float = 0.1) -> list[list[FaceRow]]:
    smoother, found = Smoother(seconds), []
    for k, rows in enumerate(frames):
        found += smoother.add(k * step, rows)
    return found + list(smoother.flush())


def test_each_frame_is_the_mean_of_those_around_it_in_its_track():
    values = np.random.default_rng(0).random((12, 2)).astype(np.float32)
    frames = [[row(k, 1, *values[k]), row(k, 2, 0.5, 0.5)] for k in range(12)]
    found = smoothed(0.4, frames)
    assert [rows[0].frame for rows in found] == list(range(12)) and all(len(rows) == 2 for rows in found)
    for k, rows in enumerate(found):
        assert np.allclose(rows[0].probabilities, values[max(0, k - 2) : k + 3].mean(axis=0), atol=1e-6)
        assert rows[1].probabilities.tolist() == [0.5, 0.5] and rows[1].track == 2


def test_without_seconds_nothing_changes():
    frames = [[row(k, 1, k / 10, 1 - k / 10)] for k in range(10)]
    found = smoothed(0, frames)
    assert [rows[0].probabilities.tolist() for rows in found] == [rows[0].probabilities.tolist() for rows in frames]


def test_frames_without_faces_are_kept_and_gaps_do_not_move_anything():
    frames = [[row(0, 1, 1.0, 0.0)], [], [], [row(3, 1, 0.0, 1.0)]]
    found = smoothed(0.4, frames)
    assert [len(rows) for rows in found] == [1, 0, 0, 1]
    assert found[0][0].probabilities.tolist() == [1.0, 0.0] and found[3][0].probabilities.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0])
def test_what_is_held_is_bounded_by_the_seconds(seconds):
    smoother, given = Smoother(seconds), 0
    for k in range(500):
        given += len(list(smoother.add(k / 10, [row(k, 1, 0.5, 0.5)])))
        assert len(smoother._frames) <= 10 * seconds + 2
    assert given + len(list(smoother.flush())) == 500
