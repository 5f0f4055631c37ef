"""The command `python -m data_preprocessing.prepare`: trees of class folders from end to end, kill -9, wrong arguments."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from data_preprocessing.prepare import writer
from data_preprocessing.prepare.command import get_args_parser, main
from data_preprocessing.readers import READERS
from data_preprocessing.sources.folders import check_images, read_split
from data_preprocessing.sources.split_folders import find_splits
from tests.data_preprocessing.prepare.prepare_files import class_tree, content, files_below, sample_image, write_files

ROOT = Path(__file__).parents[3]


@pytest.fixture
def source(tmp_path) -> Path:
    return class_tree(tmp_path / "source", ("기쁨", "sad", "joy"), 20)


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def run(source: Path, out: Path, *flags: str, name: str = "folder") -> int:
    return main([name, "--source", str(source), "--out", str(out), "--workers", "1", "--size", "32", *flags])


def refused(capsys, *arguments, **named) -> str:
    """The one line of an error, after which nothing new lies in --out."""
    assert run(*arguments, **named) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


def labelled(out: Path) -> dict[str, set[str]]:
    """split -> <class>/<stem> of its images."""
    return {
        folder.name: {f"{p.parent.name}/{p.stem}" for p in folder.rglob("*.jpg")} for folder in out.iterdir() if folder.is_dir()
    }


def test_what_is_written_is_what_main_reads(source, out, capsys):
    assert run(source, out, "--subject-regex", r"p\d+") == 0
    splits = [check_images(read_split(name, folder), False).split for name, folder in find_splits(out).items()]
    assert len({split.classes for split in splits}) == 1
    assert {split.name: len(split.paths) for split in splits} == {"train": 48, "valid": 6, "test": 6}
    people = [{path.split("/")[1].split("_")[0] for path in split.paths} for split in splits]
    assert not people[0] & people[1] and not people[0] & people[2] and not people[1] & people[2]
    said = capsys.readouterr().out
    assert "note: split by subject: no person is in two splits" in said
    assert "class  train  valid  test  all\njoy       16      2     2   20\n" in said
    assert said.endswith(f"train with\npython main.py --data {out}\n")


def test_an_archive_that_holds_its_own_name_again_is_one_folder(out, tmp_path):
    for split in ("train", "valid"):
        class_tree(tmp_path / split, count=2)
        with zipfile.ZipFile(tmp_path / f"zips-{split}.zip", "w") as archive:
            for path in sorted((tmp_path / split).rglob("*.png")):
                archive.write(path, path.relative_to(tmp_path).as_posix())
        (tmp_path / "zips").mkdir(exist_ok=True)
        (tmp_path / f"zips-{split}.zip").rename(tmp_path / "zips" / f"{split}.zip")
    assert run(tmp_path / "zips", out, "--split-by", "given") == 0
    assert {path.name for path in (out / "train").iterdir()} == {"joy", "sad"}


def test_a_zip_is_the_same_as_its_folder(source, out, tmp_path):
    with zipfile.ZipFile(tmp_path / "it.zip", "w") as archive:
        for name, data in files_below(source).items():
            archive.writestr(name, data)
    assert run(source, out) == run(tmp_path / "it.zip", tmp_path / "zip") == 0
    assert files_below(out) == files_below(tmp_path / "zip")


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Training", "Validation", "TESTING"), ("TRAIN", "val", "Test")])
def test_split_folders_are_kept_by_any_name(source, out, tmp_path, names):
    for split, name in zip((0, 1, 2), names):
        for label in ("a", "b"):
            write_files(
                tmp_path / "data" / "wrapper" / name, {f"{label}/deep/{split}.jpg": content(sample_image(split), "JPEG")}
            )
    assert run(tmp_path / "data", out) == 0
    expected = {split: {f"{label}/{k}" for label in "ab"} for k, split in enumerate(("train", "valid", "test"))}
    assert labelled(out) == expected


def test_an_archive_a_class(source, out, tmp_path):
    for label in ("a", "b"):
        (tmp_path / "zips").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / "zips" / f"{label}.zip", "w") as archive:
            archive.writestr("inner/1.png", content(sample_image()))
    assert run(tmp_path / "zips", out, "--ratios", "1,0,0") == 0
    assert labelled(out) == {"train": {"a/1", "b/1"}}


def test_classes_are_grouped_and_the_rest_is_counted(source, out, capsys):
    assert run(source, out, "--classes", "good=joy+기쁨,sad") == 0
    assert {p.name for p in (out / "train").iterdir()} == {"good", "sad"}
    assert run(source, out.with_name("two"), "--classes", "joy,sad") == 0
    assert "note: --classes leaves out 20 of 60 images" in capsys.readouterr().out


def test_files_that_are_no_images_and_gaps_are_said(source, out, capsys):
    write_files(source, {"readme.txt": b"", "joy/LICENSE": b"", "fear/only.png": content(sample_image())})
    assert run(source, out) == 0
    said = capsys.readouterr().out
    assert "note: 2 files are no images: 1 no ending, 1 .txt" in said
    assert "note: valid has no image of fear: it gets no recall there" in said
    assert "note: test has no image of fear" in said and "train has no" not in said


def test_skipped_images_are_counted(source, out, capsys):
    write_files(source, {"joy/p0_0.png": b"no image"})
    message = refused(capsys, source, out)
    assert "joy/p0_0.png: unreadable image" in message and "--resume --skip-bad-images" in message
    assert run(source, out, "--resume", "--skip-bad-images") == 0
    assert f"note: 1 unreadable image left out, listed in {out / 'skipped.csv'}" in capsys.readouterr().out


def test_wrong_layout_says_which_name_fits(tmp_path, out, capsys):
    write_files(
        tmp_path / "jaffe", {f"KA.{code}1.{k}.tiff": content(sample_image(k), "TIFF") for k, code in enumerate(("AN", "HA"))}
    )
    message = refused(capsys, tmp_path / "jaffe", out, name="ferg")
    assert "NAME jaffe fits what was found" in message
    assert not out.exists()


def test_no_other_name_is_offered_where_the_layout_is_right_but_broken(tmp_path, out, capsys):
    image = content(sample_image())
    write_files(tmp_path / "data", {"train/E01/1.png": image, "train/E02/1.png": image, "other/2.png": image})
    assert READERS["vr"].fits(["train/E01/1.png"])
    message = refused(capsys, tmp_path / "data", out)
    assert "lies beside the split folders" in message and "NAME" not in message


def test_the_folder_reader_is_named_only_if_no_other_fits(source, out, capsys):
    assert refused(capsys, source, out, name="jaffe").endswith("; NAME folder fits what was found")
    write_files(source, {"joy/KA.AN1.39.tiff": content(sample_image(), "TIFF")})
    assert refused(capsys, source, out, name="ck+").endswith("; NAME jaffe fits what was found")


def test_trees_without_classes_are_refused(source, tmp_path, out, capsys):
    image = content(sample_image())
    trees = {
        "no images; expected CLASS": {"a.txt": b""},
        "only one class folder, a; expected": {"train/a/1.png": image, "test/a/2.png": image},
        "test/2.png lies in no class folder": {"train/a/1.png": image, "train/b/1.png": image, "test/2.png": image},
        "other/2.png lies beside the split folders": {"train/a/1.png": image, "train/b/1.png": image, "other/2.png": image},
        "2.png lies in no class folder": {"a/1.png": image, "b/1.png": image, "2.png": image},
    }
    for place, (message, files) in enumerate(trees.items()):
        assert message in refused(capsys, write_files(tmp_path / str(place), files), out)
    assert ": 1 class; a classifier needs at least 2" in refused(capsys, source, out, "--classes", "joy")
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--size", "8"), "--size 8: must be from 16 to 4096"),
        (("--margin", "-1"), "--margin -1: must be from 0 to 10"),
        (("--margin", "nan"), "--margin nan: must be"),
        (("--seed", "-1"), "--seed must be at least 0"),
        (("--workers", "0"), "--workers at least 1"),
        (("--ratios", "0.5,0.5"), "--ratios 0.5,0.5: must be 3 shares"),
        (("--ratios", "nan,0,0"), "must be 3 shares"),
        (("--split-by", "given"), "no split; --split-by subject or random"),
        (("--split-by", "subject"), "has no subject; --subject-regex"),
        (("--subject-regex", "x"), "finds no subject in joy/p0_0.png"),
        (("--num-classes", "8"), "--num-classes: means nothing to folder; only affectnet takes it"),
        (("--label", "majority"), "--label: means nothing to folder; only aihub takes it"),
        (("--no-neutral",), "--no-neutral: means nothing to folder; only ck+ takes it"),
        (("--source", "absent"), "absent: no such folder or archive"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_is_written(source, out, capsys, flags, message):
    assert message in refused(capsys, source, out, *flags)
    assert not out.exists()


def test_out_inside_the_source_is_refused(source, capsys):
    for out in (source, source / "out"):
        assert "which is only read; choose a folder outside" in refused(capsys, source, out)


def test_arguments_that_argparse_refuses(capsys):
    for flags in (["nothing", "--source", "a", "--out", "b"], ["folder", "--source", "a", "--out", "b", "--ratios", "a"]):
        with pytest.raises(SystemExit) as caught:
            main(flags)
        assert caught.value.code == 2


def test_help_describes_every_reader():
    text = get_args_parser().format_help()
    for name, reader in READERS.items():
        assert f"{name:<10} {reader.description}" in text


def test_a_full_disk_and_ctrl_c_end_in_one_line(source, out, capsys, monkeypatch):
    def fail(error):
        def write(out, target, data):
            raise error

        monkeypatch.setattr(writer, "_write", write)

    fail(OSError(errno.ENOSPC, "No space left on device"))
    assert f"{out}: No space left on device; what is written stays; mend that and repeat" in refused(capsys, source, out)
    fail(KeyboardInterrupt())
    assert run(source, out, "--resume") == 130
    assert capsys.readouterr().err == f"stopped; --resume goes on in {out}\n"
    monkeypatch.undo()
    assert run(source, out, "--resume") == 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no kill -9")
@pytest.mark.parametrize(("workers", "places"), [(1, (30,)), (2, (1, 50))])
def test_kill_9_and_resume_make_what_one_run_makes(tmp_path, workers, places):
    data = content(sample_image(size=(400, 400)))
    source = write_files(tmp_path / "source", {f"{label}/{k}.png": data for label in ("joy", "sad") for k in range(50)})
    command = [sys.executable, "-m", "data_preprocessing.prepare", "folder", "--source", str(source), "--workers", str(workers)]
    for out, kills in (("expected", ()), ("killed", places)):
        for number in kills:
            process = subprocess.Popen([*command, "--out", str(tmp_path / out), "--resume"], cwd=ROOT, stdout=subprocess.PIPE)
            while len(list((tmp_path / out).rglob("*.jpg"))) < number and process.poll() is None:
                time.sleep(0.005)
            process.kill()
            process.communicate(timeout=60)  # ends only when the workers, which hold the pipe too, have ended
            assert process.returncode == -signal.SIGKILL and not (tmp_path / out / "manifest.csv").exists()
            done = {path: path.stat().st_mtime_ns for path in (tmp_path / out).rglob("*.jpg")}
        subprocess.run([*command, "--out", str(tmp_path / out), "--resume"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    assert files_below(tmp_path / "killed") == files_below(tmp_path / "expected")
    assert len(done) >= places[-1] and {path: path.stat().st_mtime_ns for path in done} == done
    assert json.loads((tmp_path / "killed" / "prepare.json").read_text())["pictures"] == 100
    assert not any(name.startswith(".") for name in os.listdir(tmp_path / "killed"))
