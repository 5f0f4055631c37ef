"""Precisions, and loss scaling of SAM's two passes."""

import copy

import pytest
import torch
import torch.nn.functional as F

from engine.precision import PRECISIONS, autocast, choose_precision, why_imitated
from engine.training.loss_scaling import LossScaler
from engine.training.sam import SAM
from models.cpu import operators

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", PRECISIONS)
def test_products_are_in_the_precision_and_weights_stay_float32(name):
    layer = torch.nn.Linear(3, 2)
    with autocast(CPU, PRECISIONS[name]):
        assert layer(torch.ones(4, 3)).dtype == PRECISIONS[name]
    assert layer.weight.dtype == torch.float32


@pytest.fixture
def processor(monkeypatch):
    """Give the processor these flags and ATen this level, and let oneDNN's operators work in every type."""

    def give(*flags: str, level: str = "AVX512", limit: str = "") -> None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(flags, True) | {"architecture": "x86_64"})
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
        monkeypatch.setattr(operators, "has_product", lambda dtype: True)
        monkeypatch.setattr(operators, "has_convolution", lambda dtype: True)
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)

    return give


@pytest.mark.parametrize(
    ("flags", "options", "expected", "reason"),
    [
        (["amx_bf16"], {}, "bf16", "has bfloat16 arithmetic"),
        (["avx512_bf16"], {"level": "AVX2"}, "bf16", "has bfloat16 arithmetic"),
        (["avx512_bf16"], {"limit": "AVX512_CORE_BF16"}, "bf16", "has bfloat16 arithmetic"),
        (["avx512_fp16"], {}, "fp32", "this processor has no bfloat16 arithmetic"),
        (["avx512_bf16"], {"limit": "avx2"}, "fp32", "oneDNN is held to avx2"),
        (["avx512_bf16"], {"limit": "AVX512_CORE"}, "fp32", "oneDNN is held to AVX512_CORE"),
        (["avx512_bf16"], {"level": "DEFAULT"}, "fp32", "not vectorised"),
    ],
)
def test_auto_is_bf16_where_the_kernels_in_force_have_it(processor, flags, options, expected, reason):
    processor(*flags, **options)
    said = []
    assert choose_precision("auto", CPU, said.append) == PRECISIONS[expected]
    assert len(said) == 1 and said[0].startswith(f"precision: {expected} (") and reason in said[0]


def test_auto_is_fp32_where_the_operators_fail_in_bf16(processor, monkeypatch):
    processor("avx512_bf16")
    monkeypatch.setattr(operators, "has_convolution", lambda dtype: False)
    said = []
    assert choose_precision("auto", CPU, said.append) == torch.float32 and "do not work" in said[0]


def test_imitated_arithmetic_is_announced(processor):
    processor("avx512_fp16")
    said = []
    assert choose_precision("fp16", CPU, said.append) == torch.float16 and not said
    assert choose_precision("bf16", CPU, said.append) == torch.bfloat16
    assert len(said) == 1 and said[0].startswith("warning: --precision bf16 is imitated and several times slower")
    assert not why_imitated(torch.float32, CPU)


class Small(torch.nn.Module):
    """A network whose gradients are too small for float16: they pass through a product in it."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))

    def forward(self, x):
        return 1e-8 * F.linear(x.half(), self.weight.half()).float()


def sam_step(model, optimizer, scaler, x, poison=1.0):
    """One SAM step as the training loop's; poison: factor on the second pass's loss. Returns whether the scale was lowered."""
    for step, factor in ((optimizer.first_step, 1.0), (None, poison)):
        scaler.scale(factor * model(x).square().sum().sqrt()).backward()
        scaler.unscale(optimizer)
        if step:
            step(zero_grad=True)
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
    if not norm.isfinite():
        optimizer.zero_grad()
    optimizer.second_step(zero_grad=True)
    return scaler.update(norm)


def test_scaling_saves_small_gradients_in_both_passes():
    torch.manual_seed(0)
    scaled, plain, x = Small(), Small(), torch.randn(5, 4)
    exact = copy.deepcopy(plain)
    exact.forward = lambda x: 1e-8 * F.linear(x, exact.weight)
    for model, precision in ((scaled, torch.float16), (plain, torch.float32), (exact, torch.float32)):
        optimizer = SAM(model.parameters(), torch.optim.SGD, rho=0.05, lr=1e7)
        assert not sam_step(model, optimizer, LossScaler(precision), x)
    start = Small().weight
    moved = [(model.weight - start).detach() for model in (scaled, plain, exact)]
    torch.testing.assert_close(moved[0], moved[2], rtol=2e-2, atol=2e-3)  # float16 has 11 bits
    assert moved[1].abs().max() < 0.1 * moved[2].abs().max()  # unscaled they vanish


@pytest.mark.parametrize("poison", [1e30, float("nan")])
def test_an_overflow_in_the_second_pass_leaves_the_weights_and_halves_the_scale(poison):
    model, scaler = Small(), LossScaler(torch.float16)
    optimizer = SAM(model.parameters(), torch.optim.Adam, rho=0.05, lr=0.1)
    before = model.weight.detach().clone()
    assert sam_step(model, optimizer, scaler, torch.ones(5, 4), poison)
    assert torch.equal(model.weight, before) and not optimizer.state_dict()["state"]
    assert scaler.factor == 2.0**15
    assert not sam_step(model, optimizer, scaler, torch.ones(5, 4))
    assert not torch.equal(model.weight, before) and scaler.factor == 2.0**15


def test_the_scale_grows_after_finite_steps_and_stops_at_its_ends():
    scaler, fine, bad = LossScaler(torch.float16, scale=2.0, interval=3), torch.tensor(1.0), torch.tensor(float("inf"))
    assert [scaler.update(fine) or scaler.factor for _ in range(4)] == [2.0, 2.0, 4.0, 4.0]
    assert [scaler.update(bad), scaler.update(bad), scaler.factor] == [True, True, 1.0]
    assert not scaler.update(bad) and scaler.factor == 1.0  # now it is not the scale
    large = LossScaler(torch.float16, scale=2.0**24, interval=1)
    large.update(fine)
    assert large.factor == 2.0**24


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_other_precisions_are_not_scaled(precision):
    loss, scaler = torch.tensor(3.0), LossScaler(precision)
    assert scaler.scale(loss) is loss
    assert not scaler.update(torch.tensor(float("nan")))
    scaler.load_state_dict({"scale": 8.0, "steps": 1})
    assert scaler.state_dict() == {"scale": 1.0, "steps": 0}


def test_state_goes_through_a_checkpoint_and_a_wrong_one_is_refused():
    scaler, again = (LossScaler(torch.float16, interval=3) for _ in range(2))
    for norm in (float("inf"), 1.0, 1.0):
        scaler.update(torch.tensor(norm))
    again.load_state_dict(scaler.state_dict())
    assert again.state_dict() == {"scale": 2.0**15, "steps": 2}
    for wrong in ({}, {"scale": float("nan"), "steps": 0}, {"scale": 2.0, "steps": -1}, {"scale": 1, "steps": 0}):
        with pytest.raises(ValueError, match="loss scaler"):
            again.load_state_dict(wrong)
