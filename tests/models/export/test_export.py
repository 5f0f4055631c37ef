"""python -m models.export: files for other runtimes, each compared with the network, and the card beside it."""

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

import main as command_line
from models import MODELS, create_model, load_model, predict
from models.export import __main__ as command
from models.export import card, formats
from models.export.evidence import Evidence
from models.export.pixels import Pixels
from models.export.source import open_source
from models.images import Preparation
from tests.fuzz.checkpoint_files import CLASSES, signed, trained_content

ROOT = Path(__file__).parents[3]
FORMATS = ("onnx", "pt2", "safetensors")


def save(path: Path, model: str = "deep_emotion", **changes) -> Path:
    torch.manual_seed(0)
    network = create_model(model, len(CLASSES), **changes.get("model_options", {}))
    content = trained_content() | {"model": model, "state_dict": network.state_dict(), "model_options": {}} | changes
    torch.save(signed(content), path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = save(tmp_path_factory.mktemp("export") / "best.pth")
    content = torch.load(path, weights_only=True)
    content["state_dict"]["fc2.weight"] *= 20
    torch.save(signed(content), path)
    return path


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def images(make_image):
    return [make_image(k, (50 + k % 2 * 30, 60)) for k in range(34)]


def export(*arguments: object) -> int:
    return command.main([str(a) for a in arguments])


def skip_without(format: str) -> None:
    for name in formats.PACKAGES[format]:
        pytest.importorskip(name)


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


@pytest.mark.parametrize("spoil", [lambda found: found + 1, lambda found: found * np.nan])
def test_a_file_that_computes_something_else_is_an_error_and_leaves_nothing(spoil, checkpoint, monkeypatch, capsys):
    right = formats.run_pt2
    monkeypatch.setattr(formats, "run_pt2", lambda path: lambda images: spoil(right(path)(images)))
    assert export(checkpoint, "--format", "pt2", "--out", "a.pt2") == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "does not compute what the network computes" in error and not list(Path().iterdir())


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


def refused(capsys, words: str, *arguments: object) -> None:
    before = set(Path().rglob("*"))
    try:
        status = export(*arguments)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert (status, error.count("\n")) == (2, 1) and error.startswith("error: ") and words in error
    assert set(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "there/a.pt2"], "there is no folder there"),
        (["--out", "exists"], "exists; remove it"),
        (["--format", "safetensors", "--softmax"], "computes nothing"),
        (["--int8", "data"], "--int8 goes with --format onnx"),
        (["--half"], "deep_emotion is computed in float32"),
        (["--classes", "a,b,c"], "names its classes"),
        (["--images", "nowhere"], "--images nowhere: no such file or folder"),
        (["--images", "empty"], "no images there"),
        (["--images", "exists"], "unreadable image"),
        (["--labelled", "nowhere"], "--labelled nowhere: no such folder"),
        (["--labelled", "data"], "fear is none of the network's classes"),
        (["--format", "tflite"], "--format: invalid choice"),
    ],
)
def test_wrong_flags_are_one_line_and_write_nothing(arguments, words, checkpoint, make_faces, capsys):
    Path("exists").write_bytes(b"no image")
    Path("empty").mkdir()
    make_faces(Path(), {"data": {"anger": 1, "fear": 1}})
    refused(capsys, words, checkpoint, "--format", "pt2", "--out", "a.pt2", *arguments)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.pth", "missing.pth: no such file"),
        ("published:vgg", "unknown published network; known: published:rafdb, "),
        ("published:rafdb", "python -m models.fetch poster_v2-rafdb"),
        ("text.pth", "text.pth: "),
    ],
)
def test_what_is_no_checkpoint_is_one_line(name, words, capsys):
    Path("text.pth").write_text("no checkpoint")
    refused(capsys, words, name, "--format", "pt2", "--out", "a.pt2")


def test_a_missing_package_and_8_bits_without_labels_are_said_before_any_work(checkpoint, monkeypatch, capsys):
    monkeypatch.setitem(formats.PACKAGES, "onnx", ("surely_not_installed",))
    refused(
        capsys,
        "needs surely_not_installed: python -m pip install -r requirements-extras.txt",
        checkpoint,
        "--format",
        "onnx",
        "--out",
        "a",
    )
    monkeypatch.setitem(formats.PACKAGES, "onnx", ())
    refused(capsys, "--labelled DIR", checkpoint, "--format", "onnx", "--out", "a", "--int8", "data")


def test_a_folder_that_cannot_be_written_is_one_line(checkpoint, monkeypatch, capsys):
    def denied(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(formats, "write_weights", denied)
    refused(capsys, "a.st: cannot be written (Permission denied)", checkpoint, "--format", "safetensors", "--out", "a.st")


def test_outputs_without_names_are_numbered_or_named(checkpoint, capsys):
    torch.save(load_model(checkpoint).state_dict(), "bare.pth")
    assert open_source("bare.pth", "a, b,c").classes == ("a", "b", "c")
    assert open_source("bare.pth", None).classes == ("0", "1", "2")
    assert export("bare.pth", "--format", "safetensors", "--out", "a.safetensors") == 0
    assert "the outputs are called 0 to 2 (--classes" in capsys.readouterr().out
    for wrong in ("a,b", "a,a,b", "a,,b"):
        refused(capsys, "give 3 different names", "bare.pth", "--format", "pt2", "--out", "a.pt2", "--classes", wrong)


def test_the_card_of_a_run_has_its_figures(make_faces, capsys):
    make_faces(Path("data"), {split: {"joy": 6, "anger": 6} for split in ("train", "valid", "test")})
    assert (
        command_line.main(["--data", "data", "--model", "deep_emotion", "--epochs", "1", "--run", "one", "--workers", "0"]) == 0
    )
    best = "checkpoint/one/best.pth"
    assert command_line.main(["--data", "data", "--evaluate", best, "--run", "tested", "--workers", "0"]) == 0
    assert export(best, "--format", "safetensors", "--out", "a.safetensors", "--labelled", "data/test") == 0
    card, result = Path("a.safetensors.md").read_text(encoding="utf-8"), json.loads(Path("log/tested/result.json").read_text())
    low, high = result["interval"]
    assert f"| data, test | 12 | {100 * result['accuracy']:.2f} % [{100 * low:.2f}, {100 * high:.2f}] |" in card
    for words in (
        "An expression is not an emotion",
        "deep_emotion",
        result["sha256"],
        "Leakage between the splits",
        "epochs: 1",
    ):
        assert words in card
    assert all(digest in card for digest in json.loads(Path("log/one/args.json").read_text())["fingerprints"].values())
    assert str(Path.cwd()) not in card
    header = card.split("---\n")[1]
    yaml = pytest.importorskip("yaml")
    read = yaml.safe_load(header)
    value = read["model-index"][0]["results"][0]["metrics"][0]
    assert read["pipeline_tag"] == "image-classification" and value == {
        "type": "accuracy",
        "value": round(result["accuracy"], 6),
    }


def test_the_card_has_a_dash_for_a_class_without_images():
    classes = {"joy": {"support": 4, "recall": 0.5}, "anger": {"support": 0, "recall": None}}
    evidence = Evidence(({"data": "data", "split": "test", "classes": classes},), "")
    assert {"| joy | 4 | 50.0 % |", "| anger | 0 | - |"} <= set(card._classes(evidence))


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
