"""Which images --predict takes, and how it prepares those of a published file."""

import os
from pathlib import Path

import pytest
from PIL import Image

from engine.checkpoints.format import Checkpoint
from engine.commands.prediction_setup import prediction_settings
from engine.errors import UsageError
from engine.prediction.images import Given, find_images


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.JPG", "a/b/1.png", "a/notes.txt", "a/.hidden.png", "face[1].png", "f.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


@pytest.mark.parametrize(
    ("named", "paths"),
    [
        (["a"], ["a/1.JPG", "a/b/1.png"]),
        (["a/b/", "a"], ["a/b/1.png", "a/1.JPG"]),
        (["face[1].png"], ["face[1].png"]),
        (["*.png"], ["f.png", "face[1].png"]),
        (["**/1.*"], ["a/1.JPG", "a/b/1.png"]),
        (["a/*"], ["a/1.JPG", "a/b/1.png", "a/notes.txt"]),  # as the shell would give it
        (["./f.png", "f.png", "a/../f.png"], ["./f.png"]),
    ],
)
def test_files_folders_and_globs(named, paths, folder):
    split, has_folder = find_images(named)
    assert list(split.paths) == paths and has_folder == any(map(os.path.isdir, [*named, *(["a/b"] if "a/*" in named else [])]))


def test_folder_is_searched_by_content_and_tells_what_is_left_out(folder):
    Image.new("RGB", (9, 9)).save("a/m.jpg ", "JPEG")
    Image.new("RGB", (9, 9)).save("a/without", "AVIF")
    Path("a/x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Path("a/@eaDir").mkdir()
    Path("a/@eaDir/1.png").touch()
    said = []
    split, _ = find_images(["a"], said.append)
    assert list(split.paths) == ["a/1.JPG", "a/m.jpg ", "a/without", "a/b/1.png"]
    [note] = said
    assert note.startswith("warning: a: 1 file is left out: 1 HEIC (") and "x.heic; convert them to JPEG" in note
    assert list(find_images(["**/*.png"])[0].paths) == ["a/b/1.png", "f.png", "face[1].png"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("best.pth", b"PK", "a checkpoint, which is named by --evaluate best.pth"),
        ("fer2013.csv", b"emotion,pixels,Usage\n", "FER2013's table; --evaluate FILE --data fer2013.csv"),
        ("list.csv", b"image,label\n", "a list"),
        ("faces.zip", b"PK", "an archive; unpack it"),
    ],
)
def test_file_of_another_flag_is_refused(name, content, words, folder):
    Path(name).write_bytes(content)
    with pytest.raises(UsageError, match=f"--predict {name}: this is {words}"):
        find_images([name, "f.png"])


def test_image_named_as_a_list_is_an_image(folder):
    Image.new("RGB", (9, 9)).save("face.txt", "PNG")
    assert find_images(["face.txt"])[0].paths == ("face.txt",)


@pytest.mark.parametrize("named", ["b*.png", "b.png", ""])
def test_a_name_that_matches_nothing_is_refused_though_others_match(named, folder):
    with pytest.raises(UsageError, match="--predict"):
        find_images(["f.png", named])


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((48, 48), False), ((100, 100), False), ((224, 160), False), ((1024, 1024), False), ((160, 224), False),
        ((640, 480), True), ((320, 240), True), ((240, 320), False), ((480, 640), True), ((1280, 1024), True),
        ((300, 224), False), ((24, 24), True), ((1920, 1080), True), ((3000, 4000), True), ((200, 300), True), ((0, 0), True),
    ],
)  # fmt: skip
def test_sizes_that_no_face_crop_has(size, told):
    assert Given(0, size).is_no_crop == told


@pytest.mark.parametrize(
    ("model", "options", "flags", "order", "fit"),
    [
        ("poster_v2", {"head": "linear"}, {}, "rgb", "plain"),
        ("poster_v2", {"head": "linear"}, {"data_type": "AI-Hub"}, "rgb", "pad"),
        ("poster_v1_small", {"variant": "rafdb"}, {}, "bgr", "plain"),
        ("poster_v1_small", {"variant": "rafdb"}, {"channel_order": "rgb"}, "rgb", "plain"),
        ("poster_v1_small", {"variant": "affectnet"}, {}, "rgb", "plain"),
        ("deep_emotion", {}, {}, "rgb", "plain"),
    ],
)
def test_a_published_files_images_are_prepared_as_by_an_evaluation(model, options, flags, order, fit):
    published = "bgr" if options.get("variant") == "rafdb" else "rgb"  # as models.files.identify tells it
    checkpoint = Checkpoint(path=Path("a.pth"), num_outputs=7, model=model, model_options=options, channel_order=published)
    settings = prediction_settings({"evaluate": "a.pth", "predict": ["a"], **flags}, checkpoint, print)
    assert (settings.channel_order, settings.eval_transform) == (order, fit)
