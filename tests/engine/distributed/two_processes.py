"""What a process of a pair does in test_distributed: SAM steps on its part of each batch. Run by torch.multiprocessing."""

import os

import torch
from torch import nn

from data_preprocessing.loading.loaders import EpochBatchSampler
from engine.distributed import SINGLE, join_group, leave_group
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step

SIZE, BATCH, STEPS = 15, 7, 2  # the second batch is of 8: the lone picture at the end has joined it


class Small(nn.Module):
    """Convolution, BatchNorms and a linear layer on (B, 1, 4, 4)."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.PReLU()
        self.last, self.norm1d = nn.Linear(12, 3), nn.BatchNorm1d(12)

    def forward(self, x, labels=None):
        """x: (B, 1, 4, 4) -> logits (B, 3)."""
        return self.last(self.norm1d(self.act(self.norm(self.conv(x))).flatten(1)))


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    """15 pictures with labels of 3 classes, float64."""
    generator = torch.Generator().manual_seed(3)
    return torch.randn(SIZE, 1, 4, 4, generator=generator, dtype=torch.float64), torch.arange(SIZE) % 3


def train(sync_bn: bool = False, accumulate: int = 1, group=SINGLE) -> dict[str, torch.Tensor]:
    """The state after two SAM steps of this process, which has its part of each batch."""
    torch.manual_seed(0)
    model = Small().double().train()
    # not Adam: it divides by its gradients, and that of a bias before BatchNorm is rounding alone
    optimizer = create_optimizer(parameter_groups(model, 1.0), "sgd", 0.1, 0.9, 0.0, rho=0.05)
    runner = group.wrap(model, sync_bn)
    images, labels = pictures()
    batches = EpochBatchSampler(SIZE, BATCH, shuffle=True, seed=1, share=(group.rank, group.size))
    for number, keys in enumerate(batches):
        indices = [index for _, index in keys]
        weight = group.size * len(indices) / len(batches.batch(number))
        train_step(runner, optimizer, images[indices], labels[indices], LOSSES["ce"], accumulate=accumulate, weight=weight)
    return model.state_dict()


def run(rank: int, port: int, path: str) -> None:
    """Process `rank` of two; writes the states it ends with, with synchronised BatchNorm and without, to path/<rank>.pth."""
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    group = join_group("cpu")
    torch.save({sync_bn: train(sync_bn, group=group) for sync_bn in (True, False)}, f"{path}/{rank}.pth")
    leave_group(group)
