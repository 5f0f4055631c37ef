"""25. POSTER V1 and its AdaFace form add up `train_loss += loss`, which keeps every batch's graph alive through an epoch:
memory grows with the epoch's length. (The backward pass frees the activations that a graph holds, not its nodes.)
"""

import gc
import weakref

import torch
from torch import nn

from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step

STEPS = 5


class Token:
    """Something that lives as long as the graph that holds it."""


class Mark(torch.autograd.Function):
    """The identity, whose node in the graph holds a token."""

    @staticmethod
    def forward(ctx, x, token):
        ctx.token = token
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class Watched(nn.Module):
    """A small network that can count which of its passes' graphs are alive."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 3)
        self.graphs = []

    def forward(self, x, labels=None):
        token = Token()
        self.graphs.append(weakref.ref(token))
        return Mark.apply(self.layer(x), token)

    def alive(self) -> int:
        gc.collect()
        return sum(graph() is not None for graph in self.graphs)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(6, 8), torch.arange(6) % 3


def test_summing_losses_keeps_every_graph():
    network, total = Watched(), 0.0
    for _ in range(STEPS):
        images, labels = batch()
        loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        total += loss
        del loss
    assert network.alive() == STEPS and total.grad_fn is not None


def test_our_steps_keep_none():
    for rho in (0.0, 0.05):
        network = Watched()
        optimizer = create_optimizer(parameter_groups(network, 1.0), "adam", 1e-3, 0.0, 0.0, rho)
        losses = []
        for _ in range(STEPS):
            loss, *_ = train_step(network, optimizer, *batch(), LOSSES["2ls+ce"])
            losses.append(loss)
        assert network.alive() == 0
        assert not any(loss.requires_grad for loss in losses)
