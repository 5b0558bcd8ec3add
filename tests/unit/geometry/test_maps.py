"""Maps moved between crops: peaks land where the transform says, at any stride; the outside is as stated."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.codecs.spatial import SpatialCodec
from videopose.errors import ShapeError
from videopose.geometry.affine import apply, scaling, translation
from videopose.geometry.maps import resample_maps

INPUT = (128, 96)


def peak_at(x, y):
    target, _ = SpatialCodec(INPUT).encode(torch.tensor([[[x, y, 2.0]]]))
    return torch.log(target + 1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(30, 60), st.floats(40, 80), st.floats(-15, 15), st.floats(-15, 15), st.floats(0.8, 1.3))
def test_a_peak_moves_as_its_keypoint_does(x, y, shift_x, shift_y, scale):
    transform = translation(shift_x, shift_y) @ scaling(scale)

    moved = resample_maps(peak_at(x, y), transform[None], INPUT, outside="lowest")

    found = SpatialCodec(INPUT).decode(moved)[0, 0, :2].numpy()
    expected = apply(transform, np.array([x, y]))
    inside = (expected > 12).all() and expected[0] < INPUT[1] - 12 and expected[1] < INPUT[0] - 12
    assert not inside or np.abs(found - expected).max() < 1.0


def test_the_identity_leaves_maps_alone():
    maps = torch.randn(2, 3, 32, 24)

    moved = resample_maps(maps, np.stack([np.eye(3)] * 2), INPUT)

    assert torch.allclose(moved, maps, atol=1e-4)


def test_coarser_maps_move_by_the_same_transform():
    maps = torch.zeros(1, 1, 16, 12)
    maps[0, 0, 5, 4] = 1

    moved = resample_maps(maps, translation(16, 8)[None], INPUT)  # two cells right, one down

    assert moved[0, 0, 6, 6] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("outside", "value"), [("zero", 0.0), ("lowest", -7.0)])
def test_cells_outside_the_map_get_the_stated_value(outside, value):
    maps = torch.full((1, 1, 32, 24), -3.0)
    maps[0, 0, 0, 0] = -7

    moved = resample_maps(maps, translation(60, 0)[None], INPUT, outside=outside)

    assert moved[0, 0, 10, 2] == pytest.approx(value)


def test_every_map_needs_its_transform():
    with pytest.raises(ShapeError, match=r"to_from_crop has shape \(1, 3, 3\), but \(2, 3, 3\) is needed"):
        resample_maps(torch.zeros(2, 1, 32, 24), np.eye(3)[None], INPUT)
