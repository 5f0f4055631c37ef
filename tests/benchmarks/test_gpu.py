"""The command for the day a GPU is there runs on the CPU as far as it goes, part by part, and goes on after a break."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_parts import PARTS, Work

CPU = torch.device("cpu")


@pytest.mark.parametrize("part", ["golden", "trajectory", "repeatable", "precisions", "memory"])
def test_a_part_finds_what_is_right_on_a_cpu(part, tmp_path):
    found = PARTS[part](Work(CPU, quick=True, folder=tmp_path))
    json.dumps(found)
    if part == "trajectory":
        assert found["largest difference of weights, as a share"]["float64"] == 0
        assert 0 < found["first loss's difference"]["float32"] < 1e-5
    if part == "repeatable":
        assert found["equal bits"] and all(found["equal bits"].values())
    if part == "precisions":
        assert found["loss"]["fp32"]["last"] < 2.5
    if part == "memory":
        assert found["fp32"]["peak, GiB"] > 0


def test_what_is_done_is_kept_and_only_the_rest_runs():
    asked, kept = [], []

    def run(part, seconds):
        asked.append(part)
        return {"failed": "it broke"} if part == "resume" and len(asked) < 5 else {"fine": 1.0}

    results = {"machine": "a GPU", "torch": "2", "golden": {"fine": 2.0}}
    gpu.go_through(results, run, lambda done: kept.append(dict(done)), 60)
    assert asked == [part for part in PARTS if part != "golden"] and len(kept) == len(asked)
    gpu.go_through(results, run, kept.append, 60)
    assert asked[-1] == "resume" and asked.count("times") == 1
    text = gpu.as_markdown(results)
    assert text.startswith("# a GPU, torch 2") and "| fine | 2 |" in text
    gpu.go_through(rest := {}, run, kept.append, -1)
    assert all(rest[part] == {"failed": "no time was left"} for part in PARTS)


@pytest.mark.full
def test_the_whole_command_on_the_cpu(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--device", "cpu", "--quick"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert run.returncode == 0, results
    assert results["resume"] == {"statuses, 0 143 0 expected": [0, 143, 0], "equal bits": True}
    assert "| fp32: SAM step, s |" in (tmp_path / "gpu.md").read_text()
