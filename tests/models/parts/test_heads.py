"""Margin heads against the reference's numbers, and what they do at the edges."""

import pytest
import torch
import torch.nn.functional as F

from models import HEADS, create_model
from models.parts.heads import AdaFace, ArcFace, CosFace, LinearHead, create_head
from tests.golden_values import difference, exact_arithmetic, load, recipe

TOLERANCE = 1e-9
MARGIN_HEADS = {"adaface": AdaFace, "arcface": ArcFace, "cosface": CosFace}


@pytest.fixture(scope="module")
def golden():
    return {name: torch.from_numpy(value) for name, value in load("heads").items() if value.dtype.kind in "fi"}


def filled(name: str, margin: float = 0.4, **options):
    with exact_arithmetic():
        return recipe.fill_(MARGIN_HEADS[name](512, 7, margin, **options))


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_logits_loss_and_gradients_equal_the_reference(name, golden):
    head = filled(name)
    unit = (golden["raw"] / golden["norms"]).requires_grad_()
    logits = head.score(unit, golden["norms"], golden["labels"])
    loss = F.cross_entropy(logits, golden["labels"])
    loss.backward()
    assert difference(logits.detach(), golden[name]) < TOLERANCE
    assert loss.item() == pytest.approx(golden[f"{name}_loss"].item(), rel=TOLERANCE)
    assert head.kernel.grad.norm().item() == pytest.approx(golden[f"{name}_kernel_grad_norm"].item(), rel=TOLERANCE)
    assert unit.grad.norm().item() == pytest.approx(golden[f"{name}_embedding_grad_norm"].item(), rel=TOLERANCE)
    assert difference(head.plain_logits, golden["plain"]) < TOLERANCE


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_raw_embeddings_are_brought_to_length_one(name, golden):
    with torch.no_grad():
        assert difference(filled(name)(golden["raw"], golden["labels"]), golden[name]) < TOLERANCE
        assert difference(filled(name)(golden["raw"]), golden["plain"]) < TOLERANCE


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_clamps_equal_the_reference_at_every_edge(name, golden):
    with torch.no_grad():
        head = filled(name)
        assert difference(head(golden["edge_raw"], golden["labels"]), golden[f"edge_{name}"]) < TOLERANCE
        assert difference(head(golden["edge_raw"]), golden["edge_plain"]) < TOLERANCE


def test_arcface_at_its_published_margin_equals_the_reference(golden):
    with torch.no_grad():
        assert difference(filled("arcface", 0.5)(golden["raw"], golden["labels"]), golden["arcface_m05"]) < TOLERANCE


def test_adaface_statistics_follow_the_batches_as_the_references_do(golden):
    head = filled("adaface")
    head(golden["raw"], golden["labels"])
    assert difference(head.batch_mean, golden["adaface_batch_mean"]) < TOLERANCE
    assert difference(head.batch_std, golden["adaface_batch_std"]) < TOLERANCE
    slow = filled("adaface", t_alpha=0.01)
    for factor, name in ((1, "adaface_ema"), (2, "adaface_ema_second")):
        logits = slow(factor * golden["raw"], golden["labels"]).detach()
        assert difference(logits, golden[name]) < TOLERANCE
        assert difference(slow.batch_mean, golden[f"{name}_batch_mean"]) < TOLERANCE
        assert difference(slow.batch_std, golden[f"{name}_batch_std"]) < TOLERANCE


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_a_zero_embedding_and_a_batch_of_one_give_no_nan(name):
    head = create_head(name, 16, 3)
    for z in (torch.zeros(4, 16), torch.zeros(1, 16), torch.randn(1, 16)):
        z.requires_grad_()
        logits = head(z, torch.zeros(len(z), dtype=torch.long))
        F.cross_entropy(logits, torch.zeros(len(z), dtype=torch.long)).backward()
        assert logits.isfinite().all() and z.grad.isfinite().all() and head(z).isfinite().all()


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_without_labels_logits_are_scaled_cosines_whatever_came_before(name):
    head, z = create_head(name, 16, 3, scale=10.0), torch.randn(5, 16)
    before = head(z)
    head(3 * z, torch.tensor([0, 1, 2, 0, 1]))
    assert torch.equal(head(z), before)
    torch.testing.assert_close(before, 10 * F.normalize(z) @ F.normalize(head.kernel, dim=0))
    torch.testing.assert_close(head(z[:1]), before[:1])


@pytest.mark.parametrize("name", MARGIN_HEADS)
def test_margin_changes_the_true_class_alone_and_makes_it_harder(name):
    torch.manual_seed(0)
    head, z, labels = create_head(name, 16, 3), torch.randn(6, 16), torch.tensor([0, 1, 2, 0, 1, 2])
    plain, hard = head(z).detach(), head(z, labels).detach()
    true = F.one_hot(labels, 3).bool()
    torch.testing.assert_close(hard[~true], plain[~true])
    assert (hard[true] < plain[true]).all()


def test_kernel_starts_with_unit_columns():
    kernel = create_head("cosface", 512, 7).kernel
    torch.testing.assert_close(kernel.norm(dim=0), torch.ones(7))
    assert kernel.abs().max() < 2 / 512**0.5  # uniform within ±1, then scaled: a third of the variance


def test_margins_are_the_published_ones_unless_given():
    assert [create_head(name, 4, 2).margin for name in MARGIN_HEADS] == [0.4, 0.5, 0.4] == [*HEADS.values()][1:]
    assert create_head("adaface", 4, 2, margin=0.75, h=0.2).h == 0.2
    assert isinstance(create_head("linear", 4, 2, margin=0.75), LinearHead)
    with pytest.raises(ValueError, match="sphereface"):
        create_head("sphereface", 4, 2)


def test_autocast_leaves_the_angles_in_float32():
    head, z = create_head("adaface", 16, 3), torch.randn(5, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head(z), create_like(head)(z)) and head(z.bfloat16()).dtype == torch.float32


def create_like(head):
    other = create_head("adaface", 16, 3)
    other.load_state_dict(head.state_dict())
    return other


@pytest.mark.parametrize("model", ["poster_v2", "poster_v1_small"])
@pytest.mark.parametrize("head", MARGIN_HEADS)
def test_every_poster_takes_every_head(model, head):
    network = create_model(model, 3, head=head, margin=0.3, scale=32.0, h=0.3).train()
    logits = network(torch.randn(2, 3, 224, 224), torch.tensor([0, 2]))
    logits.sum().backward()
    assert logits.shape == (2, 3) and network.classifier.kernel.grad.abs().sum() > 0
    assert (network.classifier.margin, network.classifier.scale) == (0.3, 32.0)
