"""9. POSTER V2 and V1: the "frozen" landmark backbone's BatchNorm statistics move in training, so that its features
change and putting the pretrained file back does not restore the model.
"""

import copy

import pytest
import torch
from torch import nn

from models import create_model
from models.files.weights import load_exact
from tests.reproduction.cli_runs import V2, train, weights
from tests.short_poster import short_poster

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def is_statistic(key: str) -> bool:
    return key.endswith(STATISTICS)


def landmarks(state: dict) -> dict:
    return {key: value for key, value in state.items() if key.startswith("face_landback.")}


def test_a_frozen_backbone_in_train_mode_becomes_another_one():
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).requires_grad_(False)
    pretrained = copy.deepcopy(backbone.state_dict())
    image = torch.randn(1, 3, 8, 8)
    backbone.train()
    for _ in range(20):  # the published training loop: no gradient reaches it, and it changes
        backbone(3 + 2 * torch.randn(8, 3, 8, 8))
    trained = backbone.eval()(image)
    assert all(torch.equal(backbone.state_dict()[k], v) for k, v in pretrained.items() if not is_statistic(k))
    backbone.load_state_dict(pretrained)
    assert (backbone(image) - trained).abs().max() > 0.1 * trained.abs().max()


@pytest.fixture(scope="module")
def still(runs_folder) -> str:
    """The name of a finished run as `v2`, under --freeze-landmark-bn."""
    with short_poster(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(runs_folder)
        train("still", *V2, "--freeze-landmark-bn")
    return "still"


def test_our_checkpoint_holds_the_moved_statistics_that_its_features_need(work, v2, still, short_poster):
    first, second = landmarks(weights(still)), landmarks(weights(v2))
    for key, value in first.items():
        assert torch.equal(second[key], value) != is_statistic(key), key  # parameters still, statistics moving
    model = create_model("poster_v2", 3).eval()
    load_exact(model, weights(v2))
    image = torch.randn(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        trained = model.face_landback(image)
        for module in model.face_landback.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()  # as they were before training
        restored = model.face_landback(image)
    assert all((a - b).abs().max() > 0.01 * a.abs().max() for a, b in zip(trained, restored))


def test_the_flag_keeps_the_statistics_still(work, still):
    start = {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}
    state = weights(still)
    for key, value in landmarks(state).items():
        if is_statistic(key):
            assert (value == start[key.rpartition(".")[2]]).all(), key
    assert state["ir_back.input_layer.1.num_batches_tracked"] == 1  # the image backbone's move as ever
