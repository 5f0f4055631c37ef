"""The cache of resized images: what is in it, when it is built anew, and what a broken file or full disk does."""

import errno
import os
import pickle
import re
import shutil
from collections import namedtuple
from dataclasses import replace

import numpy as np
import PIL
import pytest
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.loading.cache import HEADER, RESERVE, open_cache
from data_preprocessing.loading.input_image import EVEN224, GREY48
from data_preprocessing.loading.stored import FITS, Stored
from data_preprocessing.loading.transforms import create_transform
from data_preprocessing.sources.folders import Split, check_images
from tests.data_preprocessing.loading.cache_builds import COUNT, GREY, Generated, generated, is_right


class NothingToDecode(Generated):
    def image(self, index):
        raise AssertionError("decoded although it is cached")


def undecodable(count: int = COUNT) -> Split:
    return NothingToDecode(*(getattr(generated(count), field) for field in Generated.__dataclass_fields__))


def leftovers(folder) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(128, 128), (61, 200)])
def test_views_are_the_kept_part_of_the_image_and_of_its_mirror_image(tmp_path, fit, size):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8))
    image.save(tmp_path / "a.png")
    split = Split("test", tmp_path, ("a",), ("a.png",), (0,))
    resized = create_transform(FITS[fit]).transforms[0](image)
    kept, mirrored = open_cache(split, "f", Stored(EVEN224, fit), tmp_path / "cache")[0]
    assert np.array_equal(kept, np.asarray(resized)[::2, ::2].transpose(2, 0, 1))
    flipped = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert np.array_equal(mirrored, np.asarray(flipped)[::2, ::2].transpose(2, 0, 1))
    whole = open_cache(split, "f", Stored(EVEN224, fit, whole=True), tmp_path / "cache")[0]
    assert np.array_equal(whole, np.asarray(resized))


@pytest.mark.parametrize("kind", [EVEN224, GREY48])
@pytest.mark.parametrize("whole", [False, True])
def test_stored_shape_is_that_of_the_encoded_image(kind, whole):
    stored = Stored(kind, "resize", whole)
    values = stored.encoder()(Image.new("RGB", (9, 7)))
    assert (values.shape, values.nbytes, values.dtype) == (stored.shape, stored.nbytes, np.uint8)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_the_first_open_builds_and_the_second_reads(tmp_path, workers):
    said = []
    assert is_right(open_cache(generated(), "f", GREY, tmp_path / "new" / "folder", workers, said.append))
    size = (HEADER + COUNT * 2 * 48 * 48) / 1e6
    assert len(said) == 1 and f"caching {COUNT} resized images, {size:.1f} MB" in said[0]
    assert is_right(open_cache(undecodable(), "f", GREY, tmp_path / "new" / "folder", workers, said.append))
    assert len(said) == 1


def test_progress_counts_every_image(tmp_path):
    seen = []

    def progress(items, total, text):
        seen.append((total, text))
        for item in items:
            seen.append(item)
            yield item

    open_cache(generated(), "f", GREY, tmp_path, 2, progress=progress)
    assert seen == [(COUNT, "caching train"), *range(COUNT)]


def test_a_changed_image_is_decoded_anew(tmp_path):
    images = tmp_path / "faces"
    images.mkdir()
    split = Split("train", images, ("a",), ("0.png",), (0,))
    for grey in (10, 200):
        Image.new("RGB", (20, 20), (grey,) * 3).save(images / "0.png")
        checked = check_images(split, skip_bad=False)
        assert (open_cache(checked.split, checked.fingerprint, GREY, tmp_path / "cache")[0] == grey).all()


def test_parts_of_a_split_have_caches_of_their_own(tmp_path):
    split = generated()
    whole = open_cache(split, "f", GREY, tmp_path)
    for start in (20, 50):  # as many images in both
        part = replace(split, paths=split.paths[start : start + 10], labels=split.labels[start : start + 10])
        assert np.array_equal(open_cache(part, "f", GREY, tmp_path)[3], whole[start + 3])


