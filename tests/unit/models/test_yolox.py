from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videopose.models import create_model, name_converter
from videopose.models.yolox import distances, logit_of_both
from videopose.models.zoo import weights_for_file, weights_named

LOGITS = st.floats(-60, 60, allow_nan=False, width=32)


@given(LOGITS, LOGITS)
def test_the_logit_of_both_is_that_of_the_product(a, b):
    both = logit_of_both(torch.tensor(a), torch.tensor(b))
    product = torch.sigmoid(torch.tensor(a, dtype=torch.float64)) * torch.sigmoid(torch.tensor(b, dtype=torch.float64))

    assert both.isfinite()
    assert float(both.double().sigmoid()) == pytest.approx(float(product), abs=2e-7, rel=1e-5)


def test_the_logit_of_both_can_be_learned_from():
    a, b = (torch.tensor([-90.0, 0.0, 90.0], requires_grad=True) for _ in range(2))
    logit_of_both(a, b).sum().backward()

    assert a.grad.isfinite().all()
    assert (a.grad[:2] > 0).all()


def test_a_box_lies_around_its_shifted_point():
    left, top, right, bottom = distances(torch.tensor([0.5, -1.0, 0.0, 0.0]), torch.tensor(8.0)).tolist()

    assert (right - left) / 2 == 4  # half a stride to the right of its point
    assert (bottom - top) / 2 == -8
    assert right + left == top + bottom == 8  # exp(0) strides wide and high


def test_the_release_takes_blue_first_in_each_of_the_four_pixels():
    own = create_model("yolox_tiny").state_dict()
    first = "backbone.stem.conv.conv.weight"
    ours = name_converter("yolox_tiny")({**own, "ema_backbone_stem_conv_conv_weight": own[first]})

    assert ours.keys() == own.keys()
    assert torch.equal(ours[first][:, 3], own[first][:, 5])
    assert torch.equal(ours[first][:, 7], own[first][:, 7])


def test_its_networks_take_pixels_as_they_are():
    for weights in (weights_named("yolox_m.coco"), weights_for_file("yolox_m", Path("own.pth"))):
        assert weights.mean == (0.0, 0.0, 0.0)
        assert weights.std == pytest.approx((1 / 255,) * 3)
    assert weights_named("rtmdet_m.person_640").std == pytest.approx((0.229, 0.224, 0.225))
