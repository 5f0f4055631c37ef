"""4. The AI Hub study's "no augmentation" script still jitters colours and erases in training, so that its ablation
does not ablate.
"""

import shutil

import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook
from torchvision.transforms import v2

from tests.reproduction.cli_runs import train
from tests.toy_networks import registered


def test_the_published_pipeline_changes_the_images_from_epoch_to_epoch(make_image):
    published = v2.Compose(
        [v2.Resize((224, 224)), v2.ColorJitter(0.2, 0.2, 0.2, 0.1), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
         v2.RandomErasing(0.5, (0.02, 0.1))]
    )  # fmt: skip
    image = make_image()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        epochs = [published(image) for _ in range(2)]
    assert not torch.equal(*epochs)


@pytest.fixture
def inputs():
    """The images that networks get, as bytes: {whether they train: [...]}."""
    seen = {True: [], False: []}

    def keep(module: torch.nn.Module, arguments: tuple) -> None:
        if type(module).__name__ == "Toy":
            seen[module.training] += [image.contiguous().numpy().tobytes() for image in arguments[0].detach()]

    hook = register_module_forward_pre_hook(keep)
    yield seen
    hook.remove()


def test_ours_trains_on_the_very_images_that_it_evaluates(work, inputs, tmp_path):
    for split in ("train", "valid"):  # the same images, so that both transforms can be compared
        shutil.copytree(work / "data/train", work / "same" / split)
    with registered(tmp_path):  # its recipe flips
        train("plain", "--model", "toy", "--seed", 3, data="same", epochs=3, augmentation=False)
    assert set(inputs[True]) == set(inputs[False]) and len(set(inputs[True])) == 3
