import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.codecs import create_codec
from videopose.skeletons import skeleton_named

INSIDE = 0.3  # crop pixels a keypoint may move through encode and decode, away from the border
AT_BORDER = 6.0  # crop pixels, a cell and a half, where the distribution is cut off by the border


@given(st.integers(0, 1000), st.sampled_from([(192, 160), (256, 192), (128, 128)]))
@settings(max_examples=30, deadline=None)
def test_keypoints_survive_encoding_and_decoding(seed, input_hw):
    codec = create_codec("spatial", input_hw)
    generator = torch.Generator().manual_seed(seed)
    room = torch.tensor([input_hw[1] - 1.0, input_hw[0] - 1.0])
    points = torch.rand(2, 5, 2, generator=generator) * room
    target, weights = codec.encode(torch.cat([points, torch.full((2, 5, 1), 2.0)], -1))
    decoded = codec.decode(target.clamp_min(1e-30).log())

    error = (decoded[..., :2] - points).abs().amax(-1)
    central = ((points > 24) & (points < room - 24)).all(-1)
    assert (weights == 1).all()
    assert error[central].max() < INSIDE if central.any() else True
    assert error.max() < AT_BORDER
    assert (decoded[..., 2] > 0.85).all()


def test_targets_are_distributions_around_the_cell():
    codec = create_codec("spatial", (64, 48))
    target, _ = codec.encode(torch.tensor([[[21.5, 9.5, 2.0]]]))

    assert target.sum() == pytest.approx(1, abs=1e-5)
    assert target[0, 0].argmax() == 2 * 12 + 5  # cell (5, 2): crop pixel 4 * 5 + 1.5, 4 * 2 + 1.5


def test_unlabelled_and_outside_keypoints_have_no_weight():
    codec = create_codec("spatial", (64, 48))
    _, weights = codec.encode(torch.tensor([[[10.0, 10, 0], [10, 10, 1], [-20, 10, 2], [10, 64.5, 2], [47, 63, 2]]]))

    assert weights.tolist() == [[0, 1, 0, 0, 1]]


def test_a_keypoint_one_or_two_cells_outside_has_no_weight():
    codec = create_codec("spatial", (64, 48))
    just_inside, outside = [46.9, 63.4, 2.0], [[49.5, 63, 2], [57.5, 30, 2], [-2.5, 30, 2], [20, -6.5, 2], [20, 73, 2]]
    _, weights = codec.encode(torch.tensor([[just_inside, *outside]]))

    assert weights.tolist() == [[1, 0, 0, 0, 0, 0]]


def test_a_broad_peak_wins_over_a_lone_higher_cell():
    codec = create_codec("spatial", (64, 64))
    logits = torch.full((1, 1, 16, 16), -20.0)
    logits[0, 0, 3:6, 3:6] = 0.0
    logits[0, 0, 12, 12] = 1.0

    x, y, score = codec.decode(logits)[0, 0].tolist()

    assert [x, y] == pytest.approx([4 * 4 + 1.5] * 2, abs=0.1)
    assert score == pytest.approx(9 / (9 + np.e), abs=1e-3)


def test_the_score_is_the_probability_around_the_peak():
    codec = create_codec("spatial", (64, 64))
    undecided = torch.zeros(1, 1, 16, 16)
    two_places = torch.full((1, 1, 16, 16), -30.0)
    two_places[0, 0, 2, 2] = two_places[0, 0, 12, 12] = 0

    assert codec.decode(undecided)[0, 0, 2] < 0.25
    assert codec.decode(two_places)[0, 0, 2] == pytest.approx(0.5, abs=1e-3)
    assert codec.decode(two_places)[0, 0, :2].tolist() == pytest.approx([9.5, 9.5], abs=0.1)  # one of them, no average


def test_a_mirrored_output_comes_back():
    codec, skeleton = create_codec("spatial", (64, 48)), skeleton_named("coco17")
    flip_index = torch.tensor(skeleton.flip_index)
    points = torch.rand(1, 17, 2) * torch.tensor([40.0, 56]) + 4
    mirrored = points[:, flip_index].clone()
    mirrored[..., 0] = 47 - mirrored[..., 0]
    visible = torch.full((1, 17, 1), 2.0)
    plain, _ = codec.encode(torch.cat([points, visible], -1))
    other, _ = codec.encode(torch.cat([mirrored, visible], -1))

    assert torch.allclose(codec.flip_back(other, flip_index), plain, atol=1e-6)
