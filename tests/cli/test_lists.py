"""A list of images as --data: trained, resumed, tested, prepared and audited, always with the same cut."""

import csv
import json
from pathlib import Path

import pytest

from data_preprocessing.audit import command as audit
from data_preprocessing.prepare import command as prepare
from tests.command_line import run

SMALL = ["--model", "deep_emotion", "-b", "8", "-j", "0", "--lr", "1e-3", "--cache", "off"]
TOLD = ["--columns", "image=Bild,label=Ausdruck,subject=Wer", "--root", "faces"]


@pytest.fixture
def odd(tmp_path, monkeypatch, make_image) -> Path:
    """A list with columns that no one else calls so, of 40 images of 10 persons in 2 classes, from a spreadsheet."""
    monkeypatch.chdir(tmp_path)
    Path("faces").mkdir()
    rows = ["Nr;Bild;Ausdruck;Wer"]
    for k in range(40):
        make_image(k).save(f"faces/{k}.png")
        rows.append(f"{k};{k}.png;{'Freude' if k % 2 else 'Angst'};{k // 4}")
    Path("odd.csv").write_text("\r\n".join(rows), encoding="utf-8-sig")
    return Path("odd.csv")


def images(name: str) -> dict[str, set[str]]:
    """The images of a run by split."""
    found: dict[str, set[str]] = {}
    with open(f"log/{name}/pictures.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["split"], set()).add(row["path"])
    return found


def test_training_resuming_and_testing_take_the_same_cut(odd, capsys):
    assert run("--data", odd, *TOLD, *SMALL, "--epochs", 1, "--split-seed", 3, "--run", "a") == 0
    out = capsys.readouterr().out
    assert (
        "odd.csv: split by subject: no person is in two splits (no column of splits: 80 % train" in out
        and "--split-seed 3" in out
    )
    cut = images("a")
    assert {name: len(paths) for name, paths in cut.items()} == {"train": 32, "valid": 4, "test": 4}
    assert run("--resume", "checkpoint/a/last.pth", "--epochs", 2) == 0
    assert images("a") == cut and "warning: the" not in capsys.readouterr().out
    assert run("--evaluate", "checkpoint/a/best.pth", "--out", "tested") == 0
    table = Path("tested/predictions.csv").read_bytes()
    assert table == Path("log/a/predictions.csv").read_bytes()
    assert json.loads(Path("tested/args.json").read_text())["arguments"]["split_seed"] == 3
    other = Path("other.csv")
    other.write_text("path,label,split\n" + "".join(f"faces/{k}.png,{'Freude' if k % 2 else 'Angst'},test\n" for k in range(7)))
    assert run("--evaluate", "checkpoint/a/best.pth", "--data", other, "--out", "elsewhere") == 0
    assert len(Path("elsewhere/predictions.csv").read_text().splitlines()) == 8


def test_prepare_and_audit_cut_it_as_training_does(odd, capsys):
    assert (
        prepare.main(["list", "--source", "odd.csv", *TOLD, "--out", "prep", "--size", "0", "--format", "same", "--seed", "3"])
        == 0
    )
    assert run("--data", odd, *TOLD, *SMALL, "--epochs", 1, "--split-seed", 3, "--run", "a") == 0
    with open("prep/manifest.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["split"], row["source"]) for row in rows} == {
        (name, path) for name, paths in images("a").items() for path in paths
    }
    assert {row["subject"] for row in rows} == {str(k) for k in range(10)}
    capsys.readouterr()
    assert audit.main(["odd.csv", *TOLD, "--split-seed", "3"]) == 0
    out = capsys.readouterr().out
    assert "train: 32 images in 2 classes, 8 subjects" in out and "odd_audit/audit.html" in out
    with open("odd_audit/audit.csv", encoding="utf-8") as file:
        assert {row["image"] for row in csv.DictReader(file)} <= {path for paths in images("a").values() for path in paths}


def test_a_leak_in_a_list_is_named_with_the_command_that_mends_it(odd, capsys, make_image):
    for k in range(4):
        make_image(k).save(f"faces/{k + 8}.png")
    assert audit.main(["odd.csv", *TOLD, "--strict"]) in (0, 1)
    Path("given.csv").write_text(
        "path,label,split\n" + "".join(f"faces/{k}.png,{k % 2},{'train' if k < 8 else 'test'}\n" for k in range(16))
    )
    capsys.readouterr()
    assert audit.main(["given.csv", "--strict"]) == 1
    command = capsys.readouterr().out.partition("To leave the copies out: ")[2].splitlines()[0]
    assert prepare.main(command.split()[3:]) == 0
    assert run("--data", "given.csv", *SMALL, "--epochs", 1, "--run", "a") == 0
    assert "warning: audit.json: leakage." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--data", "odd.csv"],
            "odd.csv: no column of images (found Nr, Bild, Ausdruck, Wer); name it by --columns image=NAME",
        ),
        (["--data", "odd.csv", *TOLD[:2]], "none of its 40 images is in ., such as 0.png; --root names their folder"),
        (["--data", "odd.csv", *TOLD[:2], "--root", "nowhere"], "--root nowhere: no such folder"),
        (
            ["--data", "odd.csv", "--columns", "image=Bild,label=Nr,subject=", "--root", "faces"],
            "too few images or persons to cut valid and test out of them",
        ),
        (
            ["--data", "faces", *TOLD[:2]],
            "--columns image=Bild,label=Ausdruck,subject=Wer: goes with a list of images; faces is no list",
        ),
        (["--data", "odd.csv", "--split-seed", "-1"], "--split-seed -1: must be at least 0"),
        (["--data", "gone.csv"], "--data gone.csv: no such folder"),
    ],
)
def test_what_is_wrong_ends_in_one_line_and_writes_nothing(odd, capsys, arguments, said):
    assert run(*arguments, *SMALL) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error
    assert sorted(path.name for path in Path().iterdir()) == ["faces", "odd.csv"]


def test_missing_images_stop_the_run_or_are_dropped_and_counted(odd, capsys):
    Path("faces/0.png").unlink()
    assert run("--data", odd, *TOLD, *SMALL, "--epochs", 1, "--run", "a") == 2
    assert "faces/0.png: unreadable image (No such file or directory); mend it, or --skip-bad-images" in capsys.readouterr().err
    assert run("--data", odd, *TOLD, *SMALL, "--epochs", 1, "--run", "a", "--skip-bad-images") == 0
    out = capsys.readouterr().out
    assert "warning: odd.csv: 1 of its 40 images missing in faces: 0.png" in out and "1 unreadable images dropped" in out
    warnings = json.loads(Path("log/a/result.json").read_text())["warnings"]
    assert "1 of its 40 images missing in faces: 0.png" in " ".join(warnings)


def test_boxes_are_cropped_through_the_cache_as_without_it(odd, capsys):
    Path("faces.csv").write_text(
        "path,label,split,box\n"
        + "".join(
            f"faces/{k}.png,{k % 2},{('train', 'train', 'valid', 'test')[k // 2 % 4]},{k % 5} 3 {20 + k % 7} 30\n"
            for k in range(24)
        )
    )
    for name, cache in (("cached", "auto"), ("plain", "off")):
        assert run("--data", "faces.csv", *SMALL, "--epochs", 1, "--run", name, "--cache", cache) == 0
    assert "24 faces cropped by box" in capsys.readouterr().out
    assert Path("log/cached/predictions.csv").read_bytes() == Path("log/plain/predictions.csv").read_bytes()
    assert audit.main(["faces.csv"]) == 2
    assert "names face boxes; python -m data_preprocessing.prepare list --source faces.csv" in capsys.readouterr().err
