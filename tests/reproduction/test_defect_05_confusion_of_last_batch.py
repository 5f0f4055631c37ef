"""5. POSTER V2 and the AI Hub study plot the confusion matrix of the last batch only; the images come in class order,
so that the published figure shows one class.
"""

from pathlib import Path

import numpy as np

from engine.evaluation.metrics import compute_metrics
from tests.reproduction.cli_runs import run

LABELS = np.repeat([0, 1, 2], 8)
PREDICTED = np.full(24, 2)  # a network that always answers the last class


def test_the_published_loop_leaves_the_last_batch():
    for start in range(0, 24, 8):  # what the loop's variables hold after it is what gets plotted
        labels, predicted = LABELS[start : start + 8], PREDICTED[start : start + 8]
    plotted = compute_metrics(labels, predicted, 3)
    assert plotted.confusion.sum(axis=1).tolist() == [0, 0, 8]
    assert plotted.accuracy == 1  # of a network that is right once in three times
    whole = compute_metrics(LABELS, PREDICTED, 3)
    assert whole.confusion.sum(axis=1).tolist() == [8, 8, 8] and whole.accuracy == 1 / 3


def test_our_figures_do_not_depend_on_the_batches(work, two, capsys):
    for size in (1, 3):
        capsys.readouterr()
        assert run("--evaluate", f"checkpoint/{two}/best.pth", "-b", size, "--run", f"batches-{size}") == 0
        classes = [line.split() for line in capsys.readouterr().out.splitlines()]
        support = {words[0]: words[-1] for words in classes if words and words[0] in ("anger", "happiness", "surprise")}
        assert support == {"anger": "1", "happiness": "1", "surprise": "1"}
    for plot in ("confusion_matrix.png", "f1.png"):
        assert Path(f"log/batches-1/{plot}").read_bytes() == Path(f"log/batches-3/{plot}").read_bytes()
