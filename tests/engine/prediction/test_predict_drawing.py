"""What --draw draws: maps in their places, legible labels, sheets of bounded size."""

import matplotlib.figure
import numpy as np
import pytest
import torch
from PIL import Image

from engine.prediction import drawings
from engine.prediction.drawings import PredictionImages, draw_prediction, map_on_image
from engine.prediction.images import Given

MANY = tuple(f"class number {k}" for k in range(30))
LONG = ("기쁨", "a name that is much too long for the room beside the bars", "$x_1$ \\broken", "two\nlines", "ok")


def test_a_stretched_images_map_is_stretched_back():
    heat = np.zeros((48, 48), np.float32)
    heat[:24, 36:] = 1  # the right quarter of the upper half
    found = map_on_image(heat, (60, 200), "plain")
    assert found.shape == (60, 200)
    assert found[:26, 156:].min() > 0.99 and found[34:].max() == 0 and found[:, :144].max() == 0


@pytest.mark.parametrize("wide", [False, True])
def test_a_padded_images_map_loses_the_padding(wide):
    heat = np.zeros((224, 224), np.float32)
    heat[56:168] = np.linspace(0, 1, 112, dtype=np.float32)[:, None]  # where an image of 2:1 lies
    if not wide:
        heat = heat.T
    found = map_on_image(heat, (100, 200) if wide else (200, 100), "pad")
    profile = found[:, 100] if wide else found[100]
    assert np.allclose(profile[1:-1], ((np.arange(100) + 0.5) / 100)[1:-1], atol=0.02)  # the padding reaches half a pixel in


def drawn_texts(monkeypatch, tmp_path, classes, probabilities):
    """The texts of a drawn figure with their places in pixels, and the figure's size."""
    kept = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda self, *a, **k: (kept.append(self), save(self, *a, **k)))
    face = np.full((300, 200, 3), 99, np.uint8)
    draw_prediction(face, np.zeros((300, 200)), probabilities, classes, "파일 " + "name" * 90, tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == tuple(int(side) for side in kept[0].bbox.size)
    texts = [text for text in kept[0].findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]
    return [(text.get_text(), text.get_window_extent()) for text in texts], kept[0]


@pytest.mark.parametrize("classes", [LONG, MANY, ("a", "b")], ids=["long", "many", "two"])
def test_no_text_overlaps_another_or_leaves_the_image(classes, monkeypatch, tmp_path):
    probabilities = np.linspace(0, 1, len(classes))
    texts, figure = drawn_texts(monkeypatch, tmp_path, classes, probabilities)
    width, height = figure.bbox.size
    assert len(texts) == 2 + 2 * min(len(classes), 12)
    for k, (name, box) in enumerate(texts):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, name
        assert not any(box.overlaps(other) for _, other in texts[:k]), name
        assert box.x0 > 640 or box.y0 > height - 62, name  # not over the faces
    shown = [name for name, _ in texts]
    assert ("class number 29" in shown) == (classes == MANY) and "class number 0" not in shown


def test_sheets_are_paged_and_the_map_lies_on_the_face(monkeypatch, tmp_path):
    monkeypatch.setattr(drawings, "_TILES", 3)
    asked = []
    monkeypatch.setattr(drawings, "face_maps", lambda model, images: (asked.append(images), images[:, 0])[1])
    drawn = PredictionImages(tmp_path, ("a", "b"), "plain", sheets=True)
    given = [Given(k, (40, 40), view=np.full((40 if k else 1, 300, 3), 40 * k, np.uint8)) for k in range(4)]
    images = torch.zeros(4, 1, 48, 48)
    drawn.add(None, images, given, ["x/0.png", "y/0.png", "z\n\udcff.png", "n" * 250], np.full((4, 2), 0.5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contact_sheet.png", "pictures"]  # three are a sheet
    drawn.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contact_sheet.png", "contact_sheet_2.png", "pictures"]
    assert Image.open(tmp_path / "contact_sheet.png").width == 360 and Image.open(tmp_path / "contact_sheet_2.png").width == 120
    assert asked == [images] and len(list((tmp_path / "pictures").iterdir())) == 4
    drawn.close()
    assert len(list(tmp_path.iterdir())) == 3
