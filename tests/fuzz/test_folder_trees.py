"""Folders that hold anything: links in circles, FIFOs, names that are no UTF-8, what cannot be listed."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_preprocessing.audit.command import main as audit
from data_preprocessing.common.errors import DataError
from data_preprocessing.prepare.command import main as prepare
from data_preprocessing.sources.folders import check_images, read_split
from data_preprocessing.sources.open_source import open_source
from data_preprocessing.sources.split_folders import find_splits
from data_preprocessing.sources.trees import open_tree
from tests.fuzz.hostile import assert_one_line, cases, limited, noted, outcome, run, silent
from tests.fuzz.tree_files import FILES, IMAGE, grown, inside, planted, read_splits, read_tree


@cases(14)
@given(st.integers(0, 2**32), st.booleans())
def test_a_folder_with_anything_in_it_is_read_or_refused_in_one_line(seed, flat):
    with tempfile.TemporaryDirectory() as folder, silent():
        root = planted(Path(folder, "d"))
        grown(root, seed)
        outcome(read_splits, root)
        outcome(read_tree, root / "train" if flat else root)


@cases(5)
@given(st.integers(0, 2**32))
def test_prepare_and_audit_leave_a_whole_output_or_none(seed):
    with tempfile.TemporaryDirectory() as folder, limited(), inside(Path(folder)):
        grown(planted(Path("d")), seed)
        for skip in (["--skip-bad-images"], []):
            status, said = run(prepare, ["folder", "--source", "d", "--out", "o", "--size", "32", "--workers", "1", *skip])
            noted(f"prepare: {status}")
            assert status in (0, 2)
            if status == 0:
                assert Path("o/manifest.csv").exists()
                break
            assert "--resume" in said or not Path("o").exists()
            if "is not empty" not in said:
                assert_one_line(said.rstrip("\n"))
        status, said = run(audit, ["d", "--out", "a"])
        noted(f"audit: {status}")
        assert Path("a/audit.html").exists() if status == 0 else status == 2 and not Path("a").exists()
        assert not list(Path().rglob("*.partial"))


def test_a_class_folder_may_be_a_link_and_linked_folders_in_it_are_read_once(tmp_path):
    planted(tmp_path, {"train/joy/0.png": IMAGE, "other/sad/1.png": IMAGE, "other/more/2.png": IMAGE})
    (tmp_path / "train/sad").symlink_to("../other/sad")
    (tmp_path / "other/sad/more").symlink_to("../more")
    (tmp_path / "other/more/back").symlink_to("../sad")
    (tmp_path / "other/more/circle").symlink_to("circle")
    (tmp_path / "other/more/circle").unlink()
    assert read_split("train", tmp_path / "train").paths == ("joy/0.png", "sad/1.png", "sad/more/2.png")


@pytest.mark.parametrize("place", ["train/lost", "train/joy/lost"])
@pytest.mark.parametrize("target", ["nowhere", "lost"])
def test_a_link_to_nothing_is_named_where_it_may_have_been_a_folder(tmp_path, place, target):
    (planted(tmp_path) / place).symlink_to(target)
    with pytest.raises(DataError, match=rf"{place}: a link to nothing; mend or remove it"):
        read_split("train", tmp_path / "train")


@pytest.mark.parametrize("place", ["train", "train/joy", "train/joy/deep"])
def test_a_folder_that_cannot_be_listed_is_named_and_not_passed_over(tmp_path, monkeypatch, place):
    planted(tmp_path, {**FILES, "train/joy/deep/3.png": IMAGE})
    real = {"scandir": os.scandir, "listdir": os.listdir}

    def refusing(name):
        def listed(path="."):
            if str(path) == str(tmp_path / place):
                raise PermissionError(13, "Permission denied", str(path))
            return real[name](path)

        return listed

    for name in real:
        monkeypatch.setattr(os, name, refusing(name))
    with pytest.raises(DataError, match=rf"{place}: cannot be read \(Permission denied\)"):
        read_split("train", tmp_path / "train")


def test_names_that_are_no_utf8_become_classes_that_every_file_and_plot_takes(tmp_path):
    for name in (b"joy", b"\xff", b"\xb1\xe2\xbb\xdd"):
        folder = os.path.join(os.fsencode(tmp_path), b"train", name)
        os.makedirs(folder)
        with open(os.path.join(folder, b"\xff.png"), "wb") as file:
            file.write(IMAGE)
    split = read_split("train", tmp_path / "train")
    assert set(split.classes) == {"joy", "\\xff", "기쁨"}
    checked = check_images(split, skip_bad=False)
    assert checked.split == split and all(split.image(index).size == (21, 33) for index in range(3))


@contextmanager
def nested(folder: Path, name: str, times: int, content: bytes | None = None) -> Iterator[None]:
    """Folders in one another, too deep for a recursive function or even a path, that go afterwards."""
    with inside(folder):
        for _ in range(times):
            os.mkdir(name)
            os.chdir(name)
        if content:
            Path("x.png").write_bytes(content)
        os.chdir(folder)
        try:
            yield
        finally:
            for _ in range(times):
                os.chdir(name)
            Path("x.png").unlink(missing_ok=True)
            for _ in range(times):
                os.chdir("..")
                os.rmdir(name)


def test_very_deep_folders_are_read_and_too_deep_ones_are_named(tmp_path):
    planted(tmp_path, {"train/sad/1.png": IMAGE, "train/joy/1.png": IMAGE})
    with limited(), nested(tmp_path / "train/joy", "d", 1500, IMAGE):
        assert read_split("train", tmp_path / "train").counts() == {"joy": 2, "sad": 1}
        assert check_images(read_split("train", tmp_path / "train"), skip_bad=True).bad == []
        assert len(open_tree(tmp_path).names()) == 3
    with limited(), nested(tmp_path / "train/joy", "d" * 200, 30, IMAGE):
        with pytest.raises(DataError, match="File name too long"):
            read_split("train", tmp_path / "train")
        with pytest.raises(DataError, match="File name too long"):
            open_tree(tmp_path)


def test_thousands_of_empty_folders_are_walked_in_time(tmp_path):
    planted(tmp_path, {"train/joy/1.png": IMAGE, "train/sad/1.png": IMAGE})
    for k in range(5_000):
        os.mkdir(tmp_path / f"train/joy/{k}")
    with limited():
        assert read_split("train", tmp_path / "train").counts() == {"joy": 1, "sad": 1}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: (root / "train").write_text("x"), "no train/, valid/ or test/ folder"),
        (lambda root: os.mkfifo(root / "train"), "no train/, valid/ or test/ folder"),
        (lambda root: (root / "train").symlink_to("train"), "no train/, valid/ or test/ folder"),
        (lambda root: (root / "train/joy").parent.mkdir() or (root / "train/joy").write_text("x"), "no class folders"),
        (lambda root: planted(root, {"train/joy/x.txt": b"", "train/sad/x.png": b""}), "no images in this class folder"),
    ],
)
def test_a_file_where_a_folder_should_be_is_told(tmp_path, make, words):
    make(tmp_path)
    with limited(), pytest.raises(DataError, match=re.escape(words)):
        for name, folder in find_splits(tmp_path).items():
            read_split(name, folder)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "fer2013.csv"])
def test_a_fifo_that_is_called_like_an_archive_or_a_table_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    for read in (open_tree, open_source):
        with limited(), pytest.raises(DataError):
            read(tmp_path / name)
    with limited(), pytest.raises(DataError):
        read_tree(tmp_path, "fer2013")
