"""Splits that share images, lack classes or write them in two ways, through the command line."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from engine.checkpoints.format import load_checkpoint
from engine.commands.seeds import summarise
from engine.run_folder import layout
from models import create_model
from tests.command_line import run

FAST = ["--model", "deep_emotion", "--epochs", 1, "-b", 4, "--workers", 0, "--cache", "off"]
COPIES = "2 of the 5 images of test (40.0 %) are also in train"
PAIRS = [
    {"split": "test", "other": "train", "count": 2, "images": 5},
    {"split": "test", "other": "valid", "count": 1, "images": 5},
    {"split": "valid", "other": "train", "count": 1, "images": 4},
]


def kept(name: str, file: str) -> dict:
    return json.loads(Path("log", name, file).read_text(encoding="utf-8"))


@pytest.fixture
def data(tmp_path, monkeypatch, make_faces):
    """Three classes in train, valid and test, no image twice."""
    monkeypatch.chdir(tmp_path)
    tree = {"train": 3, "valid": 1, "test": 1}
    return make_faces(tmp_path / "d", {name: dict.fromkeys(("anger", "fear", "happiness"), n) for name, n in tree.items()})


@pytest.fixture
def leaking(data):
    """The same with an image of train in valid, and in test two of train, one of which is in valid as well."""
    shutil.copy(data / "train/anger/0.png", data / "valid/anger/copy.png")
    shutil.copy(data / "train/anger/0.png", data / "test/fear/another name.png")
    shutil.copy(data / "train/fear/1.png", data / "test/fear/copy.png")
    return data


def test_copies_between_splits_are_reported_wherever_the_figure_stands(leaking, capsys):
    assert run(*FAST, "--data", "d", "--epochs", 2, "--run", "r") == 0
    out = capsys.readouterr().out
    assert out.count(COPIES) == 2 and "the figures on test are optimistic" in out  # before training and beside the figures
    assert "1 of the 5 images of test (20.0 %) is also in valid; 1 of the 4 images of valid (25.0 %) is also in train" in out
    for file in ("args.json", "result.json"):
        assert kept("r", file)["copies"] == PAIRS
        assert any(COPIES in text for text in kept("r", file)["warnings"])
    assert COPIES in Path("log/r/log.txt").read_text() and Path("log/r/report.html").read_text().count(COPIES) == 2
    assert run("--resume", "checkpoint/r/last.pth", "--epochs", 3) == 0  # no image is hashed again
    assert COPIES in capsys.readouterr().out and kept("r", "result.json")["copies"] == PAIRS
    assert run("--evaluate", "checkpoint/r/last.pth", "--run", "e") == 0
    assert f"{COPIES} of this checkpoint's run" in capsys.readouterr().out
    assert any(COPIES in text for text in kept("e", "result.json")["warnings"])


def test_the_summary_of_a_series_repeats_the_warnings_of_its_runs_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        Path(f"log/s_seed{seed}").mkdir(parents=True)
        figures = dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), 0.5)
        layout.write_json(
            Path(f"log/s_seed{seed}/result.json"), {**figures, "split": "test", "pictures": 5, "warnings": [COPIES]}
        )
    assert summarise("s", (0, 1), ["s_seed0", "s_seed1"]).count(f"warning: {COPIES}") == 1
    assert kept("s", "seeds.json")["warnings"] == [COPIES]


def test_without_copies_nothing_is_warned_of(data, capsys):
    assert run(*FAST, "--data", "d", "--run", "r") == 0
    assert "warning" not in capsys.readouterr().out
    assert kept("r", "result.json")["copies"] == [] == kept("r", "result.json")["warnings"]
    assert "no image is also in another split" in Path("log/r/report.html").read_text()


def test_a_split_without_a_class_is_scored_over_the_others(data, capsys):
    shutil.rmtree(data / "test/happiness")
    shutil.rmtree(data / "valid/fear")
    (data / "valid/fear").mkdir()
    assert run(*FAST, "--data", "d", "--run", "r") == 0
    out = capsys.readouterr().out
    assert "warning: test has no image of happiness" in out and "warning: valid has no image of fear" in out
    result = kept("r", "result.json")
    absent = result["classes"]["happiness"]
    assert absent["recall"] is None and absent["f1"] is None and absent["support"] == 0
    recalls = [figures["recall"] for figures in result["classes"].values() if figures["support"]]
    assert result["balanced_accuracy"] == pytest.approx(sum(recalls) / 2)
    assert len(result["confusion"]) == 3 and any("no image of happiness" in text for text in result["warnings"])
    assert "mean recall of the 2 of 3 classes" in Path("log/r/report.html").read_text()
    shutil.rmtree(data / "test/fear")  # a single class is left
    assert run("--evaluate", "checkpoint/r/best.pth", "--run", "one") == 0
    assert "no image of fear, happiness" in capsys.readouterr().out


def test_a_checkpoint_is_tested_on_folders_that_write_its_classes_otherwise(data, capsys):
    assert run(*FAST, "--data", "d", "--run", "r") == 0
    assert run("--evaluate", "checkpoint/r/best.pth", "--run", "same") == 0
    shutil.copytree("d", "e")
    for split in ("train", "valid", "test"):
        Path("e", split, "happiness").rename(Path("e", split, "Happy"))
        Path("e", split, "anger").rename(Path("e", split, "zorn"))
        Path("e", split, "zorn").rename(Path("e", split, "Angry"))
    capsys.readouterr()
    assert run("--evaluate", "checkpoint/r/best.pth", "--data", "e", "--run", "other") == 0
    assert "Angry as anger, Happy as happiness" in capsys.readouterr().out
    same, other = kept("same", "result.json"), kept("other", "result.json")
    assert list(other["classes"]) == ["Angry", "fear", "Happy"]  # in the order of the outputs
    assert same["confusion"] == other["confusion"] and same["loss"] == pytest.approx(other["loss"])
    assert run("--resume", "checkpoint/r/last.pth", "--data", "e", "--epochs", 2) == 2
    assert "a run goes on with the same class names; rename the class folders" in capsys.readouterr().err


def test_a_resumed_run_whose_data_moved_says_where_the_folder_is_from(data, capsys):
    assert run(*FAST, "--data", "d", "--run", "r") == 0
    data.rename("moved")
    capsys.readouterr()
    for command in ("--resume", "--evaluate"):
        assert run(command, "checkpoint/r/last.pth", *["--epochs", 2] * (command == "--resume")) == 2
        error = capsys.readouterr().err
        assert "--data d, as stored in checkpoint/r/last.pth" in error and "--data NEW" in error and error.count("\n") == 1
    assert run("--resume", "checkpoint/r/last.pth", "--epochs", 2, "--data", "moved") == 0


def test_a_bare_file_keeps_its_outputs_order_where_the_tested_split_lacks_a_class(data, capsys):
    network = create_model("deep_emotion", 3)
    torch.save(network.state_dict(), "bare.pth")
    shutil.rmtree(data / "test/anger")  # alone, the split's fear would be output 0
    assert run("--evaluate", "bare.pth", "--data", "d", "--model", "deep_emotion", "--run", "e") == 0
    assert kept("e", "args.json")["classes"] == ["anger", "fear", "happiness"]
    assert kept("e", "result.json")["copies"] is None  # the file does not say what it was trained on


def test_numbered_classes_are_shown_by_value_and_keep_the_order_of_outputs(tmp_path, monkeypatch, make_faces, capsys):
    monkeypatch.chdir(tmp_path)
    names = [str(k) for k in range(1, 12)]
    make_faces(tmp_path / "d", {split: dict.fromkeys(names, 1) for split in ("train", "valid")})
    assert run(*FAST, "--data", "d", "--run", "r") == 0
    out = capsys.readouterr().out
    assert "(1 1, 2 1, 3 1," in out and "10 1, 11 1)" in out
    table = out.partition("class  precision")[2].splitlines()[1:12]
    assert [line.split()[0] for line in table] == names
    assert load_checkpoint("checkpoint/r/last.pth", "--resume").classes == tuple(sorted(names))
    assert list(kept("r", "result.json")["classes"]) == sorted(names)
    page = Path("log/r/report.html").read_text()
    places = [page.index(f'<th scope="row"><span>{name}</span>') for name in names]
    assert places == sorted(places)
