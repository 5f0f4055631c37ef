"""--evaluate FILE --predict PATH... --faces: photographs and videos, from the command line to the files that it leaves."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_preprocessing.faces import FINDERS, aligned
from data_preprocessing.faces.finders import Packaged
from data_preprocessing.sources import videos
from data_preprocessing.sources.videos import Video
from engine.run_folder.layout import read_json
from models import create_model, load_model, predict
from tests.fake_faces import MarkFinder, marked, some_faces
from tests.reproduction.cli_runs import run, table
from tests.video_files import cut, grey, write_video

needs_video = pytest.mark.skipif(videos.find_spec("av") is None, reason="reads videos with the package av")
CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with weights of Deep-Emotion that tell faces apart, photographs and, where PyAV is there, videos."""
    folder = tmp_path_factory.mktemp("faces")
    torch.manual_seed(0)
    model = create_model("deep_emotion", 7)
    with torch.no_grad():
        model.get_parameter(list(dict(model.named_parameters()))[-2]).mul_(40)  # else all faces get the same probabilities
    torch.save(model.state_dict(), folder / "bare.pth")
    faces = some_faces(8)
    (folder / "photos/more").mkdir(parents=True)
    Image.fromarray(marked(faces[:2], [(20, 30), (200, 100)])).save(folder / "photos/two.png")
    Image.fromarray(marked(faces[2:3], [(150, 120)])).save(folder / "photos/more/one.png")
    Image.fromarray(marked([], [])).save(folder / "photos/none.png")
    if videos.find_spec("av"):
        frames = [
            marked([faces[3 + k // 10], faces[6]], [(20 + 4 * k, 30), (100, 150)][: 1 + (5 <= k < 20)]) for k in range(30)
        ]
        write_video(folder / "talk.mkv", frames, codec="ffv1", pixels="bgr0")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def in_work(work, monkeypatch):
    monkeypatch.chdir(work)
    monkeypatch.setitem(FINDERS, "yunet", Packaged("tests.fake_faces", "MarkFinder", (), "numpy", ""))


def predicted(out: Path, *paths: object, flags: tuple = ()) -> tuple[int, list[dict[str, str]]]:
    """Exit status, and the rows of predictions.csv."""
    command = ("--evaluate", "bare.pth", "--data_type", "RAF-DB", "--device", "cpu", "--precision", "fp32", "-j", 2)
    status = run(*command, "--out", out, "--predict", *paths, "--faces", *flags)
    return status, table(out / "predictions.csv") if (out / "predictions.csv").exists() else []


def values(row: dict[str, str]) -> list[float]:
    return [float(row[f"p_{name}"]) for name in CLASSES]


def expected(image: Image.Image) -> np.ndarray:
    """Probabilities of an image's faces, from left to right; without points they are cropped by their boxes."""
    faces = sorted(MarkFinder().find(image), key=lambda face: face.box)
    return predict(load_model("bare.pth"), [aligned(image, face, "box", 48) for face in faces])


def test_every_face_of_photographs_is_a_row_that_its_crop_alone_would_get(tmp_path, capsys):
    status, rows = predicted(tmp_path / "o", "photos")
    assert status == 0
    assert [(row["file"], row["face"]) for row in rows] == [
        ("photos/more/one.png", "1"), ("photos/two.png", "1"), ("photos/two.png", "2"),
    ]  # fmt: skip
    crops = [expected(Image.open(f"photos/{name}.png")) for name in ("more/one", "two")]
    assert np.allclose([values(row) for row in rows], np.concatenate(crops), atol=1e-5)
    assert len({row["class"] for row in rows}) > 1 or len({row["p_anger"] for row in rows}) == 3
    assert [rows[2][name] for name in ("frame", "time_s", "track", "x", "y", "width", "height", "score")] == [
        "", "", "", "200.0", "100.0", "48.0", "48.0", "0.9000",
    ]  # fmt: skip
    assert all(row["class"] == CLASSES[int(np.argmax(values(row)))] for row in rows)
    out = capsys.readouterr().out
    best = max(values(rows[0]))
    assert f"photos/more/one.png: 1 face: 1 {rows[0]['class']} {best:.3f}\n" in out and "photos/two.png: 2 faces: 1 " in out
    assert "photos/none.png: no face found\n" in out and "\n3 faces in 2 of 3 photographs; " in out
    assert "no face found in 1 of 3 photographs: photos/none.png; what is a face crop already is predicted without" in out
    assert "could not be read" not in out


def test_args_json_tells_how_faces_were_found_and_averaged(tmp_path):
    predicted(tmp_path / "o", "photos/two.png", flags=("--smooth", 2, "--every", 3))
    facts = read_json(tmp_path / "o/args.json")["faces"]
    assert facts == {"finder": "yunet", "align": "points", "every": 3, "smooth": 2.0}


@needs_video
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


@needs_video
def test_every_nth_frame_keeps_numbers_and_tracks(tmp_path):
    _, rows = predicted(tmp_path / "o", "talk.mkv", flags=("--every", 4))
    assert [int(row["frame"]) for row in rows if row["track"] == "1"] == list(range(0, 30, 4))
    assert {row["track"] for row in rows} == {"1", "2"}


@needs_video
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


@needs_video
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


@needs_video
@pytest.mark.parametrize("flags", [(), ("--draw",)])
def test_of_a_video_that_is_cut_off_what_was_read_is_kept_with_status_1(tmp_path, capsys, flags, work):
    path = cut(work / "talk.mkv", 0.6)
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


@needs_video
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


@needs_video
def test_where_nothing_can_be_read_nothing_is_written(tmp_path, capsys):
    (tmp_path / "empty.mp4").touch()
    Path(tmp_path / "sound.mp4").write_bytes(b"junk" * 400)
    status, _ = predicted(tmp_path / "o", tmp_path / "empty.mp4", tmp_path / "sound.mp4")
    error = capsys.readouterr().err
    assert status == 2 and not (tmp_path / "o").exists() and error.count("\n") == 1
    assert f"error: --predict: none of the 2 files can be read, first {tmp_path / 'empty.mp4'}" in error


def test_no_face_at_all_is_no_error(tmp_path, capsys):
    status, rows = predicted(tmp_path / "o", "photos/none.png", flags=("--draw",))
    assert (status, rows) == (0, []) and (tmp_path / "o/predictions.csv").read_text().count("\n") == 1
    assert "\n0 faces in 0 of 1 photographs; " in capsys.readouterr().out
    assert not (tmp_path / "o/contact_sheet.png").exists() and (tmp_path / "o/pictures/00001_none.jpg").exists()


@needs_video
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
    assert (
        status == 0 and out.count("the frames' size changes from 64×48 to 96×64; boxes are in pixels of their own frame") == 1
    )


def test_hundreds_of_faces_in_one_photograph(tmp_path, capsys):
    places = [(60 * x + 10, 60 * y + 10) for y in range(15) for x in range(20)]
    Image.fromarray(marked(some_faces(300), places, (1210, 910))).save(tmp_path / "crowd.png")
    status, rows = predicted(tmp_path / "o", tmp_path / "crowd.png", flags=("--draw", "-b", 64))
    assert status == 0 and len(rows) == 300 and len({(row["x"], row["y"]) for row in rows}) == 300
    assert "crowd.png: 300 faces: 1 " in (out := capsys.readouterr().out) and " and 294 more\n" in out
    assert (tmp_path / "o/contact_sheet_2.png").exists()


def test_a_photograph_is_upright_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: shown a quarter turn clockwise
    upright = marked(some_faces(1), [(20, 200)], (240, 320))
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.png", exif=exif)
    _, [row] = predicted(tmp_path / "o", tmp_path / "a.png")
    assert (row["x"], row["y"]) == ("20.0", "200.0")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--every", "2"], "--every goes with --predict PATH... --faces"),
        (["--evaluate", "bare.pth", "--predict", "photos", "--smooth", "1"], "--smooth goes with --predict PATH... --faces"),
        (["--evaluate", "bare.pth", "--faces"], "--faces: name photographs and videos by --predict PATH..."),
        (["--evaluate", "bare.pth", "--predict", "photos", "--faces", "--every", "0"], "--every 0: must be at least 1"),
        (["--evaluate", "bare.pth", "--predict", "photos", "--faces", "--smooth", "-1"], "--smooth -1.0: must be a finite"),
    ],
)
def test_wrong_flags_are_one_line(flags, words, capsys):
    assert run(*flags) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error


def test_a_video_without_the_package_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.mp4").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(60))
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    assert predicted(tmp_path / "o", tmp_path / "a.mp4") == (2, [])
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "needs the package av: python -m pip install -r requirements-faces.txt" in error
