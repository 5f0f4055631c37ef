"""Every network on a GPU that is not there: nothing of it stays on the host, and nothing looks at a value in a step."""

from contextlib import nullcontext

import pytest
import torch

from engine.evaluation.fast import fastest
from engine.explain.columns import columns
from engine.explain.maps import face_maps
from engine.precision import PRECISIONS, autocast
from engine.training.epoch import Progress, Training, train_one_epoch
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step
from models import HEADS, MODELS, create_model
from tests.emulated_cuda import CUDA, emulated, gpu, moved

META = torch.device("meta")
QUICK = ("deep_emotion", "deep_emotion_paper")  # the others take 5 s and more each
CASES = [
    pytest.param(name, head, marks=[pytest.mark.full] * (name not in QUICK))
    for name, line in MODELS.items()
    for head in (HEADS if line.has_heads else [None])
]


def network(name: str, head: str | None) -> torch.nn.Module:
    return create_model(name, 5, **({"head": head} if head else {}))


def batch(name: str, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(3, *MODELS[name].image.shape, device=device), torch.zeros(3, dtype=torch.long, device=device)


@emulated
@pytest.mark.parametrize(("name", "head"), CASES)
def test_forward_loss_evaluation_folding_and_prediction_stay_on_the_gpu(name, head):
    model = network(name, head)
    with gpu() as waits:
        moved(model)
        images, labels = batch(name, CUDA)
        for precision in PRECISIONS.values():
            waits.count = 0
            model.train()
            with autocast(CUDA, precision):
                logits = model(images, labels)
                product = images.flatten(1) @ images.flatten(1).T
            assert product.dtype == precision
            for objective in LOSSES.values():
                assert objective(logits.float(), labels).device == CUDA
            assert waits.count == 0
            run, reason = fastest(model, images, None, precision)  # takes the folded form, and compares it with the plain one
            assert not reason
            waits.count = 0
            assert run(images, None).device == CUDA
            assert waits.count <= (precision != torch.float32)  # in 16 bits: whether a decision is close


@emulated
@pytest.mark.full
@pytest.mark.parametrize("name", ["poster_v2", "poster_v1_small"])
def test_attention_maps_stay_on_the_gpu(name, monkeypatch):
    monkeypatch.setattr("engine.explain.columns.in_chunks", lambda method, model, images: images[:, 0])  # Grad-CAM: below
    model = network(name, None)
    with gpu():
        images, _ = batch(name, CUDA)
        assert all(column.maps.device == CUDA for column in columns(moved(model), images))


@pytest.fixture
def meta(monkeypatch):
    """Autocast refuses the device meta even to do nothing."""
    real, asked = torch.autocast, torch.is_autocast_enabled
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda kind: kind != "meta" and asked(kind))
    monkeypatch.setattr(torch, "autocast", lambda kind, **more: nullcontext() if kind == "meta" else real(kind, **more))


@pytest.mark.parametrize(("name", "head"), CASES)
def test_a_sam_step_looks_at_no_value(name, head, meta):
    model = moved(network(name, head), META).train()
    optimizer = create_optimizer(parameter_groups(model, 0.1), "adam", 1e-3, 0.0, 0.0, rho=0.05)
    step = train_step(model, optimizer, *batch(name, META), LOSSES["2ls+ce"], accumulate=2)  # a look raises on meta
    assert {value.device for value in (step.loss, step.hits, step.norm)} == {META}


@pytest.mark.parametrize("name", QUICK)
def test_grad_cam_looks_at_no_value(name, meta):
    images, _ = batch(name, META)
    if name == "deep_emotion_paper":  # the other's inverse warp has no form on meta
        assert face_maps(moved(network(name, None), META), images).device == META


def test_between_two_reports_nothing_waits_for_the_gpu(meta):
    model = moved(network("deep_emotion", None), META)
    optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 1e-3, 0.0, 0.0, rho=0.05)
    progress, said = Progress(), []
    training = Training(model, optimizer, LOSSES["ce"], META, print_freq=4, say=said.append)

    class Loader(list):
        batch_sampler = None

    images, labels = batch("deep_emotion", torch.device("cpu"))
    with pytest.raises(RuntimeError, match="meta"):  # the report at step 4 is the first to look
        train_one_epoch(training, Loader([(images, labels, None)] * 4), 1, progress)
    assert progress.step == 4 and not said
