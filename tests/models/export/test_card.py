"""The card beside an exported file."""

import json
from pathlib import Path

import pytest

import main as command_line
from models.export import card
from models.export.evidence import Evidence
from tests.models.export.exporting import export


def test_the_card_of_a_run_has_its_figures(make_faces, capsys):
    make_faces(Path("data"), {split: {"joy": 6, "anger": 6} for split in ("train", "valid", "test")})
    assert (
        command_line.main(["--data", "data", "--model", "deep_emotion", "--epochs", "1", "--run", "one", "--workers", "0"]) == 0
    )
    best = "checkpoint/one/best.pth"
    assert command_line.main(["--data", "data", "--evaluate", best, "--run", "tested", "--workers", "0"]) == 0
    assert export(best, "--format", "safetensors", "--out", "a.safetensors", "--labelled", "data/test") == 0
    card, result = Path("a.safetensors.md").read_text(encoding="utf-8"), json.loads(Path("log/tested/result.json").read_text())
    low, high = result["interval"]
    assert f"| data, test | 12 | {100 * result['accuracy']:.2f} % [{100 * low:.2f}, {100 * high:.2f}] |" in card
    for words in (
        "An expression is not an emotion",
        "deep_emotion",
        result["sha256"],
        "Leakage between the splits",
        "epochs: 1",
    ):
        assert words in card
    assert all(digest in card for digest in json.loads(Path("log/one/args.json").read_text())["fingerprints"].values())
    assert str(Path.cwd()) not in card
    header = card.split("---\n")[1]
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(header)
    value = read["model-index"][0]["results"][0]["metrics"][0]
    assert read["pipeline_tag"] == "image-classification" and value == {
        "type": "accuracy",
        "value": round(result["accuracy"], 6),
    }


def test_the_card_has_a_dash_for_a_class_without_images():
    classes = {"joy": {"support": 4, "recall": 0.5}, "anger": {"support": 0, "recall": None}}
    evidence = Evidence(({"data": "data", "split": "test", "classes": classes},), "")
    assert {"| joy | 4 | 50.0 % |", "| anger | 0 | - |"} <= set(card._classes(evidence))
