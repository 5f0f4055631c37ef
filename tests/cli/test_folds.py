"""`--folds`: a series of ordinary runs, one a fold, and all their test images reported together."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import main
from engine.commands.series import Child
from engine.compare import __main__ as compare
from tests.command_line import refused, run

SMALL = [
    "--data",
    "list.csv",
    "--model",
    "deep_emotion",
    "--epochs",
    "1",
    "-b",
    "8",
    "-j",
    "0",
    "--lr",
    "1e-3",
    "--cache",
    "off",
]
PERSONS, EACH = 6, 6


def rows_of(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def content(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a list of the images of 6 persons in 2 classes, and a finished series of 3 folds, as a user has it."""
    folder, rng = tmp_path_factory.mktemp("folds"), np.random.default_rng(0)
    lines = ["path,label,subject"]
    (folder / "faces").mkdir()
    for k in range(PERSONS * EACH):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(folder / f"faces/{k}.png")
        lines.append(f"faces/{k}.png,{('fear', 'joy')[k % 2]},p{k // EACH}")
    (folder / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(Child, "run", in_this_process)
        assert run(*SMALL, "--folds", "3", "--run", "cv") == 0
    yield folder
    shutil.rmtree(folder)


def in_this_process(child, command: list[str]) -> int:
    """A run of a series, seconds sooner."""
    return main.main(command[2:])


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)
    monkeypatch.setattr(Child, "run", in_this_process)


def test_every_image_is_tested_once_by_a_network_that_has_not_seen_its_person():
    who = {row["path"]: row["subject"] for row in rows_of("list.csv")}
    tested = []
    for fold in (1, 2, 3):
        images = rows_of(f"log/cv_fold{fold}/pictures.csv")
        persons = {name: {who[row["path"]] for row in images if row["split"] == name} for name in ("train", "valid", "test")}
        assert all(persons.values()) and sum(map(len, persons.values())) == PERSONS == len(set.union(*persons.values()))
        tested += [row["path"] for row in rows_of(f"log/cv_fold{fold}/predictions.csv")]
    assert sorted(tested) == sorted(who)
    rows = {row["path"]: row for row in rows_of("log/cv/predictions.csv")}
    assert sorted(rows) == sorted(who)
    for fold in (1, 2, 3):
        assert all(rows[row["path"]] == row for row in rows_of(f"log/cv_fold{fold}/predictions.csv"))
    assignment = rows_of("log/cv/folds.csv")
    assert {row["path"]: row["subject"] for row in assignment} == who and {row["fold"] for row in assignment} == set("123")


def test_a_fold_of_the_series_equals_that_fold_alone_to_the_bit():
    assert run(*SMALL, "--folds", "3", "--fold", "2", "--run", "alone") == 0
    for name in ("metrics.csv", "predictions.csv"):
        assert Path(f"log/alone/{name}").read_bytes() == Path(f"log/cv_fold2/{name}").read_bytes()


def test_all_images_together_and_the_mean_over_folds_are_reported():
    rows, found, result = rows_of("log/cv/predictions.csv"), content("log/cv/folds.json"), content("log/cv/result.json")
    accuracy = np.mean([row["true"] == row["predicted"] for row in rows])
    values = [content(f"log/cv_fold{fold}/result.json")["accuracy"] for fold in (1, 2, 3)]
    assert found["accuracy"]["all"] == result["accuracy"] == pytest.approx(accuracy)
    assert found["accuracy"]["values"] == values and found["accuracy"]["mean"] == pytest.approx(np.mean(values))
    assert found["accuracy"]["sd"] == pytest.approx(np.std(values, ddof=1))
    assert (found["runs"], found["persons"], found["over"]) == (["cv_fold1", "cv_fold2", "cv_fold3"], PERSONS, "6 people")
    assert found["accuracy"]["interval"] == result["interval"] and result["intervals"] == "bootstrap over 6 people"
    assert np.sum(found["confusion"]) == PERSONS * EACH == result["pictures"]
    assert any("6 people are few for a bootstrap" in text for text in result["warnings"])
    page = Path("log/cv/report.html").read_text(encoding="utf-8")
    for text in (
        "3 folds: 36 images, each tested once",
        "mean of the folds",
        "all images together",
        "cv_fold3",
        "draw whole persons again",
    ):
        assert text in " ".join(page.split()), text
    files = "args.json confusion_matrix.png f1.png folds.csv folds.json predictions.csv report.html result.json"
    assert sorted(path.name for path in Path("log/cv").iterdir()) == files.split()


def test_the_series_goes_on_where_it_stood_and_ends_with_the_same_files(capsys):
    before = {path.name: path.read_bytes() for path in Path("log/cv").iterdir() if path.suffix in (".csv", ".png")}
    summary = content("log/cv/folds.json")
    shutil.rmtree("log/cv")
    shutil.rmtree("log/cv_fold3")
    shutil.rmtree("checkpoint/cv_fold3")
    assert run(*SMALL, "--folds", "3", "--run", "cv", "--resume", "auto") == 0
    out = capsys.readouterr().out
    assert "cv_fold1: is complete, 1 epochs" in out and "fold 3 (3 of 3): cv_fold3" in out
    assert "list.csv" in out and "3 folds by subject (list.csv, 6 people), of 12 + 12 + 12 images to test" in out.replace(
        "./", ""
    )
    assert {name: Path(f"log/cv/{name}").read_bytes() for name in before} == before and content("log/cv/folds.json") == summary


