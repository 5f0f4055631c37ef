"""The time that is left is told from the steps and epochs done, the slow first step aside."""

import pytest

from engine.training.remaining import Remaining, duration


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (4, "4 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7505, "2 h 5 min"),
        (86400 + 3700, "1 day 1 h"),
        (3 * 86400 + 59, "3 days"),
    ],
)
def test_a_duration_has_two_places(seconds, text):
    assert duration(seconds) == text


def test_the_first_estimate_comes_after_ten_steps_and_leaves_out_the_slow_first_one():
    clock, said = Clock(), []
    remaining = Remaining(20, 3, said.append, clock)
    for step in range(1, 13):
        clock.now += 100 if step == 1 else 2
        remaining.step(1, step)
    assert said == ["  2 s per step: about 1 min 40 s for 50 more steps, validation aside"]


def test_nothing_is_estimated_where_nothing_is_left():
    clock, said = Clock(), []
    remaining = Remaining(10, 1, said.append, clock)
    for step in range(1, 11):
        clock.now += 1
        remaining.step(1, step)
    assert not said and remaining.epoch(1) == ""


def test_a_resumed_training_counts_its_own_epochs_alone():
    clock = Clock()
    remaining = Remaining(10, 6, print, clock)
    clock.now = 60
    assert remaining.epoch(3) == "about 3 min left"
    clock.now = 180
    assert remaining.epoch(4) == "about 3 min left"
