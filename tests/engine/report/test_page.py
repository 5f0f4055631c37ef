"""report.html is one well-formed page that loads nothing, small, whatever the names and images are; it never ends a run."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from data_preprocessing.sources.folders import Split
from engine.evaluation.predictions import Predictions
from engine.report import run_page as module
from engine.report.figures import Curve, line_chart
from engine.report.timing import read_timing
from tests.engine.report.reports import WEIGHTS, guesses, history, read_page, run_page, write_noise


def test_page_of_3000_images_of_noise_is_below_5_mb(large):
    assert 1e6 < (large / "report.html").stat().st_size < 5e6
    page = read_page(large / "report.html")
    assert len(page.all("template")) == 49
    faces = [image for image in page.all("img") if image.get("class") != "batch"]
    assert len(faces) > 400
    by_cell = [part.count("<img") for part in page.source.split("<template")[1:]]
    assert min(by_cell) >= 5  # where there is no room for all, every cell has some


def test_page_is_usable_by_all_and_loads_nothing(large):
    page = read_page(large / "report.html")
    assert page.all("html")[0]["lang"] == "en" and len(page.all("h1")) == 1
    assert "width=device-width" in next(m["content"] for m in page.all("meta") if m.get("name") == "viewport")
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    assert len(page.all("caption")) == len(page.all("table")) and all(image["alt"] for image in page.all("img"))
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in page.all("svg"))
    for name in ("link", "iframe", "object", "form", "base", "embed"):
        assert not page.all(name)
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#").startswith("#")
    assert "http:" not in page.source and "https:" not in page.source and "url(" not in page.source
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} <= targets
    assert {button["data-cell"] for button in page.all("button") if "data-cell" in button} <= targets


def test_page_tells_what_ran_and_how_well(large):
    text = read_page(large / "report.html").text
    for part in (
        "main.py --run 'a b'",
        "deep_emotion, 7 classes",
        "checkpoint/run/best.pth, after epoch 2",
        "Expected calibration",
    ):
        assert part in text


HOSTILE = "<script>alert(1)<∕script>"
NAMES = (HOSTILE, "기쁨", "a'b\"c & d", "</template><img src=x onerror=alert(1)>".replace("/", "∕"))


@pytest.fixture
def hostile(tmp_path):
    """A page of classes and files with names of any kind, and the folder of its run."""
    split = write_noise(tmp_path / "test", NAMES, 3, 32)
    for number, name in enumerate((b"\xff\xfe'\".bmp", "슬픔 \"'<b>.bmp".encode(), "a‮b\x1b\n.bmp".encode())):
        old = tmp_path / "test" / split.paths[number]
        old.rename(old.with_name(os.fsdecode(name)))
    split = Split("test", split.folder, ("</script><script>alert(1)</script>", *NAMES[1:]), *_read(split.folder))
    page = run_page(tmp_path / "run", [], split.classes)
    log = "2026-01-01 00:00:00  warning: audit.json: leakage. <b>7</b> of 9\n2026-01-01 00:00:00  epoch 1\n"
    (tmp_path / "run/log.txt").write_text(log, encoding="utf-8")
    page.write_result(guesses(split, 0.3), split, split.classes, WEIGHTS, ["warning: the checkpoint was chosen on <i>"])
    return tmp_path / "run"


def _read(folder: Path) -> tuple:
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.bmp"))]
    return tuple(paths), tuple(sorted(NAMES).index(path.partition("/")[0]) for path in paths)


def test_names_of_any_kind_are_harmless_and_legible(hostile):
    page = read_page(hostile / "report.html")
    assert len(page.all("script")) == 1 and page.source.count("</script>") == 1
    assert all("onerror" not in image for image in page.all("img")) and not page.all("i")
    assert "</script><script>alert(1)</script>" in page.text and "기쁨" in page.text and "a'b\"c & d" in page.text
    assert "\\udcff\\udcfe'\".bmp" in page.text and "슬픔 \"'<b>.bmp" in page.text
    assert "a\\u202eb\\x1b\\n.bmp" in page.text and "\u202e" not in page.source and "\x1b" not in page.source
    assert sum("alt" in image for image in page.all("img")) == len(page.all("img")) > 12


def test_warnings_of_the_log_and_of_the_settings_are_shown_once(hostile):
    page = read_page(hostile / "report.html")
    assert "audit.json: leakage. <b>7</b> of 9" in page.text and "the checkpoint was chosen on <i>" in page.text
    assert page.text.count("leakage. ") == 1 and "epoch 1\n" not in page.text


def test_images_that_are_gone_are_named(tmp_path):
    split = write_noise(tmp_path / "test", ("a", "b"), 4, 32)
    (split.folder / split.paths[0]).unlink()
    (split.folder / split.paths[1]).write_bytes(b"broken")
    page = run_page(tmp_path / "run", said := [], split.classes)
    page.write_result(guesses(split), split, split.classes, WEIGHTS)
    found = read_page(tmp_path / "run/report.html")
    assert not said and found.text.count("cannot be read") == 2 * 2 and split.paths[0] in found.text  # in a list and a cell


def test_no_time_for_images_leaves_their_names(tmp_path, monkeypatch):
    split = write_noise(tmp_path / "test", ("a", "b"), 4, 32)
    monkeypatch.setattr(module, "_SECONDS_IN_TRAINING", 0.0)
    page = run_page(tmp_path / "run", said := [], split.classes)
    page.write_epoch(guesses(split), split, split.classes)
    found = read_page(tmp_path / "run/report.html")
    assert not said and not found.all("img") and "not read for lack of time" in found.text
    page.write_result(guesses(split), split, split.classes, WEIGHTS)
    assert len(read_page(tmp_path / "run/report.html").all("img")) == 2 * 8


@pytest.mark.parametrize("broken", ["write_text", "render"])
def test_a_page_that_cannot_be_made_is_told_and_ends_nothing(tmp_path, monkeypatch, broken):
    split = write_noise(tmp_path / "test", ("a", "b"), 2, 32)
    page = run_page(tmp_path / "run", said := [], split.classes)
    (tmp_path / "run/report.html").write_text("former")

    def fail(*arguments, **named):
        raise OSError(28, "No space left on device") if broken == "write_text" else RuntimeError("what is\nwrong")

    with monkeypatch.context() as patch:
        patch.setattr(Path if broken == "write_text" else module, broken, fail)
        page.write_epoch(guesses(split), split, split.classes)
    why = "No space left on device" if broken == "write_text" else "RuntimeError: what is wrong"
    assert len(said) == 1 and f"report.html: cannot be written ({why}); the run goes on without it" in said[0]
    assert (tmp_path / "run/report.html").read_text() == "former"
    assert not list((tmp_path / "run").glob("*.partial"))


def test_classes_without_images_certain_networks_and_no_records(tmp_path):
    split = write_noise(tmp_path / "test", ("a", "b"), 2, 32)
    classes = ("a", "b", "(output 2)")
    page = run_page(tmp_path / "run", said := [], classes, epochs=1)
    (tmp_path / "run/args.json").unlink()
    page.write_result(Predictions(np.array(split.labels), np.eye(3)[[0, 0, 1, 1]], 0.0), split, classes, WEIGHTS)
    assert not said and "No mistakes." in read_page(tmp_path / "run/report.html").text


def test_many_classes_become_a_list_of_the_largest_mistakes(tmp_path):
    classes = tuple(f"class {k:03d}" for k in range(400))
    labels = tuple(range(400)) * 2
    split = Split("test", tmp_path, classes, tuple(f"{k}.png" for k in range(800)), labels)
    page = run_page(tmp_path / "run", said := [], classes)
    page.write_result(guesses(split, 0.0), split, classes, WEIGHTS)
    found = read_page(tmp_path / "run/report.html")
    assert not said and 50 < len(found.all("template")) <= 100 and (tmp_path / "run/report.html").stat().st_size < 5e6
    assert "The largest mistakes among 400 classes" in found.text


def test_curves_of_any_values_are_drawn():
    huge = [Curve("train", "train", [30.0, 25.0, float("nan")]), Curve("valid", "valid", [1.5, 1.2, 1.1])]
    chart = line_chart("loss", [1, 2, 3], huge, best=3)
    assert "nan" not in chart and {"1", "2", "5", "10", "50"} <= set(re.findall(r'class="end"[^>]*>([^<]+)<', chart))
    lines = re.findall(r'points="([^"]+)"', chart)
    assert [len(line.split()) for line in lines] == [2, 3]
    for values in ([0.0], [5.0, 5.0], [float("inf"), 1.0], [1e-30, 1e30], list(range(5000))):
        found = line_chart("loss", list(range(1, len(values) + 1)), [Curve("train", "train", values)])
        assert "nan" not in found and "inf" not in found and len(found) < 40_000
        for points in re.findall(r'points="([^"]*)"', found):
            for point in points.split():
                x, y = map(float, point.split(","))
                assert 40 <= x <= 350 and 20 <= y <= 200


def test_times_of_epochs_are_kept_and_those_done_again_replaced(tmp_path):
    page = run_page(tmp_path, [], ("a", "b"), epochs=1)
    for epoch in (1, 2, 3, 2):
        page._state.epoch, page._state.history = epoch, history(epoch)
        page.note_epoch()
    rows = read_timing(tmp_path / "timing.csv")
    assert [row["epoch"] for row in rows] == [1, 2] and rows[0]["train_pictures_per_s"] == 123.4
    assert rows[0]["peak_memory_mib"] > 10 and rows[0]["peak_gpu_memory_mib"] is None and rows[0]["seconds"] >= 0
    (tmp_path / "timing.csv").write_bytes(b"epoch,seconds\n\xff")
    assert read_timing(tmp_path / "timing.csv") == []
