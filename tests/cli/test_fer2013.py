"""FER2013's CSV files through the command line, without unpacking."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from models import create_model
from tests.command_line import run
from tests.toy_networks import registered

USAGES = {"Training": 14, "PublicTest": 7, "PrivateTest": 7}


def table() -> list[list[str]]:
    """Rows (emotion, pixels, Usage): every label in every split, random pixels."""
    generator, out = np.random.default_rng(0), []
    for usage, count in USAGES.items():
        for k in range(count):
            out.append([str(k % 7), " ".join(map(str, generator.integers(0, 256, 48 * 48))), usage])
    return out


def write(path, header: list[str], body: list[list[str]]) -> str:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *body])
    return str(path)


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_deep_emotion_trains_on_the_csv_and_its_checkpoint_is_tested_on_another_form(capsys):
    body = table()
    write("fer2013.csv", ["emotion", "pixels", "Usage"], body)
    write("icml_face_data.csv", ["emotion", " Usage", " pixels"], [[e, u, p] for e, p, u in body])
    assert run("--data", "fer2013.csv", "--model", "deep_emotion", "--epochs", 1, "-b", 8, "-j", 2, "--run", "a") == 0
    out = capsys.readouterr().out
    assert "train: 14 images (anger 2, disgust 2" in out and "reported on test" in out
    assert run("--evaluate", "checkpoint/a/best.pth", "--data", "icml_face_data.csv", "--run", "b") == 0
    first, second = (Path(f"log/{n}/predictions.csv").read_text().splitlines() for n in "ab")
    assert len(first) == 8 and [line.split(",")[1:] for line in first] == [line.split(",")[1:] for line in second]
    assert first[1].startswith("row 23,anger,")


def test_a_network_of_larger_colour_images_trains_on_the_csv(tmp_path):
    write("fer2013.csv", ["emotion", "pixels", "Usage"], table()[:22])
    with registered(tmp_path):
        assert run("--data", "fer2013.csv", "--model", "toy", "--epochs", 1, "-b", 7, "--run", "colour") == 0


def test_published_weights_are_tested_in_the_csvs_own_label_order(capsys):
    model = create_model("deep_emotion", 7)
    with torch.no_grad():
        model.fc2.weight.zero_()
        model.fc2.bias.copy_(torch.eye(7)[4])
    torch.save(model.state_dict(), "deep.pth")
    write("fer2013.csv", ["emotion", "pixels", "Usage"], table())
    assert run("--evaluate", "deep.pth", "--data", "fer2013.csv", "--run", "e") == 0
    with open("log/e/predictions.csv", newline="") as file:
        assert {row["predicted"] for row in csv.DictReader(file)} == {"sadness"}


def test_a_file_of_test_rows_alone_is_tested_on_and_not_trained_on(capsys):
    torch.save(create_model("deep_emotion", 7).state_dict(), "deep.pth")
    write("private.csv", ["emotion", "pixels", "Usage"], [row for row in table() if row[2] == "PrivateTest"])
    assert run("--evaluate", "deep.pth", "--data", "private.csv") == 0
    assert run("--data", "private.csv", "--model", "deep_emotion") == 2
    assert "private.csv: no train split (found test)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda body: body[3].__setitem__(1, "1 2 3"), "row 5: unreadable image (3 pixel values instead of 2304)"),
        (lambda body: body[3].__setitem__(0, "8"), "row 5"),
        (lambda body: body[3].__setitem__(2, ""), "row 5"),
        (lambda body: body[3].__setitem__(0, "angry"), "row 5"),
    ],
)
def test_a_wrong_row_is_named(change, words, capsys, tmp_path):
    body = table()
    change(body)
    write("fer2013.csv", ["emotion", "pixels", "Usage"], body)
    assert run("--data", "fer2013.csv", "--model", "deep_emotion", "--epochs", 1) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "fer2013.csv" in error and words in error
    assert {p.name for p in tmp_path.iterdir()} == {"fer2013.csv"}


def test_missing_columns_are_named(capsys):
    write("fer2013.csv", ["label", "pixels"], [row[:2] for row in table()])
    assert run("--data", "fer2013.csv", "--model", "deep_emotion") == 2
    error = capsys.readouterr().err
    assert "emotion" in error and "fer2013.csv" in error and error.count("\n") == 1


def test_a_image_of_the_wrong_size_is_dropped_and_counted_when_asked_for(capsys):
    body = table()
    body[3][1] = "1 2 3"
    write("fer2013.csv", ["emotion", "pixels", "Usage"], body)
    assert run("--data", "fer2013.csv", "--model", "deep_emotion", "--epochs", 1, "-b", 8, "--skip-bad-images") == 0
    out = capsys.readouterr().out
    assert "1 unreadable images dropped" in out and "train: 13 images" in out
