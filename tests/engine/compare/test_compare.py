"""`python -m engine.compare` on written runs: what it says, what it refuses, and the page and image it leaves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.compare.__main__ import main
from engine.compare.comparison import compare
from engine.compare.report import sections, verdicts
from engine.compare.runs import read_runs
from tests import command_line
from tests.engine.compare.compare_runs import CLASSES, answers, change_json, write_run
from tests.html_pages import Page


@pytest.fixture
def work(tmp_path, monkeypatch):
    """The current folder: log/A and log/B on the same 60 images, B better by much."""
    monkeypatch.chdir(tmp_path)
    labels, predicted = answers(0, right=0.3)
    write_run(tmp_path / "log/A", labels, predicted)
    write_run(tmp_path / "log/B", *answers(1, right=0.95), lr=2e-3)
    return tmp_path


def refused(capsys, *arguments: str) -> str:
    """The one line that the command ends with."""
    return command_line.refused(capsys, *arguments, run=lambda *given: main([*given]))


def test_two_runs_are_told_apart(work, capsys):
    assert main(["log/A", "log/B"]) == 0
    out = capsys.readouterr().out
    [sentence] = [line for line in out.splitlines() if line.startswith("- A against B")]
    assert sentence.count("more than chance") == 2 and "no more" not in sentence
    found = compare(read_runs([Path("log/A"), Path("log/B")]))
    [pair] = found.pairs
    a, b = (json.loads(Path(f"log/{name}/result.json").read_text()) for name in "AB")
    assert pair.accuracy == pytest.approx(a["accuracy"] - b["accuracy"])
    assert pair.accuracy_interval[0] < pair.accuracy < pair.accuracy_interval[1] < 0
    assert found.intervals["A"]["accuracy"] == pytest.approx(a["interval"])
    assert found.intervals["A"]["macro_f1"][0] < a["macro_f1"] < found.intervals["A"]["macro_f1"][1]
    assert "| lr | 0.001 | 0.002 |" in out and "do not see how much a training varies" in out


def test_a_run_against_its_copy_differs_by_nothing(work, capsys):
    shutil.copytree("log/A", "log/C")
    assert main(["log/A", "log/C"]) == 0
    assert "accuracy differs by +0.00 points (+0.00 to +0.00), no more than chance may give (p = 1)" in capsys.readouterr().out


def test_turned_round_the_differences_change_their_sign_alone(work):
    [there], [back] = (compare(read_runs([Path(f"log/{n}") for n in names])).pairs for names in ("AB", "BA"))
    assert (there.accuracy, there.mcnemar.p, there.macro_f1_p) == (-back.accuracy, back.mcnemar.p, back.macro_f1_p)
    assert there.macro_f1_interval == pytest.approx([-x for x in reversed(back.macro_f1_interval)])


def test_rows_and_classes_in_another_order_compare_as_before(work):
    before = compare(read_runs([Path("log/A"), Path("log/B")])).pairs
    labels, predicted = answers(1, right=0.95)
    turned, order = CLASSES[::-1], np.random.default_rng(5).permutation(60)
    write_run(work / "again/B", 2 - labels, 2 - predicted, classes=turned, lr=2e-3)
    header, *lines = (work / "again/B/predictions.csv").read_text().splitlines()
    (work / "again/B/predictions.csv").write_text("\n".join([header, *(lines[k] for k in order)]) + "\n")
    assert compare(read_runs([Path("log/A"), Path("again/B")])).pairs == before


def test_seeds_of_one_configuration_are_grouped_and_configurations_tested_over_them(work, capsys):
    for seed in range(3):
        write_run(work / f"log/low_seed{seed}", *answers(10 + seed, right=0.4), seed=seed)
        write_run(work / f"log/high_seed{seed}", *answers(20 + seed, right=0.9), seed=seed, lr=5e-3, workers=seed)
    folders = [f"log/{name}_seed{seed}" for name in ("low", "high") for seed in range(3)]
    assert main([*folders, "log/B"]) == 0
    out = capsys.readouterr().out
    assert "low against high, accuracy over seeds: differs by -" in out and "more than chance (Welch's t" in out
    assert "having one seed: B" in out and "| low | 0, 1, 2 |" in out
    found = compare(read_runs([Path(folder) for folder in folders]))
    assert [c.name for c in found.configurations] == ["low", "high"] and len(found.pairs) == 15
    assert all(pair.accuracy_p >= pair.mcnemar.p for pair in found.pairs)


def test_a_repeated_seed_is_not_counted_twice(work, capsys):
    write_run(work / "log/A1", *answers(3), seed=1)
    shutil.copytree("log/A", "log/A_again")
    assert main(["log/A", "log/A1", "log/A_again"]) == 0
    assert "Not counted, repeating a seed: A_again." in capsys.readouterr().out


def test_seeds_that_are_right_equally_often_are_named(work):
    labels, predicted = answers(3)
    for seed in range(2):
        write_run(work / f"log/s{seed}", labels, predicted, seed=seed)
        write_run(work / f"log/t{seed}", labels, predicted, seed=seed, lr=1.0)
    found = compare(read_runs([Path(f"log/{name}") for name in ("s0", "s1", "t0", "t1")]))
    assert "nothing to measure a difference by" in verdicts(found)[0]
    assert any("accident of counting" in text for part in sections(found) for text in part.sentences)


def test_the_folder_of_a_series_stands_for_its_runs(work, capsys):
    (work / "log/series").mkdir()
    (work / "log/series/seeds.json").write_text('{"runs": ["A", "B"]}')
    assert main(["log/series"]) == 0
    assert "- A against B" in capsys.readouterr().out


def test_out_has_the_text_a_page_that_loads_nothing_and_the_curves(work, capsys):
    shutil.copytree("log/B", "log/<b>|&")
    change_json(work / "log/<b>|&/args.json", arguments={"lr": 7, "model": "x"})
    assert main(["log/A", "log/B", "log/<b>|&", "--out", "out"]) == 0
    assert sorted(path.name for path in (work / "out").iterdir()) == ["compare.html", "compare.md", "compare.png"]
    text = (work / "out/compare.md").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# 3 runs compared" and "](compare.png)" in text and "\\<b>\\|&" in text
    page = Page((work / "out/compare.html").read_text(encoding="utf-8"))
    assert "<b>|&" in page.text and "A against B" in page.text and "McNemar" in page.text
    sources = [value for _, found in page.tags for name, value in found.items() if name in ("src", "href")]
    assert "unsafe" not in page.all("meta")[-1]["content"] and "default-src 'none'" in page.all("meta")[-1]["content"]
    assert len(sources) == 1 and sources[0].startswith("data:image/png;base64,")
    with Image.open(work / "out/compare.png") as image:
        assert min(image.size) > 400 and np.asarray(image.convert("L")).std() > 5


def test_runs_without_curves_are_named_and_a_former_image_goes(work, capsys):
    for name in "AB":
        (work / f"log/{name}/metrics.csv").unlink()
    (work / "out").mkdir()
    (work / "out/compare.png").write_bytes(b"former")
    assert main(["log/A", "log/B", "--out", "out"]) == 0
    assert "not in compare.png: A, B" in capsys.readouterr().out
    assert sorted(path.name for path in (work / "out").iterdir()) == ["compare.html", "compare.md"]


def test_what_is_no_run_is_refused(work, capsys):
    (work / "log/empty").mkdir()
    (work / "file").touch()
    (work / "out").touch()
    assert "two runs or more" in refused(capsys)
    assert "two runs or more" in refused(capsys, "log/A")
    assert "log/A: is given twice" in refused(capsys, "log/A", "log/../log/A")
    assert "log/C: no such folder" in refused(capsys, "log/A", "log/C")
    assert "file: is no folder" in refused(capsys, "log/A", "file")
    assert "log/empty: holds no records" in refused(capsys, "log/A", "log/empty")
    assert "--out out: is no folder" in refused(capsys, "log/A", "log/B", "--out", "out")
    (work / "log/B/result.json").unlink()
    assert "log/B: the run is not complete" in refused(capsys, "log/A", "log/B")


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("args.json", b"{", "args.json: is damaged"),
        ("args.json", b"[]", "no JSON object"),
        ("args.json", b"\xff\xfe", "args.json: is damaged"),
        ("args.json", b"{}", "no list of classes"),
        ("result.json", b'{"split": "test"}', "accuracy is no fraction"),
        ("result.json", b"[" * 100_000, "result.json: is damaged"),
        ("predictions.csv", b"", "no rows"),
        ("predictions.csv", b"path,true\na,b\n", "does not name args.json's classes"),
        (
            "predictions.csv",
            b"path,true,predicted,p_anger,p_joy,p_surprise\na,joy,joy,0.1\n",
            "row 2 has 4 fields in place of 6",
        ),
        ("predictions.csv", b"path,true,predicted,p_anger,p_joy,p_surprise\na,joy,fun,0,1,0\n", "'fun' is none of its classes"),
        ("predictions.csv", b'path,true,predicted,p_anger,p_joy,p_surprise\n"a,joy,joy,0,1,0\n', "predictions.csv: is damaged"),
        ("predictions.csv", b"path,true,predicted,p_anger,p_joy,p_surprise\na,joy,joy,0,1,0\n", "not of one evaluation"),
        ("metrics.csv", b"epoch\n1\n", "its first line is not epoch,learning_rate"),
    ],
)
def test_damaged_records_are_refused(work, capsys, file, content, words):
    (work / "log/B" / file).write_bytes(content)
    assert words in refused(capsys, "log/A", "log/B")


def test_runs_on_other_images_classes_or_splits_are_refused(work, capsys):
    labels, predicted = answers(1)
    write_run(work / "log/fewer", labels[:50], predicted[:50])
    assert "their test images differ (60 and 50, 50 in common; A alone has" in refused(capsys, "log/A", "log/fewer")
    write_run(work / "log/valid", labels, predicted, split="valid")
    assert "they are of test and of valid" in refused(capsys, "log/A", "log/valid")
    write_run(work / "log/other", labels, predicted, classes=("anger", "joy", "fear"))
    line = refused(capsys, "log/A", "log/other")
    assert "A alone has surprise and other alone has fear" in line
    change_json(work / "log/B/args.json", fingerprints={"test": "0" * 64})
    assert "the same names and other contents" in refused(capsys, "log/A", "log/B")
    labels, predicted = answers(0, right=0.3)
    labels[0] = 1
    table = write_run(work / "log/relabelled", labels, predicted) / "predictions.csv"
    table.write_text(table.read_text().replace("joy/0.png", "anger/0.png"))
    assert "the true class of anger/0.png is anger in one and joy in the other" in refused(capsys, "log/A", "log/relabelled")