def test_a_folds_checkpoint_is_tested_on_its_fold_again_and_on_all_of_other_data(capsys):
    assert run("--evaluate", "checkpoint/cv_fold2/best.pth", "--run", "again") == 0
    assert Path("log/again/predictions.csv").read_bytes() == Path("log/cv_fold2/predictions.csv").read_bytes()
    lines = ["path,label,split", *(f"{row['path']},{row['label']},test" for row in rows_of("list.csv"))]
    Path("other.csv").write_text("\n".join(lines), encoding="utf-8")
    capsys.readouterr()
    assert run("--evaluate", "checkpoint/cv_fold2/best.pth", "--data", "other.csv", "--run", "elsewhere") == 0
    assert len(rows_of("log/elsewhere/predictions.csv")) == PERSONS * EACH
    assert "also in train of this checkpoint's run" in capsys.readouterr().out


def test_two_series_are_compared_image_by_image(capsys):
    assert run(*SMALL, "--seed", "1", "--folds", "3", "--run", "other") == 0
    assert compare.main(["log/cv", "log/other"]) == 0
    assert "cv" in capsys.readouterr().out


def test_leaving_one_subject_out_names_the_subject(capsys):
    assert run(*SMALL, "--folds", "subjects", "--run", "loso") == 0
    out = capsys.readouterr().out
    assert "fold 3, subject p2 (3 of 6): loso_fold3" in out and "over 6 folds; intervals: bootstrap over 6 people" in out


def test_without_subjects_the_figures_are_of_images_and_that_is_said(capsys):
    assert run(*SMALL, "--folds", "2", "--group", "none", "--run", "images") == 0
    out = capsys.readouterr().out
    assert "warning: the folds are cut at random by image" in out and "bootstrap over 36 images" in out
    assert any("the folds are cut at random by image" in text for text in content("log/images/result.json")["warnings"])


def test_images_that_cannot_be_read_are_counted(capsys):
    text = Path("list.csv").read_text()
    Path("broken.csv").write_text(text + "\nfaces/gone.png,joy,p5")
    assert run("--data", "broken.csv", *SMALL[2:], "--folds", "3", "--run", "broken", "--skip-bad-images") == 0
    assert "1 image of 37 could not be read and are not tested" in capsys.readouterr().out


def test_results_of_other_data_are_refused(capsys):
    text = Path("list.csv").read_text()
    for one in Path("log").glob("cv_fold*"):
        shutil.copytree(one, Path("log") / one.name.replace("cv", "moved"))
        shutil.copytree(Path("checkpoint") / one.name, Path("checkpoint") / one.name.replace("cv", "moved"))
    try:
        Path("list.csv").write_text(text.replace(",p0", ",q0").replace(",p5", ",p0").replace(",q0", ",p5"))
        error = refused(capsys, *SMALL, "--folds", "3", "--split-seed", "5", "--run", "moved", "--resume", "auto")
        assert "is not of the images of fold 1: the data have changed" in error
    finally:
        Path("list.csv").write_text(text)


def test_status_and_output_of_a_run_that_fails_are_the_series(monkeypatch, capsys):
    monkeypatch.setattr(Child, "run", lambda child, command: 3)
    assert run(*SMALL, "--folds", "3", "--run", "failing") == 3
    assert "failing_fold2" not in capsys.readouterr().out and not Path("log/failing").exists()
    commands = []
    monkeypatch.setattr(Child, "run", lambda child, command: commands.append(command) or 2)
    assert run(*SMALL, "--folds=3", "--run", "x") == 2
    assert commands[0][0] == sys.executable and commands[0][-4:] == ["--fold", "1", "--run", "x_fold1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--folds", "1"], "--folds 1: give a number of folds from 2 to 10000, or subjects"),
        (["--folds", "five"], "--folds five: give a number"),
        (["--folds", "7"], "--folds 7: . shows 6 people; choose at most 6"),
        (["--fold", "2"], "--fold 2: goes with --folds K or --folds subjects"),
        (["--group", "none"], "--group none: goes with --folds"),
        (["--folds", "3", "--fold", "4"], "--fold 4: there are 3 folds"),
        (["--folds", "3", "--fold", "0"], "--fold 0: must be at least 1"),
        (["--folds", "subjects", "--fold", "9"], "--fold 9: list.csv has 6 folds"),
        (["--folds", "subjects", "--group", "none"], "exclude each other: each fold is a subject"),
        (["--folds", "3", "--seeds", "0,1"], "--folds and --seeds exclude each other"),
        (["--folds", "3", "--evaluate", "x.pth"], "--folds and --evaluate exclude each other"),
        (["--folds", "3", "--start-epoch", "1"], "--folds and --start-epoch exclude each other"),
        (["--folds", "3", "--resume", "x.pth"], "--folds: --resume x.pth is of one run"),
        (["--folds", "3", "--resume", "auto"], "name the run to continue"),
        (["--folds", "3", "--run", "cv"], "cv_fold1 exists; choose another name, or go on with --resume auto"),
        (["--folds", "3", "--run", "cv_fold1"], "is a run and no series"),
        (["--folds", "3", "--subject-regex", "("], "no regular expression"),
        (["--folds", "3", "--columns", "subject=", "--group", "subject"], "36 images of 36 without a subject"),
    ],
)
def test_wrong_series_are_refused_before_anything_is_written(capsys, arguments, said):
    before = sorted(Path("log").iterdir())
    assert said in refused(capsys, *SMALL, *arguments)
    assert sorted(Path("log").iterdir()) == before


def test_a_class_of_one_person_is_refused_before_the_first_fold_is_trained(capsys):
    Path("rare.csv").write_text(Path("list.csv").read_text().replace("faces/0.png,fear", "faces/0.png,awe"))
    assert "train has no image of awe, which the rest has" in refused(
        capsys, "--data", "rare.csv", *SMALL[2:], "--folds", "3", "--run", "rare"
    )
    assert not list(Path("log").glob("rare*"))
    assert "name the data by --data" in refused(capsys, "--folds", "3")
