"""--evaluate FILE --predict PATH... --faces: videos, from the command line to the files that it leaves."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.sources import videos
from data_preprocessing.sources.videos import Video
from tests.face_runs import expected, needs_video, predicted, values
from tests.fake_faces import marked, some_faces
from tests.video_files import cut, grey, write_video

pytestmark = [pytest.mark.usefixtures("in_face_work"), needs_video]


def test_a_video_has_frames_times_tracks_and_averages_over_half_a_second(tmp_path, capsys):
    status, raw = predicted(tmp_path / "raw", "talk.mkv", flags=("--smooth", 0))
    assert status == 0 and len(raw) == 45
    assert "talk.mkv: 30 frames to 1.2 s, faces in 30; 2 tracks: 1 (0.0–1.2 s) " in capsys.readouterr().out
    first = [row for row in raw if row["track"] == "1"]
    assert [row["frame"] for row in first] == [str(k) for k in range(30)]
    assert np.allclose([float(row["time_s"]) for row in first], np.arange(30) / 25, atol=0.001)
    assert [int(row["frame"]) for row in raw if row["track"] == "2"] == list(range(5, 20))
    with Video("talk.mkv") as video:
        crops = [expected(frame.image()) for frame in video.frames()]
    assert np.allclose([values(row) for row in raw], np.concatenate(crops), atol=1e-5)
    _, smooth = predicted(tmp_path / "smooth", "talk.mkv")
    alone = np.array([values(row) for row in first])
    found = np.array([values(row) for row in smooth if row["track"] == "1"])
    wanted = [alone[max(0, k - 6) : k + 7].mean(axis=0) for k in range(30)]  # 0.25 s on either side
    assert np.allclose(found, wanted, atol=1e-6) and not np.allclose(found, alone, atol=1e-3)


def test_every_nth_frame_keeps_numbers_and_tracks(tmp_path):
    _, rows = predicted(tmp_path / "o", "talk.mkv", flags=("--every", 4))
    assert [int(row["frame"]) for row in rows if row["track"] == "1"] == list(range(0, 30, 4))
    assert {row["track"] for row in rows} == {"1", "2"}


def test_the_rows_are_the_same_for_any_number_of_threads_and_nearly_for_any_batch(tmp_path):
    results = []
    for k, flags in enumerate((("-j", 0), ("-j", 4), ("-b", 1), ("-b", 7))):
        assert predicted(tmp_path / str(k), "photos", "talk.mkv", "photos/two.png", flags=flags)[0] == 0
        results.append((tmp_path / f"{k}/predictions.csv").read_bytes())
    assert results[0] == results[1]
    for other in results[2:]:
        one, two = (list(csv.DictReader(data.decode().splitlines())) for data in (results[0], other))
        assert [row["file"] for row in one] == [row["file"] for row in two]
        assert np.allclose([values(row) for row in one], [values(row) for row in two], atol=1e-5)


def test_drawings_of_photographs_and_videos(tmp_path):
    status, rows = predicted(tmp_path / "o", "photos", "talk.mkv", flags=("--draw", "--every", 2))
    assert status == 0 and len(rows) == 3 + 15 + 7
    names = sorted(path.name for path in (tmp_path / "o/pictures").iterdir())
    assert names == ["00001_one.jpg", "00002_none.jpg", "00003_two.jpg", "00004_talk.mp4", "00004_talk.png"]
    assert {path.name for path in (tmp_path / "o").iterdir()} == {
        "args.json", "contact_sheet.png", "log.txt", "pictures", "predictions.csv",
    }  # fmt: skip
    drawn = np.asarray(Image.open(tmp_path / "o/pictures/00003_two.jpg")).astype(int)
    before = np.asarray(Image.open("photos/two.png")).astype(int)
    assert drawn.shape == before.shape and (abs(drawn - before).max(axis=2) > 60)[100:148, 198:202].any()
    with Video(tmp_path / "o/pictures/00004_talk.mp4") as video:
        frames = [(frame.time, frame.pixels()) for frame in video.frames()]
    assert len(frames) == 15 and np.allclose([time for time, _ in frames], np.arange(15) * 2 / 25, atol=0.002)
    assert all(pixels.shape == (240, 320, 3) and pixels.max() > 200 for _, pixels in frames)
    assert Image.open(tmp_path / "o/contact_sheet.png").size == (6 * 120, 144)  # three, and three of the video's tracks


@pytest.mark.parametrize("flags", [(), ("--draw",)])
def test_of_a_video_that_is_cut_off_what_was_read_is_kept_with_status_1(tmp_path, capsys, flags, in_face_work):
    path = cut(in_face_work / "talk.mkv", 0.6)
    status, rows = predicted(tmp_path / "o", path, "photos/two.png", flags=flags)
    assert status == 1
    count = len({row["frame"] for row in rows} - {""})
    assert 5 < count < 25 and len([row for row in rows if row["file"] == "photos/two.png"]) == 2
    out = capsys.readouterr().out
    assert f"; warning: cut off after {count} frames: " in out
    assert "\n1 of 1 videos could not be read to the end; what was read is kept: " in out
    if flags:
        with Video(tmp_path / "o/pictures/00001_cut_talk.mp4") as video:
            assert len(list(video.frames())) == count


def test_files_that_cannot_be_read_are_named_and_the_others_are_predicted(tmp_path, capsys):
    folder = tmp_path / "mixed"
    shutil.copytree("photos", folder)
    shutil.copy("talk.mkv", folder / "film.jpg")
    Image.fromarray(some_faces(1)[0]).save(folder / "crop.png")
    (folder / "empty.mp4").touch()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 none")
    (folder / "notes.txt").write_text("no image")
    (folder / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(60))
    status, rows = predicted(tmp_path / "o", folder)
    out = capsys.readouterr().out
    assert (
        status == 1 and len(rows) == 3 + 45 and {row["track"] for row in rows if row["file"].endswith("film.jpg")} == {"1", "2"}
    )
    assert f"{folder}/empty.mp4: skipped, unreadable (the file is empty)\n" in out
    assert "2 of 7 files could not be read and were skipped: " in out and "1 HEIC (" in out
    assert "no face found in 2 of 4 photographs: " in out and f"{folder}/crop.png" in out


def test_where_nothing_can_be_read_nothing_is_written(tmp_path, capsys):
    (tmp_path / "empty.mp4").touch()
    Path(tmp_path / "sound.mp4").write_bytes(b"junk" * 400)
    status, _ = predicted(tmp_path / "o", tmp_path / "empty.mp4", tmp_path / "sound.mp4")
    error = capsys.readouterr().err
    assert status == 2 and not (tmp_path / "o").exists() and error.count("\n") == 1
    assert f"error: --predict: none of the 2 files can be read, first {tmp_path / 'empty.mp4'}" in error


def test_a_moving_gif_is_a_video_and_a_size_that_changes_is_told(tmp_path, capsys):
    faces = some_faces(2)
    frames = [Image.fromarray(marked(faces[:1], [(20 + 5 * k, 30)])) for k in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    status, rows = predicted(tmp_path / "gif", tmp_path / "a.gif")
    assert status == 0 and [row["track"] for row in rows] == ["1"] * 4
    parts = [write_video(tmp_path / f"{k}.ts", grey(5, size)) for k, size in enumerate([(64, 48), (96, 64)])]
    (tmp_path / "b.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    status, rows = predicted(tmp_path / "size", tmp_path / "b.ts", flags=("--draw",))
    out = capsys.readouterr().out
    assert status == 0 and out.count("the frames' size changes from 64×48 to 96×64; boxes are in pixels of their frames") == 1


def test_a_video_with_alpha_is_read_over_black(tmp_path):
    frame = np.dstack([marked(some_faces(2), [(20, 30), (200, 100)]), np.full((240, 320), 255, np.uint8)])
    frame[:, 160:, 3] = 0
    path = write_video(tmp_path / "a.mov", [frame] * 3, codec="qtrle", pixels="argb")
    status, rows = predicted(tmp_path / "o", path, flags=("--draw",))
    assert status == 0 and [row["x"] for row in rows] == ["20.0"] * 3


def test_a_video_without_the_package_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.mp4").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    assert predicted(tmp_path / "o", tmp_path / "a.mp4") == (2, [])
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "needs the package av: python -m pip install -r requirements-faces.txt" in error
