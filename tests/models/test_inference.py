"""Networks made ready for evaluation give the plain network's logits, with BatchNorms that are far from the identity."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models import MODELS, create_model, folding, optimize_for_inference
from tests.golden_values import difference, exact_arithmetic

NETWORKS = [(name, {}) for name in MODELS if name != "poster_v1_base"] + [  # between small and large, which differ in depth
    ("poster_v2", {"head": "arcface"}),
    ("poster_v1_small", {"head": "adaface", "variant": "affectnet"}),
]


def randomize_(model: nn.Module) -> nn.Module:
    """Statistics, scales and shifts as after a long training, and layer scales that let every branch count."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.5)
            module.weight.data[0] = 0.0  # a channel that holds its shift alone
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.2, 0.6)
    for name, parameter in model.named_parameters():
        if "gamma" in name or "fc_loc.2" in name:
            nn.init.uniform_(parameter, -0.5, 0.5)
    return model


def draw(name: str, options: dict, images: int) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return randomize_(create_model(name, 5, **options)).eval(), torch.randn(images, *MODELS[name].image.shape)


@pytest.mark.parametrize(
    ("name", "options"), [pytest.param(*case, marks=[pytest.mark.full] * ("large" in case[0])) for case in NETWORKS]
)
def test_logits_are_the_plain_networks(name, options):
    with exact_arithmetic(), torch.no_grad():
        model, images = draw(name, options, images=1)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        optimized = optimize_for_inference(model, torch.float64)
        assert difference(optimized(images), model(images)) < 1e-9
        assert not any(isinstance(module, nn.BatchNorm2d) for module in optimized.modules())
        assert before.keys() == model.state_dict().keys()
        assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["poster_v2", "poster_v1_small", "deep_emotion"])
def test_packed_weights_in_both_precisions_and_any_batch(name):
    model, images = draw(name, {}, images=5)  # more than one chunk, and an odd rest
    with torch.no_grad():
        logits = model(images)
    exact, short = (optimize_for_inference(model, dtype) for dtype in (torch.float32, torch.bfloat16))
    for optimized, tolerance in ((exact, 1e-4), (short, 0.05)):
        for some in (images, images[:1], images.contiguous(memory_format=torch.channels_last)):
            out = optimized(some)
            assert out.dtype == torch.float32 and not out.requires_grad
            assert difference(out, logits[: len(some)]) < tolerance


def test_a_margin_head_still_takes_labels():
    model, images = draw("poster_v1_small", {"head": "cosface"}, images=2)
    labels = torch.tensor([1, 4])
    with torch.no_grad():
        expected = model(images, labels)
    assert difference(optimize_for_inference(model, torch.float32)(images, labels), expected) < 1e-4


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 5), (7, 4), (9, 9)])
@pytest.mark.parametrize("stride", [1, 2])
def test_norm_before_a_padded_convolution_at_the_border(height, width, stride):
    torch.manual_seed(0)
    norm, conv = nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, stride, padding=1, bias=False)
    block = randomize_(nn.Sequential(norm, conv)).double().eval()
    x = torch.randn(3, 4, height, width, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(folding.preceded(norm, conv, height, width)(x), block(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [4, 8, 12])
def test_two_convolutions_in_a_row_are_one(side):
    torch.manual_seed(0)
    first, second = (nn.Conv2d(*channels, 3, stride=2, padding=1).double() for channels in ((3, 5), (5, 4)))
    nn.init.normal_(first.bias, 0, 3)
    x = torch.randn(2, 3, side, side, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(folding.in_a_row(first, second, side)(x), second(first(x)), rtol=1e-12, atol=1e-12)


def test_residual_takes_the_result():
    torch.manual_seed(0)
    for dtype in (torch.float64, torch.float32):
        conv = nn.Conv2d(4, 4, 3, padding=1).to(dtype)
        x = torch.randn(2, 4, 6, 6, dtype=dtype).contiguous(memory_format=torch.channels_last)
        kept, expected = x.clone(), x + conv(x).detach()
        out = folding.plain(conv)(x, residual=kept)
        torch.testing.assert_close(out, expected)
        assert out.data_ptr() == kept.data_ptr()


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_product(gelu, dtype):
    torch.manual_seed(0)
    linear, x = nn.Linear(12, 9).to(dtype), torch.randn(2, 5, 12, dtype=dtype)
    with torch.no_grad():
        expected = F.gelu(linear(x)) if gelu else linear(x)
        torch.testing.assert_close(folding.Product(linear, gelu)(x), expected)
