"""3. The AI Hub study's transforms for validation and test erase a random part of the image (and flip it under
augmentation), so that two evaluations of one checkpoint differ and both are pessimistic.
"""

import torch
from torch import Tensor
from torchvision.transforms import v2

from tests.reproduction.cli_runs import predictions, run

IMAGES = 400


def marked_images() -> tuple[Tensor, Tensor]:
    """(N, 1, 32, 32) black images, half of them with a white spot somewhere, and whether they have one."""
    images, labels = torch.zeros(IMAGES, 1, 32, 32), torch.arange(IMAGES) % 2
    places = torch.randint(0, 30, (IMAGES, 2), generator=torch.Generator().manual_seed(0))
    for image, label, (y, x) in zip(images, labels, places.tolist()):
        image[0, y : y + 2, x : x + 2] = label
    return images, labels


def evaluate(transform) -> Tensor:
    """Predictions of a classifier that finds every spot."""
    images, _ = marked_images()
    return torch.stack([transform(image) for image in images]).amax(dim=(1, 2, 3)).gt(0.5).long()


def test_erasing_makes_evaluation_random_and_pessimistic():
    labels = marked_images()[1]
    published = v2.Compose([v2.RandomHorizontalFlip(), v2.RandomErasing(0.5, (0.02, 0.1))])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, second = evaluate(published), evaluate(published)
    assert not torch.equal(first, second)
    assert (first == labels).float().mean() < 1 and (second == labels).float().mean() < 1
    assert torch.equal(evaluate(v2.Identity()), labels)


def test_our_evaluation_gives_the_same_bytes_whatever_the_seed(work, v2, short_poster):
    for seed in (1, 2):  # a random transform would draw from it
        arguments = ("--evaluate", f"checkpoint/{v2}/best.pth", "--data_type", "VR", "--seed", seed)
        assert run(*arguments, "--run", f"evaluated-{seed}") == 0
    assert predictions("evaluated-1") == predictions("evaluated-2")
