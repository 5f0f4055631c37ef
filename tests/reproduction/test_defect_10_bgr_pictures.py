"""10. POSTER V1 reads RAF-DB with OpenCV, in BGR, and never converts: its checkpoints need BGR images, while those of its
AffectNet code need RGB.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from models import create_model
from tests.published import write_published_v1
from tests.reproduction.cli_runs import arguments, run, table


def coloured(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(count, 3, 4, 4) RGB images, reddish for label 1 and bluish for label 0."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = 0.2 * torch.rand(count, 3, 4, 4, generator=generator)
    images[labels == 1, 0] += 0.7
    images[labels == 0, 2] += 0.7
    return images, labels


def test_a_network_trained_on_bgr_is_wrong_on_rgb():
    images, labels = coloured(64)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(50):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images.flip(1)), labels).backward()  # as read and never converted
        optimizer.step()
    with torch.no_grad():
        assert (network(images.flip(1)).argmax(1) == labels).all()
        assert not (network(images).argmax(1) == labels).any()


def probabilities(name: str) -> list[tuple[float, ...]]:
    return [tuple(float(v) for k, v in row.items() if k.startswith("p_")) for row in table(f"log/{name}/predictions.csv")]


def test_our_evaluation_gives_each_published_file_the_order_of_its_code(work):
    for path in Path("data/test").rglob("*.png"):
        target = Path("swapped", *path.parts[1:])
        target.parent.mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(np.asarray(Image.open(path))[:, :, ::-1])).save(target)
    write_published_v1("v1.pth", create_model("poster_v1_small", 3).state_dict(), "poster_v1_small")
    assert run("--evaluate", "v1.pth", "--data", "data", "--run", "as-published") == 0
    assert run("--evaluate", "v1.pth", "--data", "swapped", "--channel-order", "rgb", "--run", "by-hand") == 0
    assert run("--evaluate", "v1.pth", "--data", "data", "--channel-order", "rgb", "--run", "rgb") == 0
    assert probabilities("as-published") == probabilities("by-hand") != probabilities("rgb")
    affectnet = create_model("poster_v1_small", 3, variant="affectnet").state_dict()
    write_published_v1("v1a.pth", affectnet, "poster_v1_small_affectnet")
    assert run("--evaluate", "v1a.pth", "--data", "data", "--run", "affectnet") == 0
    assert arguments("as-published")["arguments"]["channel_order"] == "bgr"
    assert arguments("affectnet")["arguments"]["channel_order"] == "rgb"
