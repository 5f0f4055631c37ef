"""Fixtures of several whole-command tests."""

import shutil

import pytest
import torch
from PIL import Image

from data_preprocessing.sources import videos
from models import create_model
from tests.fake_faces import marked, some_faces, use_marks
from tests.video_files import write_video


@pytest.fixture(scope="session")
def face_work(tmp_path_factory):
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


@pytest.fixture
def in_face_work(face_work, monkeypatch):
    """The test runs in that folder, and faces are found by their marks. Returns the folder."""
    monkeypatch.chdir(face_work)
    use_marks(monkeypatch)
    return face_work
