"""What the speed benchmark times really runs, in turns, and counts what the plain network does."""

import json

import pytest
import torch

from benchmarks import measure, speed
from tests.golden_values import FOLDER

CPU = torch.device("cpu")


def test_functions_take_turns_after_a_warm_up():
    called = []
    ways = {name: lambda name=name: called.append(name) for name in "ab"}
    times = measure.interleave(ways, 3, CPU)
    assert called == list("ab" * 4)
    assert {name: len(taken) for name, taken in times.items()} == {"a": 3, "b": 3}


def test_operations_are_those_of_the_plain_network():
    plain = speed.count_operations(speed.prepare_forward("plain", "poster_v2", 1, CPU))
    reference = json.loads((FOLDER / "flops.json").read_text())["systems"]["poster_v2"]["flops"]
    assert plain == pytest.approx(reference, rel=1e-3)  # it runs the landmark network's last layer too


def test_steps_of_both_sides_run_and_memory_is_read():
    for way in ("plain", "fp32"):
        speed.prepare_step(way, "poster_v1_small", 2, CPU)()
    assert measure.peak_bytes(CPU) > 2**28
    assert "threads" in measure.machine(CPU)
