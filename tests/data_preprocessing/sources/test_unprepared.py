"""What --data says about layouts that prepare reads."""

import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.open_source import open_source
from tests.data_preprocessing.prepare.prepare_files import content, sample_image, write_files

IMAGE = content(sample_image())


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("affectnet", {"Manually_Annotated/Manually_Annotated_Images/1/a.jpg": IMAGE, "lists/training.csv": b"1/a.jpg,1"}),
        ("affectnet", {f"{split}/{name}": IMAGE for split in ("train", "valid") for name in ("images/a.png", "labels/a.txt")}),
        ("affectnet", {"images/train/a.png": IMAGE, "labels/train/a.txt": b"0", "data.yaml": b"names: [a]"}),
        (
            "affectnet",
            {f"train_set/{name}": text for name, text in (("images/a.png", IMAGE), ("labels/a.txt", b"0"))}
            | {"data.yaml": b"names: [anger, fear]"},
        ),
        (
            "affectnet",
            {"val_set/Manually_Annotated_Images/1/a.png": IMAGE, "val_set/Manually_Annotated_Images/1/b.png": IMAGE}
            | {"training.csv": b"1/a.png,0,0,2,2,0,1,0,0\n", "validation.csv": b"1/b.png,0,0,2,2,0,2,0,0\n"},
        ),
        ("expw", {"origin/a.jpg": IMAGE, "label.lst": b"a.jpg 0 0 0 1 1 1 1"}),
        ("ferplus", {"FER2013Train/fer0.png": IMAGE, "fer2013new.csv": b"Usage"}),
        ("fer2013", {"sad/Training_1.png": IMAGE, "fear/PublicTest_1.png": IMAGE}),
    ],
)
def test_the_command_that_reads_a_layout_is_named(tmp_path, name, files):
    write_files(tmp_path / "d", files)
    with pytest.raises(DataError) as caught:
        open_source(tmp_path / "d")["train"]()
    message = str(caught.value)
    assert f"python -m data_preprocessing.prepare {name} --source {tmp_path / 'd'} --out" in message
    assert len(message.splitlines()) == 1


def test_public_test_in_the_test_folder_is_said(tmp_path):
    files = [f"train/{c}/Training_1.png" for c in ("sad", "fear")]
    files += [f"test/{c}/{p}_2.png" for c in ("sad", "fear") for p in ("PublicTest", "PrivateTest")]
    write_files(tmp_path / "d", dict.fromkeys(files, IMAGE))
    said = []
    open_source(tmp_path / "d", said.append)
    (text,) = (text for text in said if "official" in text)
    assert "test/ holds 2 images called PublicTest_N, of the official split valid" in text and "prepare fer2013" in text


def test_official_splits_in_their_folders_need_no_words(tmp_path):
    files = [f"{s}/{c}/{p}_1.png" for s, p in (("train", "Training"), ("val", "PublicTest"), ("test", "PrivateTest"))
             for c in ("sad", "fear")]  # fmt: skip
    write_files(tmp_path / "d", dict.fromkeys(files, IMAGE))
    said = []
    open_source(tmp_path / "d", said.append)
    assert said == []
