"""Accuracy with and without copies of training images, on a run and an audit written by hand."""

import csv

import numpy as np
import pytest

from benchmarks import duplicates
from tests.engine.compare.compare_runs import CLASSES, write_run

COLUMNS = ["image", "split", "class", "kind", "group", "copy", "copy_split", "copy_class", "similarity", "action", "source"]


@pytest.fixture
def folder(tmp_path):
    """Run log/r of six test images, of which 0 to 3 are right, and audit.csv: 0 an exact copy of one in train, which
    another row of the group says, 1 a near one, 2 a copy of one in valid."""
    labels = np.arange(6) % 3
    write_run(tmp_path / "log/r", labels, np.where(np.arange(6) < 4, labels, (labels + 1) % 3))
    with open(tmp_path / "audit.csv", "w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        rows = (
            (0, "exact", "valid"),
            (0, "near", "train"),
            (1, "near, mirrored", "train"),
            (2, "exact", "valid"),
            (2, "near", "test"),
        )
        for k, kind, split in rows:
            image = f"test/{CLASSES[k % 3]}/{k}.png"
            table.writerow(
                {"image": image, "split": "test", "kind": kind, "copy": f"{split}/x/9.png", "copy_split": split, "group": k}
            )
        table.writerow({"image": "train/x/9.png", "split": "train", "kind": "exact", "copy": "valid/x", "group": 0})
    return tmp_path


def test_copies_of_training_images_are_left_out_of_the_accuracy(folder, capsys):
    assert duplicates.main([str(folder / "audit.csv"), str(folder / "log/r")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "r" and [line.split(" (")[0] for line in lines[1:]] == [
        "  all: 66.67 %",
        "  without exact copies: 60.00 %",
        "  without exact and near copies: 50.00 %",
        "  exact copies: 100.00 %",
        "  near copies: 100.00 %",
    ]
    assert [line.rsplit(" ", 1)[1] for line in lines[1:]] == ["6", "5", "4", "1", "1"]


def test_what_is_no_audit_is_refused_in_a_line(folder, capsys):
    for name, words in (("missing.csv", "No such file"), ("log/r/predictions.csv", "is no audit.csv")):
        assert duplicates.main([str(folder / name), str(folder / "log/r")]) == 2
        error = capsys.readouterr().err
        assert words in error and name in error and error.count("\n") == 1
