"""--evaluate FILE --predict PATH...: images without labels, from the command line to the files that it leaves."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import main
from models import create_model
from tests.command_line import refused_untouched
from tests.reproduction.cli_runs import arguments, run, table, train

CLASSES = ("anger", "joy", "슬픔")
SIZES = ((48, 48), (64, 40), (40, 100), (130, 117))
README = Path(main.__file__).parent / "README.md"


@pytest.fixture(scope="module")
def work(tmp_path_factory, make_image):
    """A folder with images of unlike sizes, the checkpoint `best.pth` of a run on them, and `bare.pth` of 7 outputs."""
    folder = tmp_path_factory.mktemp("predict")
    for seed, (split, name, k) in enumerate(
        (split, name, k) for split in ("train", "valid", "test") for name in CLASSES for k in range(3)
    ):
        path = folder / "data" / split / name / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        make_image(seed, SIZES[seed % 4]).save(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train("r", "--model", "deep_emotion", "-b", 4, "--precision", "fp32", "--occlude-eval", "vr")
    shutil.copy(folder / "checkpoint/r/best.pth", folder / "best.pth")
    torch.manual_seed(0)
    torch.save(create_model("deep_emotion", 7).state_dict(), folder / "bare.pth")
    (folder / "bad").mkdir()
    (folder / "bad/a.jpg").write_bytes(b"\xff\xd8\xff\xe0 not an image")
    (folder / "empty").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)


def predict(name: str, *paths: object, checkpoint: str = "best.pth") -> int:
    return run("--evaluate", checkpoint, "--device", "cpu", "-j", 0, "--run", name, "--predict", *paths)


def probabilities(name: str) -> dict[str, list[str]]:
    """Each image's figures in a predictions.csv, as text, by the last two parts of its path."""
    return {
        "/".join(row["path"].split("/")[-2:]): [value for key, value in row.items() if key.startswith("p_")]
        for row in table(f"log/{name}/predictions.csv")
    }


@pytest.mark.parametrize("cover", ["none", "vr"])
def test_the_figures_are_those_of_an_evaluation_to_the_last_digit(cover):
    assert (
        run("--evaluate", "best.pth", "--data", "data", "--device", "cpu", "--occlude-eval", cover, "--run", f"e_{cover}") == 0
    )
    assert predict(f"p_{cover}", "data/test", "--occlude-eval", cover) == 0
    found = probabilities(f"p_{cover}")
    assert len(found) == 9 and found == probabilities(f"e_{cover}")


def test_images_are_taken_as_they_are_though_the_run_was_evaluated_on_covered_ones(capsys):
    assert predict("plain", "data/test", "-b", 2, "-j", 1) == 0
    assert "these are taken as they are (--occlude-eval vr covers them)" in capsys.readouterr().out
    assert run("--evaluate", "best.pth", "--data", "data", "--device", "cpu", "--occlude-eval", "none", "--run", "e") == 0
    found, expected = probabilities("plain"), probabilities("e")
    assert found.keys() == expected.keys()
    for path in expected:
        assert np.allclose(np.array(found[path], float), np.array(expected[path], float), atol=1e-6, rtol=0)


def test_a_line_a_image_the_table_and_the_records(capsys):
    assert predict("told", "data/test/joy", "data/test/슬픔/0.png") == 0
    out, rows = capsys.readouterr().out, table("log/told/predictions.csv")
    assert [row["path"] for row in rows] == [*(f"data/test/joy/{k}.png" for k in range(3)), "data/test/슬픔/0.png"]
    assert list(rows[0]) == ["path", "predicted", *(f"p_{name}" for name in CLASSES)]
    for row in rows:
        ranked = sorted(CLASSES, key=lambda name: -float(row[f"p_{name}"]))
        assert row["predicted"] == ranked[0]
        shown = ", ".join(f"{name} {float(row[f'p_{name}']):.3f}" for name in ranked[:2])
        assert f"\n{row['path']}: {shown}\n" in out
        assert sum(float(row[f"p_{name}"]) for name in CLASSES) == pytest.approx(1)
    assert re.search(r"\n4 images in \d+\.\d s, \d+\.\d images/s \(reading and predicting\)\n", out)
    assert "classes from the checkpoint: anger, joy, 슬픔" in out
    kept = Path("log/told/log.txt").read_text(encoding="utf-8")
    assert all(line in kept for line in out.splitlines() if line)
    facts = arguments("told")
    assert facts["classes"] == list(CLASSES) and facts["tests"]["checkpoint"] == "best.pth" and facts["pictures"] == 4
    assert facts["arguments"]["predict"] == ["data/test/joy", "data/test/슬픔/0.png"]


