"""FER2013 as image files: the name says the split."""

import os
import tarfile
from pathlib import Path

import pytest

from data_preprocessing.prepare.command import main
from data_preprocessing.readers import fer2013
from data_preprocessing.sources.trees import open_tree
from tests.data_preprocessing.readers.fer2013_tables import USAGES, usual
from tests.data_preprocessing.readers.planted_trees import failure, labels, listing, note, pack, plant

PREFIXES = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}


@pytest.mark.parametrize(
    "folders", [("train", "test", "test"), ("train", "validation", "test"), ("Train", "Val", "TEST"), ("x", "x", "x")]
)
def test_the_name_gives_the_split_and_the_folder_the_class(tmp_path, folders):
    names = [f"a/{f}/{c}/{p}_{k}.jpg" for k, (p, f) in enumerate(zip(PREFIXES, folders)) for c in ("angry", "sad", "happy")]
    found = listing(fer2013, plant(tmp_path, *names))
    assert set(labels(found).values()) == {"anger", "sadness", "happiness"} and len(found.records) == 9
    assert all(record.split == PREFIXES[record.source.rpartition("/")[2].split("_")[0]] for record in found.records)
    assert len(found.notes) == (folders == ("train", "test", "test"))
    if found.notes:
        assert found.notes[0].startswith("3 images are called PublicTest_N in a folder of test, taken into valid")


def test_what_is_left_out_is_counted(tmp_path):
    plant(tmp_path, "train/sad/Training_1.jpg", "test/sad/Training_1.jpg", "train/fear/Training_1.jpg", "train/sad/me.jpg")
    found = listing(fer2013, tmp_path)
    assert len(found.records) == 2
    assert "1 image is there more than once" in note(found, "more than once") and "train/sad/me.jpg" in note(
        found, "not called"
    )


def test_another_class_is_refused(tmp_path):
    assert "'joyful' is no class of FER2013" in failure(fer2013, plant(tmp_path, "train/joyful/Training_1.jpg"))


def test_numbered_classes_and_archives(tmp_path):
    pack(tmp_path / "test.zip", "6/PrivateTest_1.png")
    found = listing(fer2013, plant(tmp_path, "train/0/Training_1.png"))
    assert sorted((r.label, r.split) for r in found.records) == [("anger", "train"), ("neutral", "test")]


def write(name: str, source: Path, out: Path) -> int:
    return main([name, "--source", str(source), "--out", str(out), "--size", "16", "--workers", "1"])


def test_prepare_folder_says_that_fer2013_fits(tmp_path, capsys):
    plant(tmp_path / "in", *(f"{s}/{c}/{p}_{k}.png" for s, p in (("train", "Training"), ("test", "PublicTest"))
                             for c in ("sad", "fear") for k in range(9)))  # fmt: skip
    assert write("folder", tmp_path / "in", tmp_path / "out") == 0
    assert "NAME fer2013 fits and keeps the official splits" in capsys.readouterr().out


@pytest.mark.skipif("FER2013" not in os.environ, reason="FER2013 names no archive of FER2013's images")
def test_the_real_images_keep_the_official_splits():
    path = Path(os.environ["FER2013"])
    found = fer2013.read(open_tree(path), None)
    counts = [sum(record.split == split for record in found.records) for split in ("train", "valid", "test")]
    assert counts == [28709, 3589, 3589]


def test_a_native_tar_gz(tmp_path, capsys):
    (tmp_path / "fer2013").mkdir()
    (tmp_path / "fer2013/fer2013.csv").write_text(usual(USAGES))
    with tarfile.open(tmp_path / "fer2013.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "fer2013", "fer2013")
    out = tmp_path / "out"
    assert write("fer2013", tmp_path / "fer2013.tar.gz", out) == 0
    assert len(list(out.rglob("*.jpg"))) == 4
