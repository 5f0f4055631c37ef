"""13. POSTER V2's instructions show RAF-DB as flat files while the code needs a folder per class: it ends in "Couldn't
find any class folder", which four users asked about.
"""

import pytest
from torchvision.datasets import ImageFolder

from tests.reproduction.cli_runs import run


@pytest.fixture
def flat(tmp_path, make_image, monkeypatch):
    """RAF-DB's aligned images as its archive and the published instructions have them."""
    for split, prefix in (("train", "train"), ("valid", "test")):
        folder = tmp_path / "rafdb" / split
        folder.mkdir(parents=True)
        for number in (1, 2):
            make_image(number).save(folder / f"{prefix}_{number:05d}_aligned.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_published_reader_does_not_say_what_to_do(flat):
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder") as error:
        ImageFolder(flat / "rafdb/train")
    assert "list_patition_label.txt" not in str(error.value)


def test_ours_names_the_folder_and_the_remedy(flat, capsys):
    assert run("--data", "rafdb") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "RAF-DB" in error and "list_patition_label.txt" in error
    assert "rafdb" in error
    assert {path.name for path in flat.iterdir()} == {"rafdb"}  # nothing was written
