"""What --source of prepare may be beside a folder: one table; and when class folders are no classes."""

import pytest

from data_preprocessing.prepare.command import main
from tests.data_preprocessing.prepare.prepare_files import content, files_below, sample_image, write_files

ROWS = [f"{k % 3},{' '.join([str(k)] * 2304)},{usage}" for k, usage in enumerate(["Training", "PublicTest", "PrivateTest"] * 3)]
TABLE = "\n".join(["emotion,pixels,Usage", *ROWS]).encode()


def run(name, source, out) -> int:
    return main([name, "--source", str(source), "--out", str(out), "--workers", "1", "--size", "16"])


@pytest.mark.parametrize("name", ["fer2013.csv", "mine.csv", "FER.CSV"])
def test_the_table_itself_is_the_same_as_its_folder(tmp_path, name):
    write_files(tmp_path, {"in/fer2013.csv": TABLE, f"other/{name}": TABLE, "other/junk.zip": b"PK\3\4", "other/a.jpg": b""})
    assert run("fer2013", tmp_path / "in", tmp_path / "a") == run("fer2013", tmp_path / "other" / name, tmp_path / "b") == 0
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b") and len(files_below(tmp_path / "a")) == 11


def test_a_table_with_contempt(tmp_path, capsys):
    write_files(tmp_path, {"ckextended.csv": TABLE + f"\n7,{' '.join(['9'] * 2304)},Training".encode()})
    assert run("fer2013", tmp_path / "ckextended.csv", tmp_path / "out") == 0
    assert "label 7, contempt, occurs 1 times: 8 classes" in capsys.readouterr().out
    assert len(list((tmp_path / "out/train/contempt").iterdir())) == 1


def test_votes_and_the_table_beside_them(tmp_path):
    header = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    counts = [",".join("9" if column == k % 3 else "0" for column in range(10)) for k in range(len(ROWS))]
    rows = [f"{row.rpartition(',')[2]},fer{k}.png,{counts[k]}" for k, row in enumerate(ROWS)]
    write_files(tmp_path, {"fer2013.csv": TABLE, "fer2013new.csv": "\n".join([header, *rows]).encode()})
    for name in ("fer2013new.csv", "fer2013.csv"):
        assert run("ferplus", tmp_path / name, tmp_path / f"from_{name}") == 0


@pytest.mark.parametrize("name", ["rafdb", "affectnet", "expw", "folder", "ck+"])
def test_a_list_given_to_a_reader_of_images_is_answered_with_its_folder(tmp_path, capsys, name):
    image = content(sample_image(), "JPEG")
    write_files(tmp_path / "x", {"label.lst": b"a.jpg 0 0 0 9 9 1 1\n", "origin/a.jpg": image})
    assert run(name, tmp_path / "x/label.lst", tmp_path / "out") == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert f"label.lst: a single file, and {name} wants a folder or an archive" in message
    assert f"prepare expw --source {tmp_path / 'x'}" in message and "broken" not in message


def test_an_image_or_a_broken_archive_is_said_to_be_one(tmp_path, capsys):
    write_files(tmp_path, {"a.png": content(sample_image()), "b.zip": b"nothing"})
    assert run("fer2013", tmp_path / "a.png", tmp_path / "out") == run("fer2013", tmp_path / "b.zip", tmp_path / "out") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "a single image" in first and "no archive, or a broken one" in second


LISTED = {
    "affectnet": {"Images/1/a.jpg": b"", "Images/2/a.jpg": b"", "training.csv": b""},
    "expw": {"origin/a.jpg": b"", "more/b.jpg": b"", "label.lst": b""},
    "rafdb": {"Image/aligned/train_1_aligned.jpg": b"", "Image/original/train_1.jpg": b"", "list_patition_label.txt": b""},
    "ferplus": {"FER2013Train/a.png": b"", "FER2013Test/a.png": b"", "fer2013new.csv": b""},
}


@pytest.mark.parametrize("name", LISTED)
def test_folders_beside_a_list_are_no_classes(tmp_path, capsys, name):
    write_files(tmp_path / "in", LISTED[name])
    assert run("folder", tmp_path / "in", tmp_path / "out") == 2
    assert f"a list gives the labels, folders are no classes; NAME {name} fits" in capsys.readouterr().err
    assert run("jaffe", tmp_path / "in", tmp_path / "out") == 2
    assert capsys.readouterr().err.strip().endswith(f"; NAME {name} fits what was found")
