"""POSTER V2's interface: class counts, random start, freezing, input checks."""

import pytest
import torch

from models import MODELS, create_model
from models.parts.layers import DropPath


@pytest.mark.parametrize("num_classes", [2, 3, 8])
def test_logits_have_one_column_a_class(num_classes):
    model = create_model("poster_v2", num_classes=num_classes).eval()
    with torch.inference_mode():
        assert model(torch.zeros(2, 3, 224, 224)).shape == (2, num_classes)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"poster_v3.*poster_v2"):
        create_model("poster_v3", num_classes=7)


def test_fewer_than_two_classes_are_refused():
    with pytest.raises(ValueError, match="2 classes"):
        create_model("poster_v2", num_classes=1)


def test_wrong_image_size_is_named():
    for shape in ((1, 3, 96, 96), (1, 3, 112, 224), (1, 1, 224, 224), (3, 224, 224)):
        with pytest.raises(ValueError, match=rf"\(B, 3, 224, 224\).*\({', '.join(map(str, shape))}\)"):
            create_model("poster_v2", 3)(torch.zeros(shape))


@pytest.mark.parametrize("name", ["poster_v2", "poster_v1_small"])
def test_even_rows_and_columns_may_be_given_alone(name):
    model, images = create_model(name, 3).eval(), torch.randn(2, 3, 224, 224)
    reduced = images[:, :, ::2, ::2].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(model(reduced), model(images.contiguous(memory_format=torch.channels_last)))


def test_pixels_in_odd_rows_and_columns_do_not_matter():
    model = create_model("poster_v2", 3).eval()
    images = torch.randn(1, 3, 224, 224)
    changed = images.clone()
    changed[:, :, 1::2] = 9.0
    changed[:, :, :, 1::2] = -9.0
    with torch.inference_mode():
        assert torch.equal(model(images), model(changed))


def test_random_start_follows_the_reference():
    torch.manual_seed(0)
    model = create_model("poster_v2", 7)
    assert model.VIT.pos_embed.std().item() == pytest.approx(0.02, rel=0.02)
    assert model.VIT.blocks[0].attn.qkv.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert model.VIT.head.linear.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert model.VIT.se_block.linear1.bias.abs().max() == 0
    assert model.attn1.relative_position_bias_table.std().item() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(model.ffn3.gamma2, torch.full((256,), 1e-5))
    landmark = model.face_landback.conv_6_sep.conv.weight  # Kaiming normal, fan out 512, ReLU gain
    assert landmark.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.02)
    convolution = model.ir_back.body3[5].res_layer[1].weight  # PyTorch's default: uniform within 1 / sqrt(fan in)
    assert convolution.abs().max().item() == pytest.approx((256 * 9) ** -0.5, rel=0.01)


def test_drop_path_rates_are_the_references():
    rates = [m.rate for m in create_model("poster_v2", 7).modules() if isinstance(m, DropPath)]
    assert rates == [0.0, 0.125, 0.25]


def test_drop_path_drops_samples_and_rescales_the_others():
    torch.manual_seed(0)
    layer = DropPath(0.25)
    out = layer(torch.ones(4000, 3))
    assert torch.equal(out, out[:, :1].expand(-1, 3))
    assert out.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (out[:, 0] == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.equal(layer.eval()(torch.ones(5)), torch.ones(5))


@pytest.mark.parametrize("freeze", [False, True])
def test_landmark_backbone_is_frozen_and_its_batch_norm_moves_unless_frozen_too(freeze):
    model = create_model("poster_v2", 3, freeze_landmark_bn=freeze).train()
    mean = model.face_landback.conv1.bn.running_mean
    before = mean.clone()
    model(torch.randn(2, 3, 224, 224)).sum().backward()
    assert torch.equal(before, mean) is freeze
    assert all(p.grad is None and not p.requires_grad for p in model.face_landback.parameters())
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_a_training_batch_of_one_works():
    model = create_model("poster_v2", 3).train()
    assert model(torch.randn(1, 3, 224, 224)).isfinite().all()


def test_every_registered_model_can_be_made():
    for name in MODELS:
        assert sum(p.numel() for p in create_model(name, 4).parameters()) > 0