def test_unreadable_images_are_named_skipped_and_counted_with_status_1(capsys):
    assert predict("some", "bad", "data/test/joy", "bad/../bad/a.jpg", "-b", 1) == 1
    out = capsys.readouterr().out
    assert "bad/a.jpg: skipped, unreadable (" in out
    assert "1 of 4 images could not be read and were skipped: bad/a.jpg\n" in out
    assert [row["path"] for row in table("log/some/predictions.csv")] == [f"data/test/joy/{k}.png" for k in range(3)]


def test_globs_and_folders_give_each_image_once(work):
    assert predict("globbed", "data/te*/[aj]*/0.png", "data/test/joy", "data/test/joy/0.png", work / "data/test/joy/1.png") == 0
    assert [row["path"] for row in table("log/globbed/predictions.csv")] == [
        "data/test/anger/0.png", "data/test/joy/0.png", "data/test/joy/1.png", "data/test/joy/2.png",
    ]  # fmt: skip


def test_drawings_have_names_of_their_own_and_a_folder_gets_a_sheet():
    assert predict("drawn", "data/test/anger", "data/test/joy/0.png", "--draw") == 0
    names = sorted(path.name for path in Path("log/drawn/pictures").iterdir())
    assert names == ["00001_0.png", "00002_1.png", "00003_2.png", "00004_0.png"]
    images = [np.asarray(Image.open(f"log/drawn/pictures/{name}").convert("RGB")) for name in names]
    assert all(not np.array_equal(images[0], other) for other in images[1:])
    assert Image.open("log/drawn/contact_sheet.png").size == (4 * 120, 144)
    assert predict("single", "data/test/joy/0.png", "--draw") == 0
    assert not Path("log/single/contact_sheet.png").exists() and Path("log/single/pictures/00001_0.png").exists()


def test_images_that_can_be_no_face_crops_are_told_once(make_image, tmp_path, capsys):
    crops = {"ok": (300, 220), "upright": (240, 320)}
    others = {"frame": (640, 480), "held": (480, 640), "wide": (300, 200), "tiny": (31, 31), "big": (1600, 1300), "x": (40, 90)}
    for name, size in (crops | others).items():
        make_image(0, size).save(tmp_path / f"{name}.png")
    assert predict("sizes", tmp_path) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert "6 of 8 images can hardly be aligned face crops" in line and "--faces finds and crops the faces" in line
    assert "frame.png (640×480)" in line and "held.png (480×640)" in line and line.count(".png") == 3 and "and 3 more" in line


def test_names_that_are_no_utf_8_are_told_once_and_kept_to_the_byte(make_image, tmp_path, capsys):
    odd = os.fsencode(tmp_path) + b"/latin\xe9.png"
    make_image(1, (48, 48)).save(tmp_path / "plain.png")
    try:
        os.rename(tmp_path / "plain.png", odd)
    except OSError:
        pytest.skip("the file system takes no such name")
    assert predict("odd", tmp_path) == 0
    said = capsys.readouterr().out
    assert said.count("names that are no UTF-8") == 1 and "encoding_errors='surrogateescape'" in said
    assert b"latin\xe9.png" in Path("log/odd/predictions.csv").read_bytes()


def test_a_file_without_class_names_shows_numbers_or_the_names_of_a_data_set(capsys):
    assert predict("numbers", "data/test/joy", checkpoint="bare.pth") == 0
    out = capsys.readouterr().out
    assert out.count("the file names no classes") == 1 and "by their numbers, 0 to 6; --data_type names them (RAF-DB" in out
    assert list(table("log/numbers/predictions.csv")[0])[2:] == [f"p_{k}" for k in range(7)]
    assert predict("names", "data/test/joy", "--data_type", "RAF-DB", checkpoint="bare.pth") == 0
    order = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    numbers, names = table("log/numbers/predictions.csv"), table("log/names/predictions.csv")
    assert [list(row.values())[2:] for row in names] == [list(row.values())[2:] for row in numbers]
    assert [row["predicted"] for row in names] == [order[int(row["predicted"])] for row in numbers]
    assert list(names[0])[2:] == [f"p_{name}" for name in order]


def test_out_says_where_the_results_go_and_nothing_is_overwritten(work, tmp_path, capsys):
    command = ["--evaluate", "best.pth", "--device", "cpu", "-j", 0, "--predict", "data/test/anger", "--draw", "--out"]
    before = {str(path) for path in work.rglob("*")}
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "new/a", tmp_path / "empty"):
        assert run(*command, out) == 0
        names = {path.name for path in out.iterdir()}
        assert names == {"predictions.csv", "pictures", "contact_sheet.png", "args.json", "log.txt"}
        assert f"written: {out}/ (" in capsys.readouterr().out
    assert (tmp_path / "new/a/predictions.csv").read_bytes() == (tmp_path / "empty/predictions.csv").read_bytes()
    kept = (tmp_path / "empty/log.txt").read_bytes()
    for out, words in ((tmp_path / "empty", "is not empty; choose"), ("best.pth", "cannot be read as a folder (Not a dir")):
        assert run(*command, out) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: --out {out}: {words}") and error.count("\n") == 1
    assert (tmp_path / "empty/log.txt").read_bytes() == kept
    assert {str(path) for path in work.rglob("*")} == before


