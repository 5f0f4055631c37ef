"""Values of steps kept in blocks, and a heap that does not grow with them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.training.scalars import Scalars


def test_values_come_back_in_order_over_blocks_types_and_what_was_restored():
    kept = Scalars(torch.tensor([-2.0, -1.0]))
    for number in range(2500):
        kept.append(torch.tensor(float(number)))
    kept.append(torch.tensor(2500.0, dtype=torch.float64))
    assert kept.tensor().tolist() == [float(number) for number in range(-2, 2501)]
    assert Scalars().tensor().shape == (0,)


def test_counts_stay_whole_numbers():
    kept = Scalars()
    kept.append(torch.tensor(2**24 + 1))
    assert kept.tensor().dtype == torch.int64 and kept.tensor().tolist() == [2**24 + 1]


def test_what_is_kept_is_a_copy_without_a_graph():
    kept, value = Scalars(), torch.ones((), requires_grad=True)
    kept.append(value * 2)
    with torch.no_grad():
        value.zero_()
    assert kept.tensor().tolist() == [2.0] and not kept.tensor().requires_grad


GROWTH = """
import torch
from engine.training.epoch import Progress
from engine.training.losses import LOSSES
from engine.training.step import train_step
from models import create_model
size = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096
progress, network = Progress(), create_model("deep_emotion", 7).to(memory_format=torch.channels_last)
adam = torch.optim.Adam(network.parameters())
for number in range(40):
    images, labels = torch.randn(128, 1, 48, 48).to(memory_format=torch.channels_last), torch.arange(128) % 7
    progress.add(train_step(network, adam, images, labels, LOSSES["ce"]), 128, skipped=False)
    if number == 9:
        before = size()
print(size() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_the_heap_does_not_grow_with_the_steps_of_an_epoch():
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", GROWTH], cwd=root, capture_output=True, text=True, check=True)
    assert int(run.stdout) < 60e6
