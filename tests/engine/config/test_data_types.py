"""Which protocol a data set gets by itself, and what is said of one that does not fit."""

import json
from pathlib import Path

import pytest

from data_preprocessing.readers import READERS
from engine.config.data_types import about_data_type, prepared_data_type
from engine.config.recipes import DATA_TYPES, SYNTHETIC
from engine.config.settings import reading_of, resolve
from tests.command_line import run


def prepared(folder: Path, plan: object) -> str:
    """A folder as `prepare` leaves it, by its plan alone."""
    folder.mkdir(exist_ok=True)
    (folder / "prepare.json").write_text(plan if isinstance(plan, str) else json.dumps(plan))
    return str(folder)


@pytest.mark.parametrize(
    ("name", "data_type"),
    [("affectnet", "AffectNet-7"), ("caer-s", "CAER-S"), ("aihub", "AI-Hub"), ("vr", "VR"), ("fer2013", "FER2013")],
)
def test_a_prepared_folder_has_the_protocol_of_what_it_was_made_of(tmp_path, name, data_type):
    data = prepared(tmp_path / "d", {"name": name})
    assert name in READERS and resolve({"data": data}, {}).data_type == data_type
    assert resolve({"data": data, "data_type": "RAF-DB"}, {}).data_type == "RAF-DB"
    assert resolve({"data": data}, {"data_type": "RAF-DB"}).data_type == "RAF-DB"  # of a checkpoint


def test_a_file_of_others_keeps_the_usual_one_whatever_it_is_tested_on(tmp_path):
    data = prepared(tmp_path, {"name": "affectnet"})
    tested = resolve({"data": data, "evaluate": "v1.pth"}, {"model": "poster_v1_small"})
    assert (tested.data_type, tested.channel_order) == ("RAF-DB", "bgr")  # as POSTER V1's code for RAF-DB reads images
    assert resolve({"data": data, "resume": "v1.pth"}, {"model": "poster_v1_small"}).data_type == "RAF-DB"
    assert resolve({"data": data, "finetune": "v1.pth"}, {"model": "poster_v1_small"}).data_type == "AffectNet-7"
    assert resolve({"data": data, "resume": "auto"}, {}).data_type == "AffectNet-7"


def test_affectnet_with_contempt_is_the_one_of_eight_classes(tmp_path):
    data = prepared(tmp_path, {"name": "affectnet"})
    (tmp_path / "train/contempt").mkdir(parents=True)
    assert resolve({"data": data}, {}).data_type == "AffectNet-8"


@pytest.mark.parametrize("plan", [{"name": "folder"}, {"name": "jaffe"}, {"name": ["vr"]}, {}, [], "{", "[" * 100_000])
def test_what_says_nothing_of_a_protocol_has_the_usual_one(tmp_path, plan):
    data = prepared(tmp_path, plan)
    assert prepared_data_type(data) is None and resolve({"data": data}, {}).data_type == "RAF-DB"
    assert resolve({"data": str(tmp_path / "none")}, {}).data_type == "RAF-DB" and resolve({}, {}).data_type == SYNTHETIC


def test_the_protocol_that_was_taken_is_said_and_one_that_does_not_fit_is_warned_of(tmp_path, monkeypatch, make_faces, capsys):
    monkeypatch.chdir(tmp_path)
    make_faces(Path("d"), {split: {"fear": 1, "joy": 2} for split in ("train", "valid", "test")})
    prepared(Path("d"), {"name": "vr"})
    flags = ["--model", "deep_emotion", "--epochs", 1, "-b", 2, "-j", 0, "--data", "d"]
    assert run(*flags, "--run", "a") == 0
    assert "data type: VR, from d/prepare.json; its protocol gives the defaults" in capsys.readouterr().out
    assert run(*flags, "--data_type", "RAF-DB", "--run", "b") == 0
    warning = "--data_type RAF-DB has 7 classes, the images 2: the run takes its protocol's settings"
    assert f"warning: {warning}" in capsys.readouterr().out
    assert any(warning in text for text in json.loads(Path("log/b/result.json").read_text())["warnings"])


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_nothing_is_said_where_the_number_of_classes_fits(data_type):
    number = len(DATA_TYPES[data_type].label_order) or 3
    assert about_data_type(resolve({"data": "d", "data_type": data_type}, {}), True, number) == ""
    assert about_data_type(resolve({"data": "d"}, {}), False, number) == ""


def test_only_affectnet_7_leaves_contempt_out():
    for data_type in DATA_TYPES:
        assert reading_of(resolve({"data": "d", "data_type": data_type}, {})).contempt is (data_type != "AffectNet-7")