def test_another_version_of_pillow_decodes_anew(tmp_path, monkeypatch):
    open_cache(generated(), "f", GREY, tmp_path)
    monkeypatch.setattr(PIL, "__version__", "0.0")
    with pytest.raises(DataError, match="decoded although"):
        open_cache(undecodable(), "f", GREY, tmp_path)


@pytest.mark.parametrize("place", [0, 30, 100, 200, HEADER - 1])
def test_a_broken_header_is_seen_and_the_cache_built_again(tmp_path, place):
    path = open_cache(generated(), "f", GREY, tmp_path).path
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    said = []
    assert is_right(open_cache(generated(), "f", GREY, tmp_path, say=said.append))
    assert "the file there has a broken header" in said[0]


@pytest.mark.parametrize("size", [0, 10, HEADER, HEADER + 5000])
def test_a_file_cut_short_is_seen_and_built_again(tmp_path, size):
    path = open_cache(generated(), "f", GREY, tmp_path).path
    os.truncate(path, size)
    said = []
    assert is_right(open_cache(generated(), "f", GREY, tmp_path, say=said.append))
    assert "the file there" in said[0]


def test_a_file_cut_short_while_it_is_open(tmp_path):
    images = open_cache(generated(), "f", GREY, tmp_path)
    os.truncate(images.path, HEADER + 50 * GREY.nbytes + 1)
    images[49]
    with pytest.raises(DataError, match=r"image 50 cannot be read \(it has been cut short\); remove the file"):
        images[50]


def test_images_have_no_others_beside_them(tmp_path):
    images = open_cache(generated(), "f", GREY, tmp_path)
    for index in (-1, COUNT):
        with pytest.raises(IndexError):
            images[index]


def test_pickled_images_read_the_same_file(tmp_path):
    images = open_cache(generated(), "f", GREY, tmp_path)
    copy = pickle.dumps(images)
    assert is_right(pickle.loads(copy))
    images.path.unlink()
    with pytest.raises(DataError, match="cannot be opened"):
        pickle.loads(copy)


def test_an_unreadable_image_is_named(tmp_path):
    split = Split("train", tmp_path, ("a",), ("a/broken.png",), (0,))
    with pytest.raises(DataError, match=r"a/broken\.png: unreadable image .*--skip-bad-images"):
        open_cache(split, "f", GREY, tmp_path / "cache")
    assert leftovers(tmp_path / "cache") == []


@pytest.mark.parametrize("spare", [0, -1])
def test_room_is_looked_for_first(tmp_path, monkeypatch, spare):
    free = HEADER + COUNT * GREY.nbytes + RESERVE + spare
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(free))
    if spare == 0:
        assert is_right(open_cache(generated(), "f", GREY, tmp_path))
        return
    with pytest.raises(
        DataError, match=r"no room: 0\.5 MB are needed and 1\.1 GB must stay free, but only 1\.1 GB .*--cache off"
    ):
        open_cache(generated(), "f", GREY, tmp_path)
    assert leftovers(tmp_path) == []


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    pwrite, calls = os.pwrite, []

    def full(descriptor, data, offset):
        calls.append(offset)
        if len(calls) > 40:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DataError, match=re.escape("cannot be written (No space left on device); give --cache another folder")):
        open_cache(generated(), "f", GREY, tmp_path)
    assert leftovers(tmp_path) == []


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, offset: pwrite(descriptor, data[:1000], offset))
    assert is_right(open_cache(generated(), "f", GREY, tmp_path))


def test_a_stop_by_hand_leaves_nothing_and_decodes_no_more(tmp_path):
    def progress(items, total, text):
        next(iter(items))
        raise KeyboardInterrupt

    log = tmp_path / "decoded"
    with pytest.raises(KeyboardInterrupt):
        open_cache(generated(2000, log=log, seconds=1e-4), "f", GREY, tmp_path / "cache", progress=progress)
    assert leftovers(tmp_path / "cache") == []
    assert log.stat().st_size < 1000


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_folder_that_is_a_file(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written .*--cache off"):
        open_cache(generated(), "f", GREY, tmp_path / "file" / below)
