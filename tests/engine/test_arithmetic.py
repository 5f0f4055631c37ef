"""What a GPU has no repeatable kernel for is known, replaced or said; TF32 is chosen, said and recorded."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine import arithmetic
from engine.arithmetic import UNREPEATABLE, choose_arithmetic, full_float32, set_tf32, unrepeatable
from engine.config.settings import resolve
from engine.errors import UsageError
from engine.evaluation.fast import fastest
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step
from models import MODELS, create_model
from models.deep_emotion import sample_repeatably
from tests.emulated_cuda import Operators, TorchDispatchMode, emulated

CPU, FP32 = torch.device("cpu"), torch.float32
# torch's own list, and what its entries are called in autograd's graph; "": no gradient passes, and no step calls it
LISTED = {
    "AvgPool3d": "AvgPool3D", "AdaptiveAvgPool2d": "AdaptiveAvgPool2D", "AdaptiveAvgPool3d": "AdaptiveAvgPool3D",
    "AdaptiveMaxPool2d": "AdaptiveMaxPool2D", "FractionalMaxPool2d": "FractionalMaxPool2D",
    "FractionalMaxPool3d": "FractionalMaxPool3D", "MaxUnpool1d": "MaxUnpool2D", "MaxUnpool2d": "MaxUnpool2D",
    "MaxUnpool3d": "MaxUnpool3D", "interpolate": "UpsampleBilinear2D", "ReflectionPad1d": "ReflectionPad1D",
    "ReflectionPad2d": "ReflectionPad2D", "ReflectionPad3d": "ReflectionPad3D", "NLLLoss": "NllLoss2D", "CTCLoss": "CtcLoss",
    "EmbeddingBag": "EmbeddingBag", "put_": "Put", "histc": "", "bincount": "", "median": "Median",
    "grid_sample": "GridSampler2D", "scatter_reduce": "ScatterReduce", "resize_": "",
}  # fmt: skip
# the same as operators of a training step; of attention the fused forms, repeatable only in strict mode
OPERATORS = re.compile(
    r"aten\.(avg_pool3d_backward|_?adaptive_(avg|max)_pool[23]d_backward|fractional_max_pool|max_unpool|upsample_.*linear.*_backward"
    r"|upsample_bicubic.*_backward|reflection_pad|nll_loss2d|_?ctc_loss|_embedding_bag|put|histc|bincount|median|grid_sampler_"
    r"[23]d_backward|scatter_reduce|_scaled_dot_product_.*_backward|_(flash|efficient)_attention_backward)"
)
QUICK = ("deep_emotion", "deep_emotion_paper")
NAMES = [pytest.param(name, marks=[pytest.mark.full] * (name not in QUICK)) for name in MODELS]


def test_the_list_is_that_of_this_pytorch():
    text = torch.use_deterministic_algorithms.__doc__
    part = text[text.index("operations will throw a") : text.index("In addition, several operations")]
    names = {name.rsplit(".", 1)[-1] for name in re.findall(r"\* :\w+:`([\w.]+)`", part)}
    assert names and names <= set(LISTED), "a new entry: name it here, and in UNREPEATABLE"
    assert {LISTED[name] for name in names} - {""} <= set(UNREPEATABLE)


@emulated
@pytest.mark.parametrize("name", NAMES)
def test_operators_of_a_training_step_that_have_no_repeatable_kernel_are_those_of_the_graph(name):
    torch.manual_seed(0)
    model = create_model(name, 3).train()
    shape = MODELS[name].image.shape
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 1e-3, 0.0, 0.0, rho=0.05)
    with Operators() as ran:
        train_step(model, optimizer, torch.randn(2, *shape), torch.tensor([0, 2]), LOSSES["2ls+ce"])
    assert "aten.convolution_backward" in ran.names
    found = {name for name in ran.names if OPERATORS.match(name)}
    known = {"GridSampler2D": "aten.grid_sampler_2d_backward"}
    assert found == {known[name] for name in unrepeatable(model, shape, CPU, FP32)}
    assert found == ({"aten.grid_sampler_2d_backward"} if name in QUICK else set())


def test_looking_at_the_graph_changes_nothing():
    model = create_model("deep_emotion", 3).train()
    before, state = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    assert unrepeatable(model, (1, 48, 48), CPU, FP32) == ["GridSampler2D"]
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("of_image", [False, True])
def test_the_repeatable_warp_is_grid_sample(of_image):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 7, 5, dtype=torch.float64, requires_grad=of_image)
    theta = (torch.eye(2, 3) + 0.4 * torch.randn(2, 2, 3)).double().requires_grad_()
    results = []
    for sample in (lambda x, grid: F.grid_sample(x, grid, align_corners=False), sample_repeatably):
        out = sample(x, F.affine_grid(theta, (2, 3, 6, 4), align_corners=False))
        results.append((out, *torch.autograd.grad(out.square().sum(), [theta, x] if of_image else [theta])))
    for expected, found in zip(*results):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.fixture
def ampere(monkeypatch):
    """A GPU of compute capability 8.0 in the eyes of engine.arithmetic, whose tensors are the CPU's. Modes are put back."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    monkeypatch.setattr(arithmetic, "unrepeatable", lambda *about, real=unrepeatable: real(about[0], about[1], CPU, FP32))
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    strict, warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    yield torch.device("cuda", 0)
    torch.use_deterministic_algorithms(strict, warn_only=warn)
    torch.backends.cudnn.benchmark = benchmark
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


