"""Photographs and videos as one stream, in order, with few images held at a time."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import Face
from data_preprocessing.sources.videos import Frame
from engine.prediction.faces import sources
from engine.prediction.faces.sources import Begin, End, View, is_video, views
from models.faces import Crop
from tests.video_files import cut, grey, noise, write_video


def look(image: Image.Image, last: Sequence[Face]) -> list[Crop]:
    """One face, whose crop is the image's mean."""
    return [Crop(Face((0, 0, 8, 8), 1.0), Image.new("RGB", (8, 8), (int(np.mean(image)),) * 3), "box")]


@pytest.fixture
def photographs(tmp_path):
    paths = []
    for k in range(4):
        Image.new("RGB", (20 + k, 16), (50 * k,) * 3).save(tmp_path / f"{k}.png")
        paths.append(str(tmp_path / f"{k}.png"))
    return paths


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_photographs_come_in_order_with_their_faces(photographs, threads):
    found = list(views(photographs, look, 1, threads))
    assert [(view.source, view.size, view.frame, view.problem) for view in found] == [
        (k, (20 + k, 16), None, "") for k in range(4)
    ]
    assert [view.found[0].image.getpixel((0, 0))[0] for view in found] == [0, 50, 100, 150]


def test_one_that_cannot_be_decoded_says_why_and_the_others_come(photographs, tmp_path):
    (tmp_path / "1.png").write_bytes(b"no image")
    found = list(views(photographs, look, 1, 2))
    assert [bool(view.problem) for view in found] == [False, True, False, False] and found[1].found == []


def test_photographs_lie_as_their_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    [view] = views([str(tmp_path / "a.jpg")], look, 1, 1)
    assert view.size == (30, 40)


def test_a_video_stands_between_its_begin_and_its_end(photographs, tmp_path):
    pytest.importorskip("av")
    whole = write_video(tmp_path / "a.mkv", noise(30))
    paths = [photographs[0], str(whole), str(cut(whole, 0.5)), str(tmp_path / "none.mkv"), photographs[1]]
    found = list(views(paths, look, 4, 2))
    kinds = [(type(event).__name__, event.source) for event in found]
    assert kinds[:2] == [("View", 0), ("Begin", 1)] and kinds[-2:] == [("End", 3), ("View", 4)]
    assert found[1] == Begin(1, 25.0, 8) and [view.frame for view in found[2:10]] == list(range(0, 32, 4))[:8]
    assert found[10] == End(1) and found[11].source == 2
    ends = [event for event in found if isinstance(event, End)]
    assert ends[1].problem.startswith("cut off after ") and "No such file" in ends[2].problem


def test_few_images_are_held_however_long_a_video_is(tmp_path, monkeypatch):
    pytest.importorskip("av")
    path = write_video(tmp_path / "a.mp4", grey(24))
    begun, done, most, lock = 0, 0, 0, threading.Lock()
    decode = sources.Video.frames

    def counted(self, every):
        nonlocal begun, most
        for frame in decode(self, every):
            with lock:
                begun += 1
                most = max(most, begun - done)
            yield frame

    monkeypatch.setattr(sources.Video, "frames", counted)
    for event in views([str(path)], look, 1, 2):
        done += isinstance(event, View)
    assert done == 24 and most <= (2 + 1) * 5 + 1  # stretches of 0.2 s


@pytest.mark.parametrize(("every", "threads", "whole"), [(1, 0, [0, 5, 10]), (1, 3, [0, 5, 10]), (2, 1, [0, 4, 8, 12])])
def test_between_searches_of_whole_frames_faces_are_followed(tmp_path, every, threads, whole):
    pytest.importorskip("av")
    seen = {}

    def remember(image: Image.Image, last: Sequence[Face]) -> list[Crop]:
        shade = round(np.mean(image) / 10)
        seen[shade] = [face.box[0] for face in last]
        return [Crop(Face((float(shade), 0, 8, 8), 1.0), image, "box")]

    path = write_video(tmp_path / "a.mkv", grey(14), codec="ffv1", pixels="bgr0")
    numbers = [view.frame for view in views([str(path)], remember, every, threads) if isinstance(view, View)]
    assert numbers == list(range(0, 14, every)) == sorted(seen)
    assert sorted(shade for shade, last in seen.items() if not last) == whole
    assert all(last == [shade - every] for shade, last in seen.items() if shade not in whole)


def test_large_frames_and_those_of_another_size_are_not_held_together():
    def frames(*sizes: tuple[int, int]) -> list[int]:
        stretches = sources._stretches(iter([Frame(k, 0.0, size, None, 0) for k, size in enumerate(sizes)]), 5)
        return [len(stretch) for stretch in stretches]

    assert frames(*[(640, 480)] * 12) == [5, 5, 2]
    assert frames(*[(3840, 2160)] * 5) == [2, 2, 1] and frames(*[(7680, 4320)] * 3) == [1, 1, 1]
    assert frames((64, 48), (64, 48), (96, 64), (96, 64)) == [2, 2] and frames() == []


def test_what_is_read_as_a_video(tmp_path):
    frames = [Image.new("RGB", (8, 8), (k, 0, 0)) for k in (0, 200)]
    frames[0].save(tmp_path / "still.gif")
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(tmp_path / "photo.dat", "PNG")
    (tmp_path / "film.mp4").write_bytes(b"")
    (tmp_path / "film.dat").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    (tmp_path / "film.jpg").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    (tmp_path / "broken.gif").write_bytes(b"GIF89a")
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    told = {path.name: is_video(str(path)) for path in sorted(tmp_path.iterdir())}
    videos = {name for name, is_one in told.items() if is_one}
    assert videos == {"moving.gif", "film.mp4", "film.dat", "film.jpg"}
