"""The frozen landmark branch computed once for both passes of a SAM step."""

import copy

import pytest
import torch
import torch.nn.functional as F

from engine.training.sam import SAM
from models import create_model
from tests.golden_values import exact_arithmetic


def statistics(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value for key, value in model.state_dict().items() if "running" in key or "num_batches" in key}


@pytest.mark.parametrize("freeze", [False, True])
def test_statistics_move_as_in_two_passes_and_features_are_the_same(freeze):
    with exact_arithmetic():
        torch.manual_seed(0)
        model = create_model("poster_v2", 3, freeze_landmark_bn=freeze).train()
        twice = copy.deepcopy(model)
        x = torch.randn(3, 3, 112, 112)
        once = model.landmark_features(x, passes=2)
        expected = [twice.landmark_features(x) for _ in range(2)][1]
        for ours, theirs in zip(once, expected):
            assert torch.equal(ours, theirs) and not ours.requires_grad
        for key, value in statistics(twice).items():
            torch.testing.assert_close(statistics(model)[key], value, rtol=1e-12, atol=1e-14, msg=key)
        assert model.face_landback.conv1.bn.num_batches_tracked == (0 if freeze else 2)
        assert model.face_landback.conv1.bn.momentum == 0.1
        before = copy.deepcopy(statistics(model))
        model.eval().landmark_features(x, passes=2)
        assert all(torch.equal(before[key], value) for key, value in statistics(model).items())


def sam_step(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, share: bool) -> list[float]:
    optimizer = SAM([p for p in model.parameters() if p.requires_grad], torch.optim.SGD, rho=0.05, lr=0.1)
    landmarks = model.landmark_features(images, passes=2) if share else None
    losses = []
    for step in (optimizer.first_step, optimizer.second_step):
        loss = F.cross_entropy(model(images, labels, landmarks=landmarks), labels)
        loss.backward()
        step(zero_grad=True)
        losses.append(loss.item())
    return losses


def test_a_sam_step_of_poster_v1_is_that_of_two_full_passes(short_poster):
    with exact_arithmetic(torch.float32):
        torch.manual_seed(0)
        model = create_model("poster_v1_small", 3).train()
        other = copy.deepcopy(model)
        images, labels = torch.randn(2, 3, 112, 112), torch.tensor([0, 2])
        torch.manual_seed(1)  # of the drop paths: the landmark branch draws nothing
        losses = sam_step(model, images, labels, share=True)
        torch.manual_seed(1)
        assert losses == pytest.approx(sam_step(other, images, labels, share=False), rel=1e-6)
        for key, value in other.state_dict().items():
            torch.testing.assert_close(model.state_dict()[key], value, rtol=1e-5, atol=1e-6, msg=key)


def test_networks_without_the_branch_do_not_offer_it():
    assert getattr(create_model("deep_emotion", 3), "landmark_features", None) is None
