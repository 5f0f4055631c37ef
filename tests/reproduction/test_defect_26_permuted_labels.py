"""26. POSTER V2 stores no class names, and its outputs follow whatever the folders were called: RAF-DB's numeric order
for the published file, so that folders with names (in alphabetical order) test it against permuted labels; its own
figure names Anger and Disgust the wrong way round.
"""

import numpy as np
import pytest
import torch

from engine.evaluation.metrics import compute_metrics
from models import create_model
from tests.published import write_published
from tests.reproduction.cli_runs import run, table

# RAF-DB's test images in its own numeric order, 1 to 7
RAF_DB = {"surprise": 329, "fear": 74, "disgust": 160, "happiness": 1185, "sadness": 478, "anger": 162, "neutral": 680}
NUMERIC, ALPHABETICAL = list(RAF_DB), sorted(RAF_DB)


def test_a_perfect_network_is_right_about_happiness_alone_when_folders_have_names():
    truth = np.repeat(NUMERIC, list(RAF_DB.values()))
    outputs = np.array([NUMERIC.index(name) for name in truth])  # never wrong
    by_number = compute_metrics(np.array([NUMERIC.index(name) for name in truth]), outputs, 7)
    by_name = compute_metrics(np.array([ALPHABETICAL.index(name) for name in truth]), outputs, 7)
    assert by_number.accuracy == 1
    assert by_name.accuracy == pytest.approx(1185 / 3068)  # 38.62 %: the one class with the same place in both
    assert [name for name, recall in zip(ALPHABETICAL, by_name.recall) if recall] == ["happiness"]


def test_the_published_figures_rows_are_in_numeric_order_and_its_names_are_not():
    row_sums = [329, 74, 160, 1185, 478, 162, 680]
    assert row_sums == list(RAF_DB.values())
    assert NUMERIC[2] == "disgust" and NUMERIC[5] == "anger"  # rows that its axis calls AN and DI


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A published file whose network always gives output 5, RAF-DB's anger."""
    model = create_model("poster_v2", 7)
    with torch.no_grad():
        model.VIT.head.linear.bias[5] = 100.0
    path = write_published(tmp_path_factory.mktemp("published") / "raf-db.pth", model.state_dict())
    yield path
    path.unlink()


@pytest.mark.parametrize(
    ("data_type", "answer", "words"),
    [
        (("--data_type", "RAF-DB"), "anger", f"RAF-DB's label order: {', '.join(NUMERIC)}"),
        ((), ALPHABETICAL[5], f"in the data's order: {', '.join(ALPHABETICAL)}"),  # all that can be done, and said
    ],
)
def test_ours_takes_the_data_sets_order_and_says_which(
    data_type, answer, words, published, tmp_path, make_faces, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    make_faces(tmp_path / "faces", {"test": dict.fromkeys(ALPHABETICAL, 1)})
    assert run("--evaluate", published, "--data", "faces", *data_type, "--run", "r", "-b", 7, "-j", 0) == 0
    assert words in capsys.readouterr().out
    assert {row["predicted"] for row in table("log/r/predictions.csv")} == {answer}


def test_our_checkpoints_name_their_classes(work, two):
    checkpoint = torch.load(f"checkpoint/{two}/best.pth", weights_only=True, mmap=True)
    assert checkpoint["classes"] == ["anger", "happiness", "surprise"]
