"""What a process of a pair does in test_distributed: SAM steps on its part of each batch. Run by torch.multiprocessing."""

import os
from types import SimpleNamespace

import torch
from torch import nn

from data_preprocessing.loading.loaders import EpochBatchSampler
from engine.distributed import SINGLE, join_group, leave_group
from engine.training.epoch import Training, _step
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step

SIZE, BATCH, STEPS = 15, 7, 2  # the second batch is of 8: the lone image at the end has joined it


class Small(nn.Module):
    """Convolution, BatchNorms and a linear layer on (B, 1, 4, 4)."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.PReLU()
        self.last, self.norm1d = nn.Linear(12, 3), nn.BatchNorm1d(12)

    def forward(self, x, labels=None):
        """x: (B, 1, 4, 4) -> logits (B, 3)."""
        return self.last(self.norm1d(self.act(self.norm(self.conv(x))).flatten(1)))


def batch_of_images() -> tuple[torch.Tensor, torch.Tensor]:
    """15 images with labels of 3 classes, float64."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(SIZE, 1, 4, 4, generator=generator, dtype=torch.float64), torch.arange(SIZE) % 3


def train(sync_bn: bool = False, accumulate: int = 1, group=SINGLE) -> dict[str, torch.Tensor]:
    """The state after two SAM steps of this process, which has its part of each batch."""
    torch.manual_seed(0)
    model = Small().double().train()
    # not Adam: it divides by its gradients, and that of a bias before BatchNorm is rounding alone
    optimizer = create_optimizer(parameter_groups(model, 1.0), "sgd", 0.1, 0.9, 0.0, rho=0.05)
    runner = group.wrap(model, sync_bn)
    images, labels = batch_of_images()
    batches = EpochBatchSampler(SIZE, BATCH, shuffle=True, seed=1, share=(group.rank, group.size))
    for number, keys in enumerate(batches):
        indices = [index for _, index in keys]
        weight = group.size * len(indices) / len(batches.batch(number))
        train_step(runner, optimizer, images[indices], labels[indices], LOSSES["ce"], accumulate=accumulate, weight=weight)
    return model.state_dict()


CASES = {  # name -> network with BatchNorm, synchronised, images of the batch, --accumulate, precision
    "uneven parts, more parts than images": (False, False, 9, 100, torch.float32),
    "an image each": (False, False, 2, 1, torch.float32),
    "synchronised, uneven parts": (True, True, 9, 3, torch.float32),
    "synchronised, an image more on one": (True, True, 5, 6, torch.float32),
    "synchronised, bfloat16": (True, True, 8, 1, torch.bfloat16),
}


def step(case: str, group=SINGLE) -> dict[str, torch.Tensor]:
    """The state after one SAM step on a batch of CASES, through the training loop's own step."""
    norm, sync_bn, size, accumulate, precision = CASES[case]
    torch.manual_seed(0)
    model = Small() if norm else nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    if not norm:
        model.forward = lambda x, labels, forward=model.forward: forward(x)
    model = (model.double() if precision == torch.float32 else model).train()
    optimizer = create_optimizer(parameter_groups(model, 1.0), "sgd", 0.1, 0.9, 0.0, rho=0.05)
    training = Training(
        model, optimizer, LOSSES["ce"], torch.device("cpu"), precision, group.wrap(model, sync_bn), accumulate, group=group
    )
    batches = EpochBatchSampler(size, size, shuffle=True, seed=1, share=(group.rank, group.size))
    (keys,) = batches
    indices = [index for _, index in keys]
    images, labels = batch_of_images()
    loader = SimpleNamespace(batch_sampler=batches)
    taken, counted = _step(training, loader, images.to(next(model.parameters()).dtype)[indices], labels[indices], 1, 0)
    return {**model.state_dict(), "loss": taken.loss, "hits": taken.hits, "size": torch.tensor(counted)}


def run(rank: int, port: int, path: str) -> None:
    """Process `rank` of two; writes to path/<rank>.pth the states it ends with, with synchronised BatchNorm (True) and without,
    and after each of CASES."""
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    group = join_group()
    states = {sync_bn: train(sync_bn, group=group) for sync_bn in (True, False)}
    torch.save(states | {case: step(case, group) for case in CASES}, f"{path}/{rank}.pth")
    leave_group(group)
