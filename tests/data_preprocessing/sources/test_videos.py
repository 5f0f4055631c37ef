"""Videos read frame by frame: frames, times, how they are turned, and what is broken."""

from fractions import Fraction

import numpy as np
import pytest

from data_preprocessing.common.errors import DataError
from data_preprocessing.sources import videos
from data_preprocessing.sources.videos import Video, require_reader
from tests.video_files import cut, grey, noise, write_video

av = pytest.importorskip("av")


def read(path, every: int = 1) -> tuple[list, str]:
    """(number, time, pixels) of each frame, and the problem."""
    with Video(path) as video:
        return [(frame.number, frame.time, frame.pixels()) for frame in video.frames(every)], video.problem


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("a.mp4", "libx264", "yuv420p"), ("a.mkv", "libx264", "yuv420p"), ("a.avi", "mpeg4", "yuv420p"), ("a.gif", "gif", "rgb8"),
     ("a.ts", "libx264", "yuv420p"), ("a.webm", "libvpx-vp9", "yuv420p"), ("a.mov", "qtrle", "rgb24")],
)  # fmt: skip
def test_every_frame_comes_with_its_time(tmp_path, name, codec, pixels):
    frames, problem = read(write_video(tmp_path / name, grey(12), codec=codec, pixels=pixels))
    assert problem == "" and [number for number, _, _ in frames] == list(range(12))
    assert np.allclose([time for _, time, _ in frames], np.arange(12) / 25, atol=0.003)
    assert all(pixels.shape == (48, 64, 3) and pixels.dtype == np.uint8 for _, _, pixels in frames)
    assert np.allclose([pixels.mean() for _, _, pixels in frames], 10 * np.arange(12), atol=25 if name == "a.gif" else 4)


def test_of_every_third_frame_number_and_time_stay(tmp_path):
    frames, _ = read(write_video(tmp_path / "a.mp4", grey(10)), every=3)
    assert [number for number, _, _ in frames] == [0, 3, 6, 9] and frames[2][1] == pytest.approx(6 / 25)
    assert frames[2][2].mean() == pytest.approx(60, abs=4)


def test_a_header_tells_how_many_frames_there_are(tmp_path):
    for name in ("a.mp4", "a.mkv"):
        with Video(write_video(tmp_path / name, grey(20), rate=10)) as video:
            assert (video.expected, video.rate) == (20, 10)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("a.mp4", "libx264", {"movflags": "+faststart"}), ("a.mkv", "libx264", {}), ("a.avi", "mpeg4", {}), ("a.gif", "gif", {})],
)
def test_of_a_video_that_is_cut_off_what_there_is_is_read(tmp_path, name, codec, options):
    whole = write_video(tmp_path / name, noise(60), codec=codec, pixels="rgb8" if codec == "gif" else "yuv420p", **options)
    frames, problem = read(cut(whole, 0.6))
    assert 20 <= len(frames) < 45 and problem.startswith(f"cut off after {len(frames)} frames")
    assert read(whole)[1] == ""


def test_frames_after_damage_are_read_and_it_is_told(tmp_path):
    path = write_video(tmp_path / "a.mp4", noise(60), movflags="+faststart")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    frames, problem = read(path)
    assert problem.startswith("damaged: ") and 50 <= len(frames) <= 60 and frames[-1][1] == pytest.approx(59 / 25, abs=0.01)


@pytest.mark.parametrize("pixels", ["argb", "rgb24"])
def test_what_is_transparent_lies_over_black(tmp_path, pixels):
    frame = np.zeros((32, 32, 4), np.uint8)
    frame[:, :16] = 200, 100, 50, 255
    frame[:, 16:] = 200, 100, 50, 0
    [(_, _, found)], _ = read(write_video(tmp_path / "a.mov", [frame], codec="qtrle", pixels=pixels))
    assert found[:, :16].reshape(-1, 3).tolist() == [[200, 100, 50]] * 512
    assert found[0, 31].tolist() == ([0, 0, 0] if pixels == "argb" else [200, 100, 50])


def test_a_video_that_a_phone_held_upright_is_turned(tmp_path, monkeypatch):
    half = np.zeros((32, 64, 3), np.uint8)
    half[:, 32:] = 255
    path = write_video(tmp_path / "a.mp4", [half] * 3)
    data = path.read_bytes()
    [place] = [k for k in range(len(data)) if data[k : k + 4] == b"tkhd"]
    matrix = place + 4 + 4 + 20 + 8 + 8  # version and flags, times and number, reserved, layer and volume
    assert data[matrix : matrix + 4] == (0x10000).to_bytes(4, "big")
    quarter = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, 0x10000, 0, -0x10000, 0, 0, 32 << 16, 0, 0x40000000)
    )
    path.write_bytes(data[:matrix] + quarter + data[matrix + 36 :])
    frames, _ = read(path)
    with Video(path) as video:
        assert next(video.frames()).size == (32, 64)
    assert all(pixels.shape == (64, 32, 3) for _, _, pixels in frames)
    assert frames[0][2][:28].mean() < 10 and frames[0][2][36:].mean() > 245  # clockwise: what was right is below


def test_pixels_that_are_no_squares_are_widened(tmp_path):
    path = write_video(tmp_path / "a.mp4", grey(2, (64, 48)), aspect=Fraction(16, 11))
    frames, _ = read(path)
    assert frames[0][2].shape == (48, 93, 3)


def test_frames_whose_size_changes_come_as_they_are(tmp_path):
    parts = [write_video(tmp_path / f"{k}.ts", grey(5, size), bf="0") for k, size in enumerate([(64, 48), (96, 64)])]
    joined = tmp_path / "a.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, _ = read(joined)
    assert {pixels.shape for _, _, pixels in frames} == {(48, 64, 3), (64, 96, 3)}


def test_frames_that_are_too_large_end_the_video(tmp_path, monkeypatch):
    monkeypatch.setattr(videos, "MOST_PIXELS", 64 * 48 - 1)
    frames, problem = read(write_video(tmp_path / "a.mp4", grey(2)))
    assert not frames and problem.startswith("frame 0 has 64×48 pixels; at most")


def test_files_that_are_no_video_say_why(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "junk.mp4").write_bytes(bytes(range(256)) * 20)
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
    index_lost = cut(write_video(tmp_path / "a.mp4", noise(10)), 0.5)
    for path, words in (
        (tmp_path / "empty.mp4", "the file is empty"),
        (tmp_path / "junk.mp4", "no video, or one that was cut off"),
        (index_lost, "no video, or one that was cut off before the index at its end"),
        (sound, "no images in it, sound alone"),
    ):
        with pytest.raises(ValueError, match=words):
            Video(path)
    with pytest.raises(OSError, match="No such file"):
        Video(tmp_path / "nowhere.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_video_without_frames_says_so(tmp_path, name):
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    try:
        frames, problem = read(tmp_path / name)
    except ValueError as error:
        frames, problem = [], str(error)
    assert not frames and problem == "no frames in it"


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"a video needs the package av: python -m pip install -r requirements-faces.txt"):
        require_reader("a video")
