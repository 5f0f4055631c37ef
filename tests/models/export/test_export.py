"""python -m models.export: files for other runtimes, each compared with the network."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import MODELS, load_model, predict
from models.export import formats
from models.export.pixels import Pixels
from models.images import Preparation
from tests.fuzz.checkpoint_files import CLASSES
from tests.models.export.exporting import export, save, skip_without

ROOT = Path(__file__).parents[3]


def run_in_its_runtime(path: Path, images: np.ndarray) -> np.ndarray:
    if path.suffix == ".onnx":
        import onnxruntime

        return onnxruntime.InferenceSession(str(path)).run(None, {"images": images})[0]
    return torch.export.load(path).module()(torch.tensor(images)).detach().numpy()


def read_safetensors(path: Path) -> tuple[dict, dict]:
    """As the format's description says, by numpy."""
    data = path.read_bytes()
    [length] = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata, kinds = header.pop("__metadata__"), {"F32": "<f4", "F16": "<f2", "I64": "<i8"}
    ends = [0, *(entry["data_offsets"][1] for entry in header.values())]
    assert length % 8 == 0 and ends[-1] == len(data) - 8 - length
    assert [entry["data_offsets"][0] for entry in header.values()] == ends[:-1]  # no gaps
    tensors = {
        name: np.frombuffer(data[8 + length :][slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }
    return tensors, metadata


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_prepared_images_in_batches_of_any_size_give_the_networks_logits(format, checkpoint, images, capsys):
    skip_without(format)
    out, model = Path(f"a.{format}"), load_model(checkpoint)
    assert export(checkpoint, "--format", format, "--out", out) == 0
    said = capsys.readouterr().out
    assert "0 of 41 predictions changed" in said and "drawn faces" in said and f"written: {out}" in said
    prepared = torch.stack([model.prepare(image) for image in images[:33]])
    with torch.no_grad():
        expected = model(prepared).numpy()
    for number in (1, 33):
        found = run_in_its_runtime(out, prepared[:number].numpy())
        assert np.allclose(found, expected[:number], atol=1e-5 * np.abs(expected).max())
    assert str(ROOT).encode() not in out.read_bytes()  # no traces of this machine


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_pixels_of_any_size_give_the_probabilities_of_predict(format, checkpoint, images):
    skip_without(format)
    out = Path(f"a.{format}")
    Path("faces").mkdir()
    for k in range(3):
        images[k].save(f"faces/{k}.png")
    assert export(checkpoint, "--format", format, "--out", out, "--uint8-input", "--softmax", "--images", "faces") == 0
    expected = predict(load_model(checkpoint), images)
    for k, image in enumerate(images[:2]):
        assert np.allclose(run_in_its_runtime(out, np.asarray(image)[None]), expected[k], atol=1e-5)
    same = np.stack([np.asarray(image) for image in images[::2]])
    assert np.allclose(run_in_its_runtime(out, same), expected[::2], atol=1e-5)


def test_metadata_say_what_the_file_needs(checkpoint):
    onnx = pytest.importorskip("onnx")
    skip_without("onnx")
    assert export(checkpoint, "--format", "onnx", "--out", "a.onnx", "--uint8-input") == 0
    model = onnx.load("a.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["classes"]) == CLASSES and told["output"] == "logits" and "aligned" in told["alignment"]
    assert json.loads(told["preprocessing"])["size"] == 48 and json.loads(told["recipe"])["seed"] == 0
    assert [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        "height",
        "width",
        3,
    ]
    assert model.opset_import[0].version == formats.OPSET
    assert export(checkpoint, "--format", "pt2", "--out", "a.pt2", "--softmax") == 0
    files = {"metadata.json": ""}
    torch.export.load("a.pt2", extra_files=files)
    told = json.loads(files["metadata.json"])
    assert json.loads(told["classes"]) == CLASSES and told["output"] == "probabilities"


@pytest.mark.parametrize("half", [False, True])
def test_safetensors_hold_the_checkpoints_weights(half, checkpoint):
    assert export(checkpoint, "--format", "safetensors", "--out", "a.safetensors", *["--half"] * half) == 0
    tensors, metadata = read_safetensors(Path("a.safetensors"))
    state = load_model(checkpoint).state_dict()
    assert tensors.keys() == state.keys() and json.loads(metadata["classes"]) == CLASSES
    for name, value in state.items():
        expected = value.half() if half and value.is_floating_point() else value
        assert tensors[name].shape == tuple(value.shape) and np.array_equal(tensors[name], expected.numpy())
    if not half:  # and the file is read again as a checkpoint
        faces = [Image.new("RGB", (50, 50), color) for color in ("red", "green")]
        assert np.array_equal(predict(load_model("a.safetensors"), faces), predict(load_model(checkpoint), faces))


@pytest.mark.parametrize("fit", ["plain", "pad"])
@pytest.mark.parametrize(("model", "order"), [("poster_v2", "rgb"), ("poster_v2", "bgr"), ("deep_emotion", "rgb")])
def test_pixels_are_prepared_as_by_pil_to_the_same_values(fit, model, order):
    from data_preprocessing.loading.transforms import create_transform

    image = MODELS[model].image
    rng, inside = np.random.default_rng(0), Pixels(Preparation(fit, image, order))
    by_pil = create_transform(fit, image, order)
    for height, width in ((100, 100), (48, 48), (224, 224), (300, 411), (37, 64), (20, 700), (900, 5), (1, 1)):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        found, expected = inside(torch.from_numpy(pixels)[None])[0], by_pil(Image.fromarray(pixels))
        assert (found - expected).abs().max() < 1e-5, (height, width)


def test_8_bits_report_accuracy_before_and_after(checkpoint, make_faces, capsys):
    skip_without("onnx")
    make_faces(Path("data"), {split: dict.fromkeys(CLASSES, 4) for split in ("train", "test")})
    assert export(checkpoint, "--format", "onnx", "--out", "plain.onnx") == 0
    flags = ["--int8", "data/train", "--labelled", "data/test", "--uint8-input", "--softmax"]
    assert export(checkpoint, "--format", "onnx", "--out", "a.onnx", *flags) == 0
    said = capsys.readouterr().out
    faces = [Path("data/test") / name / f"{k}.png" for name in CLASSES for k in range(4)]
    hits = int((predict(load_model(checkpoint), faces).argmax(axis=1) == np.repeat(range(3), 4)).sum())
    assert re.search(rf"accuracy on test: {100 * hits / 12:.2f} % \[.*\] of 12 before, .* of 12 after", said)
    assert Path("a.onnx").stat().st_size < 0.6 * Path("plain.onnx").stat().st_size
    assert re.search(r"accuracy on test", Path("a.onnx.md").read_text())
    import onnx

    model = onnx.load("a.onnx")
    assert {e.key: e.value for e in model.metadata_props}["precision"] == "int8"
    assert run_in_its_runtime(Path("a.onnx"), np.zeros((33, 50, 40, 3), np.uint8)).shape == (33, 3)


def test_the_lines_of_the_documentation_work_without_torch(checkpoint, images):
    skip_without("onnx")
    assert export(checkpoint, "--format", "onnx", "--out", "face.onnx", "--uint8-input", "--softmax") == 0
    images[0].save("a.jpg", quality=95)
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/deploying.md").read_text(encoding="utf-8"), re.S)
    code = "import sys; sys.modules['torch'] = None\n" + code
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONIOENCODING": "utf-8"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", env=environment)
    assert run.returncode == 0, run.stderr
    found, [expected] = eval(run.stdout), predict(load_model(checkpoint), "a.jpg")
    assert list(found) == CLASSES and np.allclose(list(found.values()), expected, atol=1e-3)


@pytest.mark.full
def test_poster_v2_with_a_margin_head_exports_its_plain_logits(capsys):
    skip_without("onnx")
    save(Path("best.pth"), "poster_v2", model_options={"head": "adaface"})
    for name, flags in (("a.onnx", ["--uint8-input"]), ("a.pt2", ["--half"])):
        assert export("best.pth", "--format", Path(name).suffix[1:], "--out", name, *flags) == 0
    assert "head adaface: its plain logits" in capsys.readouterr().out
    assert run_in_its_runtime(Path("a.onnx"), np.zeros((33, 90, 80, 3), np.uint8)).shape == (33, 3)
