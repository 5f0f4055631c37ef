"""The table of product shapes, on a network of two kinds of products."""

import torch
from torch import nn

from benchmarks import shapes


class Network(nn.Sequential):
    """Two equal convolutions and a linear layer; the last is frozen and not counted."""

    def __init__(self):
        maps = [nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)]
        super().__init__(*maps, nn.Flatten(), nn.Linear(100, 6), nn.Linear(6, 2).requires_grad_(False))


def test_equal_shapes_are_counted_once_and_frozen_layers_not_at_all():
    found = shapes.product_shapes(Network(), torch.randn(2, 4, 5, 5))
    assert {key: number for key, (_, number) in found.items()} == {
        ((2, 4, 5, 5), (4, 4, 3, 3), 1): 2,
        ((2, 100), (6, 100), 1): 1,
    }


def test_every_shape_is_a_row_and_shares_sum_to_the_whole(capsys):
    shapes.print_shapes(Network(), torch.randn(2, 4, 5, 5), torch.device("cpu"), 1)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line[2:3].isdigit()]
    assert [row[0] for row in rows].count("2") == 1 and len(rows) == 2
    assert abs(sum(float(row[-1].rstrip(" %")) for row in rows) - 100) < 0.2
