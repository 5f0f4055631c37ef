"""FER2013 as images, where the environment variable FER2013 names its folder: the audit against independent counts of it."""

import os
from pathlib import Path

import pytest

from data_preprocessing.audit.command import audit
from data_preprocessing.audit.command import main as audit_main
from data_preprocessing.prepare.command import main as prepare_main

FER2013 = os.environ.get("FER2013")
pytestmark = [pytest.mark.full, pytest.mark.skipif(not FER2013, reason="FER2013 names no folder of FER2013's images")]


def test_the_counts_of_copies_are_those_counted_independently(tmp_path):
    (tmp_path / "train").symlink_to(Path(FER2013, "train").resolve())
    for label in os.listdir(Path(FER2013, "test")):  # both test splits as one
        (tmp_path / "test" / label).mkdir(parents=True)
        for split in ("valid", "test"):
            (tmp_path / "test" / label / split).symlink_to(Path(FER2013, split, label).resolve())
    figures = audit(tmp_path)[0]
    assert {name: split["pictures"] for name, split in figures["splits"].items()} == {"train": 28_709, "test": 7_178}
    exact = figures["exact"]
    assert (exact["groups"], exact["groups_across_splits"], exact["groups_across_classes"]) == (1516, 531, 57)
    assert figures["leaking"]["exact"] == {"test": 568} and figures["blank"]["total"] == 13


def test_the_command_that_the_audit_names_removes_every_copy_across_splits_and_no_test_image(tmp_path, capsys):
    assert audit_main([FER2013, "--out", str(tmp_path)]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("To leave the copies out: ")]
    words = line.partition("data_preprocessing.prepare ")[2].split()
    words[words.index("--out") + 1] = str(tmp_path / "clean")
    assert prepare_main([*words, "--workers", "1"]) == 0
    figures = audit(tmp_path / "clean")[0]
    assert figures["leaking"]["any"] == {"valid": 0, "test": 0} and figures["copied"]["leave_out"] == {}
    assert figures["splits"]["test"]["pictures"] == 3_589