def test_an_evaluation_goes_to_out_as_well(tmp_path):
    assert run("--evaluate", "best.pth", "--data", "data", "--device", "cpu", "-j", 0, "--out", tmp_path / "e") == 0
    assert {"predictions.csv", "result.json", "report.html", "log.txt"} <= {path.name for path in (tmp_path / "e").iterdir()}


@pytest.mark.parametrize("more", [["--predict", "data/test"], ["--data", "data"]], ids=["predict", "evaluate"])
@pytest.mark.parametrize("early", [True, False], ids=["seen at the start", "seen when it fails"])
def test_a_folder_that_cannot_be_written_to_is_one_line_that_names_out(more, early, tmp_path, monkeypatch, capsys):
    make, is_ours = os.mkdir, os.access

    def refuse(path, *options) -> None:
        if not Path(path).is_relative_to(tmp_path):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        make(path, *options)

    monkeypatch.setattr(os, "mkdir", refuse)  # a test that runs as root may write everywhere
    monkeypatch.setattr(os, "access", lambda path, how: Path(path).is_relative_to(tmp_path) if early else is_ours(path, how))
    shutil.rmtree("log", ignore_errors=True)
    command = ["--evaluate", "best.pth", "--device", "cpu", "-j", 0, *more]
    assert run(*command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "choose by --out DIR where the results go" in error
    assert run(*command, "--out", "below") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--out below" in error and "choose another folder" in error
    assert run(*command, "--out", tmp_path / "there") == 0
    assert (tmp_path / "there/predictions.csv").exists() and not Path("log").exists()


def test_a_closed_pipe_leaves_the_table_whole(work):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, main.__file__, "--evaluate", "best.pth", "--device", "cpu", "-j", "0", "--run", "piped"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--predict", "data/test", "bad"], env=environment, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")  # one image could not be read
    assert len(table("log/piped/predictions.csv")) == 9
    assert Path("log/piped/log.txt").read_text(encoding="utf-8").count("nobody reads the output any more") == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--predict", "data"], "--predict: name the checkpoint to predict with by --evaluate FILE"),
        (["--evaluate", "best.pth", "--draw"], "--draw"),
        (["--out", "there"], "--out says where --evaluate FILE"),
        (["--evaluate", "best.pth", "--predict", "data", "--out", "there", "--run", "r2"], "--out and --run exclude"),
        (["--evaluate", "best.pth", "--predict", "data", "--out", "data"], "--out data: is not empty"),
        (["--evaluate", "best.pth", "--predict"], "--predict: expected at least one argument"),
        (["--evaluate", "best.pth", "--predict", "nowhere.jpg"], "--predict nowhere.jpg: no such file or folder"),
        (["--evaluate", "best.pth", "--predict", "data/*.xyz"], "--predict data/*.xyz: matches nothing"),
        (["--evaluate", "best.pth", "--predict", "empty"], "--predict empty: no images in this folder"),
        (["--evaluate", "best.pth", "--predict", "bad"], "none of the 1 images can be read, first bad/a.jpg"),
        (["--evaluate", "best.pth", "--predict", "data", "--resume", "best.pth"], "exclude each other"),
        (["--evaluate", "best.pth", "--predict", "data", "--split", "test"], "--split: does not go with --predict"),
        (["--evaluate", "best.pth", "--predict", "data", "--margin-at-eval"], "--margin-at-eval: does not go with --predict"),
        (["--evaluate", "best.pth", "--predict", "data", "--gpu", "0,1"], "--predict works in one process"),
        (["--evaluate", "bad/a.jpg", "--predict", "data"], "--evaluate bad/a.jpg: "),
        (["--evaluate", "bare.pth", "--predict", "data", "--data_type", "AffectNet-8"], "7 outputs, but AffectNet-8 has 8"),
    ],
)
def test_wrong_input_is_one_line_with_status_2_and_nothing_is_written(flags, words, capsys):
    assert words in refused_untouched(capsys, *flags)


def test_the_lines_of_the_readme_give_the_same_from_python(monkeypatch):
    [code] = [
        code for code in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S) if "load_model" in code
    ]
    assert sum(map(bool, code.splitlines())) == 3
    folder = Path("readme")
    folder.mkdir()
    shutil.copy("best.pth", folder)
    for number, name in enumerate(re.findall(r'"([^"]+\.jpg)"', code)):
        Image.open(f"data/test/joy/{number}.png").save(folder / name, quality=95)
    monkeypatch.chdir(folder)
    variables = {}
    exec(code, variables)
    assert predict("r", *sorted(path.name for path in Path().glob("*.jpg"))) == 0
    expected = [[float(value) for value in row] for row in probabilities("r").values()]
    assert len(expected) == 2 and np.allclose(variables["probabilities"], expected, atol=1e-5)
