"""report.html as the command line leaves it: after each epoch, at the end, and of an evaluation."""

import json
import shutil

import pytest

import engine.report.run_page
from engine.report.facts import notes
from tests.engine.report.reports import read_page, write_noise
from tests.reproduction.cli_runs import run

LEAKAGE = {"format": 1, "verdict": "leakage", "text": "9 of 12 images of test are in train."}
CLASSES = ("기쁨", "a & b", "'x'")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with images, which leak by their audit and have no split valid, and a run of two epochs of which every
    page is kept."""
    folder = tmp_path_factory.mktemp("work")
    for number, split in enumerate(("train", "test")):
        write_noise(folder / "data" / split, CLASSES, 4 + number, 48)
    (folder / "data/audit.json").write_text(json.dumps(LEAKAGE))
    pages, render = [], engine.report.run_page.render
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.report.run_page, "render", lambda *a: pages.append(render(*a)) or pages[-1])
        patch.chdir(folder)
        flags = ("--model", "deep_emotion", "--epochs", 2, "-b", 4, "-j", 0, "--device", "cpu", "--cache", "off")
        assert run("--data", "data", *flags, "--run", "one") == 0
    for number, page in enumerate(pages):
        (folder / f"{number}.html").write_text(page, encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def test_the_page_is_written_after_each_epoch_and_at_the_end(work):
    texts = [read_page(path).text for path in sorted(work.glob("?.html"))]
    assert len(texts) == 3
    assert "1 of 2 epochs are done" in texts[0] and "2 of 2 epochs are done" in texts[1]
    assert "on which the epoch is chosen" in texts[0] and "Evaluation of 15 images" in texts[0]
    assert "the report of a run of 2 epochs" in texts[2] and "checkpoint/one/best.pth, after epoch" in texts[2]
    assert (work / "2.html").read_bytes() == (work / "log/one/report.html").read_bytes()


def test_the_page_of_a_run_tells_figures_command_times_and_warnings(work):
    page = read_page(work / "log/one/report.html")
    result = json.loads((work / "log/one/result.json").read_text())
    record = json.loads((work / "log/one/args.json").read_text())
    assert f"{100 * result['accuracy']:.2f} %" in page.text and f"{100 * result['calibration']['ece']:.2f} %" in page.text
    for part in (
        record["fingerprints"]["test"],
        record["versions"]["torch"],
        result["sha256"],
        record["command"][0],
        "RAF-DB",
        *CLASSES,
    ):
        assert part in page.text
    warnings = page.text.partition("Warnings")[2].partition("Curves")[0]
    assert "9 of 12 images of test are in train." in warnings and "so the reported result is optimistic" in warnings
    assert "training at" in page.text and "MiB" in page.text and len(page.all("svg")) == 3
    assert [image for image in page.all("img") if image.get("class") == "batch"]


def test_the_page_of_an_evaluation_has_no_curves_and_tells_what_the_checkpoint_has_seen(work):
    assert run("--data", "data", "--evaluate", "checkpoint/one/best.pth", "--run", "tested") == 0
    page = read_page(work / "log/tested/report.html")
    assert "12 of the 15 images of test (80.0 %) are also in train of this checkpoint" in page.text
    assert "an evaluation of checkpoint/one/best.pth" in page.text and "Evaluation of 15 images" in page.text
    assert len(page.all("svg")) == 1 and not (work / "log/tested/timing.csv").exists()
    written = [line for line in (work / "log/tested/log.txt").read_text().splitlines() if "written: " in line]
    assert len(written) == 1 and "report.html" in written[0]


def test_a_random_start_and_covered_faces_are_noted():
    arguments = {"model": "poster_v2", "pretrained": "none", "occlude_eval": "vr"}
    first, second = notes({"arguments": arguments})
    assert "random weights" in first and "headsets" in second
    assert notes({"arguments": {**arguments, "model": "deep_emotion", "occlude_eval": "none"}}) == []
    assert notes({"arguments": arguments, "tests": {"epoch": 1}}) == [second]