def chosen(device: torch.device, model: nn.Module, precision=FP32, **flags) -> tuple[dict, list[str]]:
    said: list[str] = []
    return choose_arithmetic(resolve({"model": "deep_emotion", **flags}, {}), device, precision, model, said.append), said


def test_what_a_gpu_lacks_is_said_once_and_refused_where_it_is_asked_for(ampere):
    model = create_model("deep_emotion", 3)
    facts, said = chosen(ampere, model)
    assert facts["deterministic"] == "as far as possible: not GridSampler2D"
    assert said[1] == "warning: not bit-repeatable on CUDA because of GridSampler2D: two equal runs differ by rounding"
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    with pytest.raises(UsageError, match="--deterministic on: deep_emotion has no repeatable kernel on CUDA for GridSampler2D"):
        chosen(ampere, model, deterministic="on")


def test_a_network_of_repeatable_kernels_runs_in_strict_mode(ampere, monkeypatch):
    monkeypatch.setattr(arithmetic, "unrepeatable", lambda *about: [])
    facts, said = chosen(ampere, create_model("deep_emotion", 3), tf32="off")
    assert facts == {"tf32": False, "deterministic": "on"} and not said
    assert torch.are_deterministic_algorithms_enabled() and not torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cudnn.benchmark and not torch.backends.cudnn.allow_tf32
    facts, said = chosen(ampere, create_model("deep_emotion", 3), deterministic="off", tf32="off")
    assert facts["deterministic"] == "off" and torch.backends.cudnn.benchmark and len(said) == 1
    assert not torch.are_deterministic_algorithms_enabled()


def test_tf32_is_used_and_said_where_the_gpu_has_it(ampere, monkeypatch):
    monkeypatch.setattr(arithmetic, "unrepeatable", lambda *about: [])
    model = create_model("deep_emotion", 3)
    facts, said = chosen(ampere, model)
    assert facts["tf32"] and torch.backends.cuda.matmul.allow_tf32 and "in TF32" in said[0] and "--tf32 off" in said[0]
    assert chosen(ampere, model, torch.bfloat16)[1] == []  # it has no float32 products to speak of
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert not chosen(ampere, model)[0]["tf32"] and not torch.backends.cudnn.allow_tf32
    assert not chosen(CPU, model)[0]["tf32"]


class RoundedToTF32(TorchDispatchMode):
    """Products and convolutions of operands rounded to 10 bits of mantissa, while PyTorch's switch for TF32 is on."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        product = any(word in str(function) for word in ("conv", "mm", "linear"))
        if product and torch.backends.cudnn.allow_tf32:
            args = [rounded(a) if isinstance(a, torch.Tensor) and a.dtype == torch.float32 else a for a in args]
        return function(*args, **(kwargs or {}))


def rounded(x: torch.Tensor) -> torch.Tensor:
    mantissa, exponent = torch.frexp(x)
    return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)


@emulated
def test_the_folded_form_is_taken_although_products_are_in_tf32(ampere, monkeypatch):
    monkeypatch.setattr("models.folding._packs", lambda x: False)  # as on a GPU, by public operators
    torch.manual_seed(0)
    model = create_model("deep_emotion", 4).eval()
    nn.init.uniform_(model.norm.weight, 0.5, 1.5)
    nn.init.uniform_(model.norm.running_mean, -1, 1)
    nn.init.uniform_(model.norm.running_var, 0.01, 2)
    images = torch.randn(4, 1, 48, 48)
    set_tf32(True)
    with RoundedToTF32():
        run, reason = fastest(model, images, None, FP32)
        folded, plain = run(images, None), model(images)
    assert not reason and torch.backends.cudnn.allow_tf32
    difference = (folded - plain).abs().max() / plain.abs().max()
    assert difference > 1e-4  # by which it would have been refused
    with full_float32(), RoundedToTF32():
        assert (run(images, None) - model(images)).abs().max() / plain.abs().max() < 1e-4
