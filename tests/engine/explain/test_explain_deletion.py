"""Deletion curves: the order of blanking, their areas, and a network that looks at one known place."""

import numpy as np
import pytest
import torch

from engine.explain.deletion import (
    STEPS,
    area,
    blanked,
    deletion_curves,
    difference,
    forwards,
    orders_of,
    random_maps,
    ranks,
)

silent = lambda items, total, text: items  # noqa: E731


def test_pixels_go_in_the_order_of_the_map_and_equal_ones_in_that_of_the_ties():
    maps, ties = torch.tensor([[[0.0, 3.0], [3.0, 7.0]]]), torch.tensor([[[0.0, 2.0], [1.0, 3.0]]])
    assert ranks(maps, ties, largest_first=True).tolist() == [[3, 2, 1, 0]]
    assert ranks(maps, ties, largest_first=False).tolist() == [[0, 2, 1, 3]]
    assert ranks(ties, ties, largest_first=False).tolist() == [[0, 2, 1, 3]]


def test_orders_take_another_image_s_map_as_a_control():
    maps, ties = torch.rand(5, 4, 4), random_maps(5, 4, 0)
    found = orders_of(maps, ties)
    assert torch.equal(found["most"], 15 - found["least"])  # no two are equal
    for k in range(5):
        assert torch.equal(found["another"][k], found["most"][(k + 3) % 5])


def test_blanked_share():
    images = torch.rand(2, 3, 4, 5) + 1
    places = torch.stack([torch.randperm(20), torch.randperm(20)])
    for tenths in (0, 3, 10):
        out = blanked(images, places, tenths)
        gone = out == 0
        assert gone.sum() == 2 * 3 * 2 * tenths and torch.equal(out[~gone], images[~gone])
        assert torch.equal(gone[:, 0].flatten(1), places < 2 * tenths) and torch.equal(gone[:, 0], gone[:, 2])


def test_area_and_difference():
    assert area(np.linspace(1, 0, STEPS + 1)) == pytest.approx(0.5)
    less = np.stack([np.zeros(STEPS + 1), np.zeros(STEPS + 1), np.ones(STEPS + 1)])
    more = np.stack([np.ones(STEPS + 1), np.zeros(STEPS + 1), np.ones(STEPS + 1)])
    middle, low, high = difference(less, more)
    assert middle == pytest.approx(1 / 3) and high - middle == pytest.approx(1.96 / 3, abs=1e-3) == middle - low
    assert difference(less[:1], more[:1]) == (1.0, 1.0, 1.0)


def test_random_maps_are_the_seed_s():
    assert torch.equal(random_maps(3, 48, 1), random_maps(3, 48, 1))
    assert not torch.equal(random_maps(3, 48, 1), random_maps(3, 48, 2))
    state = torch.get_rng_state()
    random_maps(3, 48, 1)
    assert torch.equal(state, torch.get_rng_state())


def test_a_map_of_the_known_place_separates_the_orders():
    """A network that answers by the sum of a 12 × 12 patch alone, and a map that knows it."""
    torch.manual_seed(0)
    images, labels = torch.randn(40, 1, 48, 48), torch.arange(40) % 2
    images[:, :, 20:32, 8:20] += 0.5 * (2 * labels - 1).view(-1, 1, 1, 1)
    sent = []

    def run(some):
        sent.append(len(some))
        score = some[:, 0, 20:32, 8:20].mean(dim=(1, 2))
        return torch.stack((torch.full_like(score, -0.01), 20 * score), dim=1)

    maps = torch.zeros(40, 48, 48)
    maps[:, 20:32, 8:20] = 1
    ties = random_maps(40, 48, 0)
    orders = orders_of(maps, ties) | {"random": ranks(ties, ties, True)}
    del orders["another"]  # every image's map is the same here
    curves = deletion_curves(run, images, labels, orders, 16, silent)
    assert sum(sent) == forwards(40, 3) == 40 * 28 + 1 and max(sent) == 16
    areas = {name: (area(c.accuracy), area(c.probability)) for name, c in curves.items()}
    for k in range(2):
        assert areas["most"][k] + 0.05 < areas["random"][k] < areas["least"][k] - 0.05
    assert all(c.accuracy[0] == 1 and c.accuracy[-1] == 0.5 and c.hits.shape == (40, STEPS + 1) for c in curves.values())
    assert curves["least"].accuracy[-2] == 1  # a tenth of the image is more than the patch
    assert difference(curves["most"].hits, curves["least"].hits)[1] > 0.3
