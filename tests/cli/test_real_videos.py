"""The packaged finder on photographs and a video that real faces of FER_FACES are pasted into."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_preprocessing.faces import missing_packages
from data_preprocessing.sources import videos
from models import load_model, predict
from tests.face_runs import predicted
from tests.video_files import write_video

FACES = os.environ.get("FER_FACES")
pytestmark = [
    pytest.mark.skipif(not FACES, reason="FER_FACES names no folder of photographs"),
    pytest.mark.skipif(bool(missing_packages()) or videos.find_spec("av") is None, reason="needs requirements-faces.txt"),
]


@pytest.fixture(autouse=True)
def in_folder(face_work, monkeypatch):
    """Where bare.pth lies; faces are found by the packaged finder."""
    monkeypatch.chdir(face_work)


def faces(count: int, side: int) -> list[Image.Image]:
    paths = sorted(Path(FACES, "test").glob("*/*"))
    return [Image.open(path).convert("RGB").resize((side, side)) for path in paths[:: len(paths) // count][:count]]


def scene(pasted: list[Image.Image], places: list[tuple[int, int]], size: tuple[int, int] = (640, 480)) -> Image.Image:
    colours = np.random.default_rng(0).integers(60, 180, (3, 4, 3), dtype=np.uint8)
    image = Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC)
    for face, place in zip(pasted, places):
        image.paste(face, place)
    return image


def test_faces_of_a_photograph_and_a_video_are_found_where_they_were_pasted(tmp_path, capsys):
    pasted = faces(5, 140)
    places = [(30, 40), (250, 60), (470, 30), (120, 300), (400, 290)]
    photograph = scene(pasted, places)
    photograph.resize((4000, 3000)).save(tmp_path / "large.jpg")
    moving = [np.asarray(scene(pasted[:2], [(20 + 8 * k, 60), (480, 20 + 12 * k)])) for k in range(20)]
    video = write_video(tmp_path / "a.mp4", moving)
    status, rows = predicted(tmp_path / "o", tmp_path / "large.jpg", video, flags=("--draw",))
    out = capsys.readouterr().out
    assert status == 0 and "large.jpg: 5 faces: 1 " in out and "a.mp4: 20 frames to 0.8 s, faces in 20; 2 tracks: " in out
    centres = [(float(row["x"]) + float(row["width"]) / 2, float(row["y"]) + float(row["height"]) / 2) for row in rows[:5]]
    for (x, y), place in zip(centres, sorted(places)):
        assert abs(x / 6.25 - place[0] - 70) < 25 and abs(y / 6.25 - place[1] - 75) < 25
    assert len(rows) == 5 + 40 and {row["track"] for row in rows[5:]} == {"1", "2"}
    found = predict(load_model("bare.pth"), str(tmp_path / "large.jpg"), faces=True)[0]
    assert np.allclose([face.box[0] for face in found], [float(row["x"]) for row in rows[:5]], atol=0.06)
    assert (tmp_path / "o/pictures/00002_a.mp4").exists() and (tmp_path / "o/contact_sheet.png").exists()
