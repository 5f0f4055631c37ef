"""Every registered network keeps what models.contract says, and so do networks that know nothing of it."""

import copy
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from data_preprocessing.loading.input_image import RGB224, InputImage
from engine.config.flags import Settings
from engine.config.recipes import OTHER, RECIPES, SYNTHETIC
from engine.explain.grad_cam import grad_cam, last_maps
from engine.training.optimizers import parameter_groups
from models import MODELS, Architecture, contract, create_model, optimize_for_inference
from models.errors import WeightsError
from models.files.identify import identify
from tests.golden_values import difference
from tests.toy_networks import LINES, registered

RESNET = Architecture("torchvision.models", "resnet18")  # no file at all: the line names a function of another package
LONG = {"poster_v1_base", "poster_v1_large"}  # as poster_v1_small, but for their depth
NAMES = [pytest.param(name, marks=[pytest.mark.full] * (name in LONG)) for name in (*MODELS, *LINES, "resnet18")]


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory):
    with registered(tmp_path_factory.mktemp("toys")), pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "resnet18", RESNET)
        yield


@pytest.fixture(scope="module", params=NAMES)
def made(request, toys):
    """A network's name, line and itself in evaluation mode, and two images as it takes them."""
    torch.manual_seed(0)
    architecture = MODELS[request.param]
    model = create_model(request.param, 5).eval()
    return request.param, architecture, model, torch.randn(2, *architecture.image.shape)


def test_it_gives_logits_with_labels_and_without(made):
    _, _, model, images = made
    with torch.no_grad():
        logits = model(images)
        assert logits.shape == (2, 5) and logits.isfinite().all()
        assert torch.equal(logits, model(images, torch.tensor([0, 4])))


def test_the_rows_and_columns_that_are_not_read_change_nothing(made):
    _, architecture, model, images = made
    step = architecture.image.step
    with torch.no_grad():
        logits = model(images)
        if step > 1:
            assert torch.equal(logits, model(images[:, :, ::step, ::step].contiguous(memory_format=torch.channels_last)))
            assert contract.declared(model, "reduce")
        for row in range(step, step + 4):  # its line says truly which rows are read
            moved = images.clone()
            moved[:, :, row] += 10
            assert torch.equal(logits, model(moved)) == (row % step != 0)


def test_parameter_groups_hold_each_trained_parameter_once(made):
    _, architecture, model, _ = made
    grouped = [id(p) for group in parameter_groups(model, 0.1) for p in group["params"]]
    trained = [id(p) for p in model.parameters() if p.requires_grad]
    assert sorted(grouped) == sorted(trained)
    keys = list(model.state_dict())
    for prefix in (*contract.trunk(model), *contract.decayed(model)):
        assert any(key.startswith(prefix) for key in keys), prefix
    assert architecture.has_landmark_branch == (len(trained) < len(list(model.parameters())))


def test_its_last_maps_are_there_and_put_on_the_image(made):
    _, _, model, images = made
    names = last_maps(model, images)
    assert names
    cells = grad_cam(model, images, [model.get_submodule(name) for name in names])
    assert cells.shape[0] == 2 and cells.shape[1] == cells.shape[2] > 1
    side, size = cells.shape[1], images.shape[-1]
    centres = contract.cell_centres(model, side, size)
    assert len(centres) == side and centres[0] >= 0 and centres[-1] < size and (centres.diff() > 0).all()


def test_the_form_for_inference_gives_the_same_and_leaves_the_network_alone(made):
    _, _, model, images = made
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        expected = model(images)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        logits = optimize_for_inference(model, dtype)(images)
        assert not logits.requires_grad and logits.itemsize >= 4
        assert difference(logits, expected) < tolerance
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_what_its_line_says_is_true_of_it(made, tmp_path):
    name, architecture, model, _ = made
    assert {SYNTHETIC, OTHER} <= RECIPES[architecture.family].keys()
    assert set(architecture.options) <= {field.name for field in fields(Settings)}
    arguments = inspect.signature(architecture.make).parameters
    assert "num_classes" in arguments or any(p.kind is p.VAR_KEYWORD for p in arguments.values())
    assert architecture.has_landmark_branch == (contract.landmark_branch(model) is not None)
    assert architecture.has_heads == contract.declared(model, "classifier")
    assert bool(architecture.pretrained_files) == contract.declared(model, "load_pretrained")
    if architecture.pretrained_files:
        assert model.load_pretrained(tmp_path) == ({}, architecture.pretrained_files)
    assert contract.declared(model, "start") == (len(architecture.inits) > 1)
    for init in architecture.inits[1:]:
        copied = copy.deepcopy(model)
        copied.start(init)
        assert any(not torch.equal(a, b) for a, b in zip(copied.parameters(), model.parameters())), name


def test_its_bare_weights_are_known_by_their_keys(made):
    name, architecture, model, _ = made
    state = model.state_dict()
    assert not (architecture.dead_keys and any(map(architecture.dead_keys.fullmatch, state)))
    if getattr(architecture.make, "identify", None):
        found, identity = identify(state)
        assert (found, identity.num_outputs) == (name, 5) and set(identity.options) <= set(architecture.options)
    else:
        with pytest.raises(WeightsError, match=r"none of POSTER V2, POSTER V1, Deep-Emotion by its keys"):
            identify(state)


def test_layers_named_as_parts_of_the_contract_are_not_taken_for_them(toys):
    model = create_model("toy", 3)
    assert (contract.trunk(model), contract.decayed(model)) == (contract.EVERYTHING, contract.EVERYTHING)
    assert isinstance(model.trunk, torch.nn.Module) and contract.landmark_branch(model) is None
    logits = torch.zeros(1, 3, requires_grad=True)
    assert not contract.logits_without_margin(model, logits).requires_grad


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(size=97, step=2), "2 does not divide the side of 97"),
        (dict(size=0), "does not divide"),
        (dict(mode="RGBA"), "RGB or L"),
        (dict(mode="L"), "1 means"),
    ],
)
def test_a_image_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        InputImage(**arguments)


def test_a_images_kind_and_shape():
    assert (RGB224.kind, RGB224.shape) == ("rgb224", (3, 224, 224))
    assert (InputImage(48, "L", (0.5,), (0.5,)).kind, InputImage(48, "L", (0.5,), (0.5,)).shape) == ("grey48", (1, 48, 48))


def test_the_network_of_the_document_works_as_it_stands_there():
    text = (Path(__file__).parents[2] / "docs/extending.md").read_text(encoding="utf-8")
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.S)[1], names)
    model = contract.taking_labels(names["Small"](num_classes=4)).eval()
    images = torch.randn(2, *InputImage(96).shape)
    assert model(images, torch.tensor([0, 3])).shape == (2, 4)
    assert last_maps(model, images) == ("features.5",)
