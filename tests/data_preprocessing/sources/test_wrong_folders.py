"""Something else than a folder of splits: the message names the path or the command that works."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from data_preprocessing.prepare.command import get_args_parser
from data_preprocessing.sources.split_folders import find_splits
from tests.data_preprocessing.refusals import failure

CLASSES = {"angry": 1, "happy": 1}
FER2013 = "emotion,pixels,Usage\n0,1 2,Training\n"


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """An empty folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    return Path()


def command_in(message: str) -> list[str]:
    """The arguments of the prepare command that a message names; it must be one that prepare takes."""
    words = message.partition("python -m data_preprocessing.prepare ")[2].rpartition(" --out ")
    out = words[2].split()[0].rstrip(")")
    arguments = [*words[0].split(), "--out", out]
    get_args_parser().parse_args(arguments)
    return arguments


@pytest.mark.parametrize("parent", ["d", "d/e"])
def test_only_data_set_below_is_named(place, make_faces, parent):
    make_faces(place / parent / "DATASET", {"train": CLASSES, "test": CLASSES})
    assert failure(find_splits, place / "d").endswith(f"; give {parent}/DATASET")


def test_several_data_sets_are_named(place, make_faces):
    for name in ("A", "B c"):
        make_faces(place / "d" / name, {"train": CLASSES})
    assert "give one of d/A, 'd/B c'" in failure(find_splits, place / "d")


def test_split_folder_itself_is_given(place, make_faces):
    make_faces(place / "d", {"train": CLASSES, "test": CLASSES})
    assert failure(find_splits, place / "d/train").endswith("give the folder of all splits, d")


@pytest.mark.parametrize("name", ["fer2013.csv", "icml_face_data.csv", "train.csv"])
def test_folder_of_fer2013s_table_names_the_file(place, name):
    (place / "d").mkdir()
    (place / "d" / name).write_text(FER2013)
    message = failure(find_splits, place / "d")
    assert f"python main.py --data d/{name} reads it" in message
    assert command_in(message) == ["fer2013", "--source", "d", "--out", "data/d"]


def test_list_of_another_kind_is_not_called_fer2013(place, make_image):
    (place / "d").mkdir()
    (place / "d/train.csv").write_text("image,label\na.jpg,1\n")
    make_image().save(place / "d/a.jpg")
    for given in ("d", "d/train.csv"):
        message = failure(find_splits, place / given)
        assert "prepare fer2013" not in message and "expected DIR/train/<class>/*.jpg" in message
        assert "python main.py --data d/train.csv reads one with columns of images and labels" in message


def test_class_folders_without_splits_name_the_command_that_makes_them(place, make_faces):
    make_faces(place, {"faces": CLASSES})
    message = failure(find_splits, place / "faces")
    assert command_in(message) == ["folder", "--source", "faces", "--out", "data/faces"]


def test_named_output_does_not_lie_in_the_source(place, make_faces):
    make_faces(place, {"data": CLASSES})
    assert command_in(failure(find_splits, place / "data"))[-1] == "data_prepared"


def test_persons_name_the_command_that_makes_classes(place, make_faces):
    for person in ("s01", "s02"):
        make_faces(place / "people", {person: CLASSES})
    assert "--subject-regex '([^/]+)/(?:angry|happy)/'" in failure(find_splits, place / "people")


def test_archives_name_the_data_set_they_hold(place, make_faces):
    make_faces(place, {"faces": CLASSES})
    with zipfile.ZipFile("z.zip", "w") as archive:
        for file in (place / "faces").rglob("*.png"):
            archive.write(file)
    assert command_in(failure(find_splits, place / "z.zip")) == ["folder", "--source", "z.zip", "--out", "data/z"]
    (place / "fer2013.csv").write_text(FER2013)
    for name, mode in (("any.tar", "w"), ("fer2013.tar.gz", "w:gz")):
        with tarfile.open(name, mode) as archive:
            archive.add("fer2013.csv", "fer2013/fer2013.csv")
        message = failure(find_splits, place / name)
        assert command_in(message) == ["fer2013", "--source", name, "--out", f"data/{name.partition('.')[0]}"]


def test_native_layout_names_its_reader(place, make_image):
    (place / "jaffe").mkdir()
    for name in ("KA.AN1.39", "KA.HA1.29"):
        make_image().save(place / "jaffe" / f"{name}.tiff")
    assert command_in(failure(find_splits, place / "jaffe")) == ["jaffe", "--source", "jaffe", "--out", "data/jaffe"]


def test_images_and_checkpoints_name_the_flag_they_belong_to(place, make_image):
    make_image().save("face.jpg.1", "JPEG")
    assert "python main.py --evaluate FILE --predict face.jpg.1" in failure(find_splits, place / "face.jpg.1")
    (place / "best.pth").write_bytes(b"PK")
    assert "--evaluate best.pth" in failure(find_splits, place / "best.pth")
    (place / "flat").mkdir()
    make_image().save("flat/1.png")
    assert "--evaluate FILE --predict flat" in failure(find_splits, place / "flat")


def test_list_names_the_folder_of_its_images(place, make_faces):
    make_faces(place / "d", {"train": CLASSES, "test": CLASSES})
    (place / "d/labels.csv").write_text("a,b\n")
    assert failure(find_splits, place / "d/labels.csv").endswith("give the folder of the images, d")
