"""Two processes on Gloo take the steps that one process takes; a batch in parts is the batch."""

import socket

import pytest
import torch
import torch.multiprocessing as mp
from torch import nn

from data_preprocessing.loading.loaders import EpochBatchSampler
from engine.training.losses import LOSSES
from engine.training.optimizers import create_optimizer, parameter_groups
from engine.training.step import train_step
from tests.engine.distributed import two_processes


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> list[dict]:
    """What each of two processes ended with, with synchronised BatchNorm (True) and without, and after each case."""
    folder = tmp_path_factory.mktemp("pair")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(two_processes.run, (port, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pth", weights_only=True) for rank in (0, 1)]


def furthest(first: dict, second: dict, statistics: bool = True) -> float:
    keys = [k for k in first if statistics or "running" not in k]
    return max(float((first[k].double() - second[k].double()).abs().max()) for k in keys)


def test_two_processes_with_synchronised_batchnorm_equal_one_to_rounding(pair):
    alone, states = two_processes.train(), [state[True] for state in pair]
    assert furthest(alone, states[0]) < 1e-12  # weights and running statistics, on batches of 7 and 8 of unequal parts
    assert furthest(states[0], states[1]) == 0


def test_without_it_every_process_normalises_by_its_own_images_and_weights_stay_the_same(pair):
    alone, states = two_processes.train(), [state[False] for state in pair]
    assert furthest(states[0], states[1], statistics=False) == 0
    assert furthest(alone, states[0]) > 1e-4


@pytest.mark.parametrize("rho", [0.0, 0.05])
@pytest.mark.parametrize("parts", [2, 3, 100])
def test_a_batch_computed_in_parts_takes_the_same_step_but_for_batchnorm(rho, parts):
    def step(accumulate: int) -> dict:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        model.forward = lambda x, labels, forward=model.forward: forward(x)
        optimizer = create_optimizer(parameter_groups(model, 1.0), "adam", 0.01, 0.0, 0.0, rho=rho)
        images, labels = two_processes.batch_of_images()
        result = train_step(model, optimizer, images, labels, LOSSES["2ls+ce"], accumulate=accumulate)
        return {**model.state_dict(), "loss": result.loss, "hits": result.hits, "norm": result.norm}

    assert furthest(step(1), step(parts)) < 1e-12


@pytest.mark.parametrize(("size", "batch", "processes"), [(15, 7, 2), (33, 8, 4), (9, 8, 3), (3, 2, 2), (40, 4, 1)])
def test_the_parts_of_a_batch_are_the_batch(size, batch, processes):
    samplers = [EpochBatchSampler(size, batch, shuffle=True, seed=2, share=(rank, processes)) for rank in range(processes)]
    alone = EpochBatchSampler(size, batch, shuffle=True, seed=2)
    assert [k for sampler in zip(*samplers) for part in sampler for k in part] == [k for keys in alone for k in keys]
    assert len({len(sampler) for sampler in samplers}) == 1
    if batch >= 2 * processes:
        assert all(len(part) > 1 for sampler in samplers for part in sampler)


@pytest.mark.parametrize(("size", "processes"), [(10, 2), (11, 3), (2, 4), (1, 2)])
def test_evaluation_counts_every_image_once_whatever_the_processes(size, processes):
    parts = [list(EpochBatchSampler(size, 3, share=(rank, processes))) for rank in range(processes)]
    assert [index for part in parts for keys in part for _, index in keys] == list(range(size))


@pytest.mark.parametrize("case", two_processes.CASES)
def test_odd_batches_end_right(pair, case):
    first, second = (states[case] for states in pair)
    norm, _, size, accumulate, precision = two_processes.CASES[case]
    assert furthest(first, second) == 0 and first["size"] == size
    assert all(value.isfinite().all() for value in first.values())
    if norm and accumulate > 1:  # BatchNorm sees other parts than one process's
        return
    alone = two_processes.step(case)
    assert furthest(first, alone) < (1e-6 if precision == torch.float32 else 2e-2)
