"""The drawn faces: repeatable, persons kept apart, never over other data."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.folders import check_images, read_split
from data_preprocessing.sources.split_folders import find_splits
from data_preprocessing.synthetic.command import main, write_synthetic
from data_preprocessing.synthetic.drawing import draw_face
from data_preprocessing.synthetic.parameters import EXPRESSIONS, Identity

PEOPLE = {"train": 2, "valid": 1, "test": 1}
CLASSES = ("anger", "happiness")


def write(out: Path, **options) -> Path:
    """A tiny data set."""
    return write_synthetic(out, **{"classes": CLASSES, "people": PEOPLE, "views": 1, "size": 32, **options})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}


def draw(expression: str, person: int = 0, size: int = 64, vr: bool = False) -> np.ndarray:
    who = Identity.draw(np.random.default_rng(person))
    return np.asarray(draw_face(who, expression, np.random.default_rng([person, 1]), size, vr), dtype=np.float64)


def command(out: Path, *more: str) -> list[str]:
    tiny = ["--train-people", "1", "--valid-people", "1", "--test-people", "1", "--views", "1", "--size", "32"]
    return ["--out", str(out), *tiny, *more]


def test_folder_is_a_readable_data_set(tmp_path):
    splits = find_splits(write(tmp_path / "faces", views=2))
    assert list(splits) == ["train", "valid", "test"]
    for name, folder in splits.items():
        split = read_split(name, folder)
        assert split.counts() == {expression: 2 * PEOPLE[name] for expression in CLASSES}
        assert check_images(split, skip_bad=False).bad == []
        with Image.open(folder / split.paths[0]) as image:
            assert (image.size, image.mode) == ((32, 32), "RGB")


def test_same_arguments_draw_the_same_bytes(tmp_path):
    first, second = write(tmp_path / "a"), write(tmp_path / "b")
    assert contents(first) == contents(second)
    assert contents(first)


def test_order_of_the_classes_does_not_matter(tmp_path):
    assert contents(write(tmp_path / "a")) == contents(write(tmp_path / "b", classes=CLASSES[::-1]))


def test_other_seed_draws_other_images(tmp_path):
    first, second = contents(write(tmp_path / "a")), contents(write(tmp_path / "b", seed=1))
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first)


def test_all_images_differ(tmp_path):
    images = contents(write(tmp_path / "faces", views=2))
    assert len(set(images.values())) == len(images)


def test_no_person_is_in_two_splits(tmp_path):
    root = write(tmp_path / "faces")
    persons = {split: {path.name.split("_")[0] for path in (root / split).rglob("*.png")} for split in PEOPLE}
    assert {split: len(found) for split, found in persons.items()} == PEOPLE
    assert len(set.union(*persons.values())) == sum(PEOPLE.values())


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_is_drawn(expression):
    image = draw_face(Identity.draw(np.random.default_rng(0)), expression, np.random.default_rng(0), 48)
    assert (image.size, image.mode) == ((48, 48), "RGB")
    assert np.asarray(image).std() > 5


def test_there_are_seven_expressions_and_they_look_different():
    assert len(EXPRESSIONS) == 7
    images = {expression: draw(expression) for expression in EXPRESSIONS}
    for a, b in combinations(EXPRESSIONS, 2):  # same person, pose, light and noise
        assert np.abs(images[a] - images[b]).max() > 15, (a, b)


def test_unknown_expression_is_refused():
    with pytest.raises(KeyError):
        draw("contempt")


def test_headset_covers_the_upper_face_and_leaves_the_chin():
    changes = [np.abs(draw("happiness", k) - draw("happiness", k, vr=True)).mean(axis=(1, 2)) for k in range(8)]
    rows = np.mean(changes, axis=0)
    upper, chin = rows[16:32].mean(), rows[-16:].mean()
    assert upper > 20
    assert chin < 5  # sensor noise alone


def test_headset_is_written_on_demand(tmp_path):
    plain, covered = contents(write(tmp_path / "a")), contents(write(tmp_path / "b", vr=True))
    assert plain.keys() == covered.keys()
    assert all(plain[name] != covered[name] for name in plain)


def test_second_call_leaves_the_data_alone(tmp_path):
    root = write(tmp_path / "faces")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert write(tmp_path / "faces") == root
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"vr": True}, {"size": 40}, {"views": 2}, {"classes": ("anger", "fear")}])
def test_existing_data_of_other_arguments_is_refused(tmp_path, change):
    root = write(tmp_path / "faces")
    before = contents(root)
    with pytest.raises(DataError, match="faces"):
        write(root, **change)
    assert contents(root) == before


def test_folder_with_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="something else"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_file_is_refused(tmp_path):
    (tmp_path / "faces").write_text("mine")
    with pytest.raises(DataError):
        write(tmp_path / "faces")
    assert (tmp_path / "faces").read_text() == "mine"


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "faces").mkdir()
    assert contents(write(tmp_path / "faces"))


def test_rest_of_an_interrupted_call_is_replaced(tmp_path):
    def interrupt(items, total, text):
        yield from list(items)[:1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "faces", progress=interrupt)
    assert not (tmp_path / "faces").exists()
    assert contents(write(tmp_path / "faces")) == contents(write(tmp_path / "fresh"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "fresh"]


@pytest.mark.parametrize("classes", [("anger", "contempt"), ("anger",), ("anger", "anger"), ()])
def test_unknown_or_too_few_classes_are_refused(tmp_path, classes):
    with pytest.raises(DataError, match="--classes"):
        write(tmp_path / "faces", classes=classes)
    assert not (tmp_path / "faces").exists()


def test_command_line_writes_the_data_set(tmp_path, capsys):
    assert main(command(tmp_path / "faces", "--classes", "fear", "neutral", "--vr", "--seed", "3")) == 0
    assert len(contents(tmp_path / "faces")) == 6
    assert "6 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    "flags",
    [
        ("--classes", "anger", "contempt"),
        ("--classes", "anger"),
        ("--train-people", "0"),
        ("--views", "0"),
        ("--size", "4"),
        ("--seed", "-1"),
    ],
)
def test_command_line_refuses_wrong_values_in_one_line(tmp_path, capsys, flags):
    assert main(command(tmp_path / "faces", *flags)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and len(error.splitlines()) == 1 and flags[0] in error
    assert not (tmp_path / "faces").exists()


def test_command_line_refuses_a_folder_with_something_else(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(command(tmp_path)) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_command_line_answers_for_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert main(command(Path("."))) in (0, 2)


def test_command_line_without_out_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
