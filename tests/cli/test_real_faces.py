"""Real photographs, where the environment variable FER_FACES names a folder with train/, valid/ and test/."""

import os
import shutil
from pathlib import Path

import pytest

import main
from data_preprocessing.sources.folders import check_images, read_split
from data_preprocessing.sources.split_folders import find_splits

FACES = os.environ.get("FER_FACES")
pytestmark = pytest.mark.skipif(not FACES, reason="FER_FACES names no folder of photographs")


def test_every_photograph_can_be_read_and_no_person_is_in_two_splits():
    splits = [read_split(name, folder) for name, folder in find_splits(FACES).items()]
    assert len({split.classes for split in splits}) == 1
    people = []
    for split in splits:
        checked = check_images(split, skip_bad=False)
        assert not checked.bad and checked.split.paths == split.paths
        people.append({Path(path).name.split("_")[0] for path in split.paths})
    assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]


def test_a_run_on_photographs_trains_and_reports_on_the_test_split(tmp_path, monkeypatch, capsys):
    for split, folder in find_splits(FACES).items():
        for name in read_split(split, folder).classes:
            (tmp_path / "faces" / split / name).mkdir(parents=True)
            for path in sorted((folder / name).iterdir())[:2]:
                shutil.copy(path, tmp_path / "faces" / split / name)
    monkeypatch.chdir(tmp_path)
    flags = ["--data", "faces", "--model", "deep_emotion", "--epochs", "1", "-b", "6", "--run", "photos"]
    assert main.main(flags) == 0
    out = capsys.readouterr().out
    assert "train: 12 images" in out and "reported on test" in out
    shutil.rmtree(tmp_path / "checkpoint")
