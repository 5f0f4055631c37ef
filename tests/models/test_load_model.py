"""load_model and predict: a checkpoint in Python, from images of any kind to probabilities."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_preprocessing.common.errors import DataError
from data_preprocessing.loading.input_image import GREY48, RGB224
from data_preprocessing.loading.transforms import create_transform
from models import create_model, load_model, predict
from models.errors import WeightsError
from tests.fuzz.checkpoint_files import CLASSES, signed, trained_content
from tests.published import write_published_v1

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def content():
    """A checkpoint of ours whose network tells images apart."""
    torch.manual_seed(0)
    model = create_model("deep_emotion", len(CLASSES))
    with torch.no_grad():
        model.fc2.weight.mul_(20)
    return signed(trained_content() | {"state_dict": model.state_dict()})


@pytest.fixture(scope="module")
def checkpoint(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("load") / "best.pth"
    torch.save(content, path)
    return path


@pytest.fixture
def photo(make_image, tmp_path):
    make_image(3, (70, 55)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_the_probabilities_are_the_networks_own_on_the_prepared_image(checkpoint, photo):
    model = load_model(checkpoint)
    assert model.classes == tuple(CLASSES) and not model.training
    found = predict(model, photo)
    with torch.no_grad():
        expected = model(create_transform("plain", GREY48)(Image.open(photo))[None]).softmax(dim=1)
    assert found.dtype == np.float32 and np.array_equal(found, expected.numpy()) and found.max() - found.min() > 0.01


def test_every_kind_of_image_gives_the_same(checkpoint, photo, make_image):
    model, array = load_model(str(checkpoint)), np.asarray(Image.open(photo))
    expected = predict(model, photo)
    for images in (str(photo), Image.open(photo), array, [photo], iter([array]), array[None]):
        assert np.array_equal(predict(model, images), expected)
    other = make_image(4)
    several = predict(model, [photo, other, array, other.convert("L"), np.asarray(other.convert("L"))], batch_size=2)
    assert several.shape == (5, len(CLASSES)) and np.allclose(several[[0, 2]], expected, atol=1e-6)
    assert np.allclose(several[3], several[4], atol=1e-6)
    assert predict(model, []).shape == (0, len(CLASSES))


def test_a_turned_photograph_is_turned_upright(checkpoint, photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.open(photo).rotate(180).save(tmp_path / "turned.png", exif=exif)
    model = load_model(checkpoint)
    for image in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png")):
        assert np.array_equal(predict(model, image), predict(model, photo))


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (np.zeros((4, 4, 3)), "uint8"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.zeros(4, np.uint8), "shape"),
        (3, "not a int"),
        ([None], "not a NoneType"),
    ],
)
def test_what_is_no_image_is_a_type_error(photo, words, checkpoint):
    with pytest.raises(TypeError, match=words):
        predict(load_model(checkpoint), [photo] if isinstance(photo, int) else photo)


def test_an_unreadable_file_is_named_and_another_network_refused(checkpoint, tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"no image")
    for name in ("b.jpg", "missing.jpg"):
        with pytest.raises(DataError, match=rf"{name}: unreadable image \("):
            predict(load_model(checkpoint), tmp_path / name)
    with pytest.raises(TypeError, match="load_model"):
        predict(create_model("deep_emotion", 3), [])


def test_the_runs_own_preparation_is_used(content, photo, tmp_path):
    torch.save(signed(content | {"args": {"eval_transform": "pad", "channel_order": "rgb"}}), tmp_path / "p.pth")
    model = load_model(tmp_path / "p.pth")
    with torch.no_grad():
        expected = model(create_transform("pad", GREY48)(Image.open(photo))[None]).softmax(dim=1)
    assert np.array_equal(predict(model, photo), expected.numpy())


def test_a_published_file_has_no_classes_and_is_read_in_the_order_of_its_code(tmp_path, photo):
    torch.manual_seed(0)
    own = create_model("poster_v1_small", 7)
    write_published_v1(tmp_path / "v1.pth", own.state_dict(), "poster_v1_small")
    model = load_model(tmp_path / "v1.pth", precision=torch.bfloat16)
    assert model.classes is None and type(model) is type(own)
    image = Image.open(photo)
    assert torch.equal(model.prepare(image), create_transform("plain", RGB224, "bgr")(image))
    assert all(torch.equal(value, own.state_dict()[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        expected = own.eval()(model.prepare(image)[None]).softmax(dim=1).numpy()
    found = predict(model, image)
    assert np.allclose(found, expected, atol=0.02) and not np.array_equal(found, expected)  # computed in 16 bits


def test_a_stored_file_of_the_first_version_loads(tmp_path):
    (tmp_path / "v1.pth").write_bytes(gzip.decompress((ROOT / "tests/stored/checkpoint_v1.pth.gz").read_bytes()))
    assert load_model(tmp_path / "v1.pth").classes == tuple(CLASSES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classes": ["a", "b"]}, "fc2.*instead of"),
        ({"model": "vgg"}, "unknown network 'vgg'"),
        ({"model_options": {"head": "linear"}}, "model_options are not deep_emotion's"),
        ({"args": {"channel_order": ["rgb"]}}, "args name no channel order"),
        ({"args": {"eval_transform": "sharpen"}}, "args name no channel order or transform"),
        ({"args": None}, "args is a NoneType"),
        ({"version": 9}, "newer version"),
        ({"state_dict": {}}, "holds no weights"),
        ({"model": "poster_v2", "model_options": {"head": "adaface", "h": "x", "margin": []}}, "damaged|missing"),
    ],
)
def test_a_damaged_checkpoint_is_named_in_one_line(change, words, content, tmp_path):
    torch.save(signed(content | change), tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=words) as error:
        load_model(tmp_path / "a.pth")
    assert str(error.value).startswith(f"{tmp_path / 'a.pth'}: ") and "\n" not in str(error.value)


def test_what_is_no_checkpoint_is_named(content, photo, tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"state": {}, "param_groups": []}, tmp_path / "optimiser.pth")
    torch.save(content | {"epoch": 7}, tmp_path / "changed.pth")
    for path, words in (
        (photo, "is a PNG image, not weights"),
        (tmp_path, "is a folder"),
        (tmp_path / "missing.pth", "no such file"),
        (tmp_path / "list.pth", "is no checkpoint, it holds a list"),
        (tmp_path / "optimiser.pth", "no weights"),
        (tmp_path / "changed.pth", "checksum does not match"),
    ):
        with pytest.raises(WeightsError, match=words) as error:
            load_model(path)
        assert str(error.value).startswith(f"{path}: ")


def test_models_imports_neither_torch_nor_the_engine():
    code = (
        "import sys, models; early = 'torch' in sys.modules; import models.images; "
        "sys.exit(early or any(name.split('.')[0] == 'engine' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
