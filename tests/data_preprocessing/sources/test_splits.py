"""A split reads, inspects and fingerprints its own images; unreadable ones are named or dropped."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources.folders import Split, check_images, read_split
from tests.data_preprocessing.refusals import failure


@pytest.fixture
def train(tmp_path, make_faces) -> Path:
    """A train folder of two classes with three and two images."""
    return make_faces(tmp_path / "data", {"train": {"anger": 3, "joy": 2}}) / "train"


def test_image_is_the_file_in_rgb(train):
    split = read_split("train", train)
    for index, path in enumerate(split.paths):
        Image.open(train / path).convert("L").save(train / path)
        image = split.image(index)
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(train / path).convert("RGB")))
        assert split.where(index) == str(train / path)


def test_image_that_cannot_be_decoded_raises_the_decoders_own_error(train):
    split = read_split("train", train)
    (train / split.paths[1]).write_bytes(b"no image")
    with pytest.raises(OSError) as caught:
        split.image(1)
    assert not isinstance(caught.value, DataError)


def test_inspection_gives_the_files_digest_and_its_problem(train):
    split = read_split("train", train)
    assert split.inspect(0) == (hashlib.sha256((train / split.paths[0]).read_bytes()).hexdigest(), None)
    (train / split.paths[1]).write_bytes(b"")
    assert split.inspect(1)[1] == "the file is empty"
    (train / split.paths[2]).unlink()
    assert "No such file" in split.inspect(2)[1]


def test_split_with_fewer_paths_reads_the_images_that_it_kept(train):
    split = read_split("train", train)
    fewer = replace(split, paths=split.paths[3:], labels=split.labels[3:])
    assert [fewer.inspect(k) for k in range(2)] == [split.inspect(k) for k in (3, 4)]
    assert fewer.image(0).tobytes() == split.image(3).tobytes() != split.image(0).tobytes()


def test_good_images_pass_unchanged(train):
    split = read_split("train", train)
    checked = check_images(split, skip_bad=False)
    assert checked.split == split
    assert checked.bad == []
    assert len(checked.fingerprint) == 64 and set(checked.fingerprint) <= set("0123456789abcdef")


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_unreadable_image_is_named(train, content):
    path = train / "anger" / "1.png"
    path.write_bytes(path.read_bytes()[:60] if content is None else content)
    message = failure(check_images, read_split("train", train), False)
    assert str(path) in message and "--skip-bad-images" in message


def test_image_that_vanished_is_named(train):
    split = read_split("train", train)
    (train / "joy" / "0.png").unlink()
    assert str(train / "joy" / "0.png") in failure(check_images, split, False)


def test_skip_bad_drops_and_names_unreadable_images(train):
    (train / "anger" / "0.png").write_bytes(b"")
    (train / "joy" / "1.png").write_text("no image")
    checked = check_images(read_split("train", train), skip_bad=True)
    clean, bad = checked.split, checked.bad
    assert clean.paths == ("anger/1.png", "anger/2.png", "joy/0.png")
    assert clean.labels == (0, 0, 1)
    assert clean.classes == ("anger", "joy")
    assert [entry.split(": ")[0] for entry in bad] == [str(train / "anger" / "0.png"), str(train / "joy" / "1.png")]
    assert "empty" in bad[0]


def test_class_left_without_readable_images_is_named(train):
    for k in range(2):
        (train / "joy" / f"{k}.png").write_bytes(b"")
    message = failure(check_images, read_split("train", train), True)
    assert "joy" in message and "anger" not in message


def test_progress_sees_every_image(train):
    calls = []

    def progress(items, total, text):
        items = list(items)
        calls.append((len(items), total, "train" in text))
        return items

    check_images(read_split("train", train), False, progress)
    assert calls == [(5, 5, True)]


class _Numbers(Split):
    """A split of another kind: its paths are numbers, of which the odd ones cannot be read."""

    def where(self, index: int) -> str:
        return f"number {self.paths[index]}"

    def inspect(self, index: int) -> tuple[str, str | None]:
        return f"digest {self.paths[index]}", "odd" if int(self.paths[index]) % 2 else None


def test_split_of_another_kind_is_checked_through_its_own_methods():
    split = _Numbers("train", Path("numbers"), ("a", "b", "absent"), ("4", "5", "6"), (0, 1, 1))
    assert failure(check_images, split, False) == "number 5: unreadable image (odd); mend it, or --skip-bad-images"
    checked = check_images(split, True)
    clean = checked.split
    assert isinstance(clean, _Numbers)
    assert (clean.paths, clean.labels, checked.bad) == (("4", "6"), (0, 1), ["number 5: odd"])
    assert checked.fingerprint == hashlib.sha256(b"4 digest 4\n6 digest 6\n").hexdigest()


def test_fingerprint_is_that_of_the_names_and_contents(train):
    lines = [f"{p} {hashlib.sha256((train / p).read_bytes()).hexdigest()}\n" for p in read_split("train", train).paths]
    assert fingerprint_of(train) == hashlib.sha256("".join(lines).encode()).hexdigest()


def fingerprint_of(folder: Path) -> str:
    return check_images(read_split("train", folder), skip_bad=True).fingerprint


def test_fingerprint_does_not_depend_on_the_location(train, tmp_path):
    shutil.copytree(train, tmp_path / "elsewhere" / "copy")
    assert fingerprint_of(tmp_path / "elsewhere" / "copy") == fingerprint_of(train)


def test_fingerprint_changes_with_a_image(train, make_image):
    before = fingerprint_of(train)
    make_image(99).save(train / "joy" / "0.png")
    assert fingerprint_of(train) != before


@pytest.mark.parametrize("target", ["joy/renamed.png", "anger/9.png"])
def test_fingerprint_changes_with_a_name_or_a_class(train, target):
    before = fingerprint_of(train)
    (train / "joy" / "0.png").rename(train / target)
    assert fingerprint_of(train) != before


def test_fingerprint_leaves_dropped_images_out(train):
    before = fingerprint_of(train)
    (train / "joy" / "bad.png").write_bytes(b"")
    assert fingerprint_of(train) == before
