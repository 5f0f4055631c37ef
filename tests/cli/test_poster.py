"""POSTER V2 through every command once, under its published protocol; the other whole runs use a small network.

Its image backbone is short but for `full`: the golden numbers are of the whole one.
"""

import csv

import pytest

from data_preprocessing.synthetic.command import write_synthetic
from tests.command_line import run


@pytest.mark.parametrize("length", ["short", pytest.param("whole", marks=pytest.mark.full)])
def test_poster_v2_trains_resumes_evaluates_and_predicts(length, request, tmp_path, monkeypatch):
    if length == "short":
        request.getfixturevalue("short_poster")
    write_synthetic(tmp_path / "data", people={"train": 1, "valid": 1, "test": 1}, views=1)
    monkeypatch.chdir(tmp_path)
    assert run("--data", "data", "--pretrained", "none", "--epochs", 1, "-b", 3, "-j", 0, "--run", "v2") == 0
    assert run("--resume", "checkpoint/v2/last.pth", "--epochs", 2) == 0
    assert run("--evaluate", "checkpoint/v2/best.pth", "--run", "tested") == 0
    assert run("--evaluate", "checkpoint/v2/best.pth", "--predict", "data/test", "--run", "predicted") == 0
    tables = []
    for name in ("v2", "tested", "predicted"):
        with open(f"log/{name}/predictions.csv", newline="", encoding="utf-8") as file:
            tables.append([[float(row[c]) for c in sorted(row) if c.startswith("p_")] for row in csv.DictReader(file)])
    assert len(tables[0]) == 3
    for table in tables[1:]:
        assert [value for row in table for value in row] == pytest.approx([v for row in tables[0] for v in row], abs=1e-5)
