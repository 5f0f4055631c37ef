"""--workers auto follows the cores that the process may use."""

import os

import pytest

from engine.config.machine import worker_count
from main import get_args_parser


@pytest.mark.parametrize(
    ("cores", "processes", "expected"), [(1, 1, 1), (2, 1, 1), (8, 1, 7), (8, 4, 1), (64, 1, 16), (64, 4, 15)]
)
def test_auto_leaves_a_core_to_each_process(monkeypatch, cores, processes, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert get_args_parser().parse_args(["-j", "auto"]).workers == expected


def test_a_number_stays_one_and_a_word_is_refused(capsys):
    assert worker_count("3") == 3
    with pytest.raises(SystemExit):
        get_args_parser().parse_args(["-j", "many"])
    assert "'many' is no number; give one such as 2, or auto" in capsys.readouterr().err
