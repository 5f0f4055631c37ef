"""Compilers see each network as one graph, for any batch size."""

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from models import MODELS, create_model


@pytest.mark.parametrize(
    ("name", "options", "train"),
    [
        ("poster_v2", {}, False),
        ("poster_v1_small", {"head": "adaface"}, True),
        ("deep_emotion", {}, True),
        ("deep_emotion_paper", {}, False),
    ],
)
def test_one_graph_serves_an_odd_last_batch(name, options, train):
    torch._dynamo.reset()
    model, counter = create_model(name, 5, **options).train(train), CompileCounter()
    compiled = torch.compile(model, backend=counter, fullgraph=True)  # fullgraph: a break is an error
    for batch in (4, 3):
        shape = (3, 112, 112) if MODELS[name].picture == "rgb224" else (1, 48, 48)
        images, labels = torch.randn(batch, *shape), torch.arange(batch)
        for tensor in (images, labels):
            torch._dynamo.mark_dynamic(tensor, 0)
        logits = compiled(images, labels if train else None)
        assert logits.shape == (batch, 5)
        if train:
            logits.sum().backward()
    assert counter.frame_count == 1
