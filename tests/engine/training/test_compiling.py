"""Compilers see each network as one graph, for any batch size."""

import pytest
import torch
import torch.nn.functional as F
from torch._dynamo.testing import CompileCounter

from engine.training.compiled import Compiled
from models import MODELS, create_model
from models.deep_emotion import affine_grid


@pytest.mark.parametrize(
    ("name", "options", "train"),
    [
        pytest.param("poster_v2", {}, False, marks=pytest.mark.full),
        pytest.param("poster_v1_small", {"head": "adaface"}, True, marks=pytest.mark.full),
        ("deep_emotion", {}, True),
        ("deep_emotion_paper", {}, False),
    ],
)
def test_one_graph_serves_an_odd_last_batch(name, options, train):
    torch._dynamo.reset()
    model, counter = create_model(name, 5, **options).train(train), CompileCounter()
    compiled = Compiled(model, backend=counter, fullgraph=True)  # fullgraph: a break is an error
    for batch in (4, 3):
        shape = (3, 112, 112) if MODELS[name].image.mode == "RGB" else (1, 48, 48)
        images, labels = torch.randn(batch, *shape), torch.arange(batch) if train else None
        shared = {"landmarks": model.landmark_features(images)} if name == "poster_v2" else {}
        logits = compiled(images, labels, **shared)
        assert logits.shape == (batch, 5)
        if train:
            logits.sum().backward()
    assert counter.frame_count == 1


def test_the_grid_that_compilers_get_is_pytorchs():
    theta = torch.randn(3, 2, 3, dtype=torch.float64)
    assert torch.allclose(affine_grid(theta, 5, 7), F.affine_grid(theta, (3, 1, 5, 7), align_corners=False), atol=1e-14)
