"""What every codec promises: decode finds what encode drew, mirrored crops come back, bad numbers are survived."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.codecs import CODECS, create_codec
from videopose.codecs.heatmaps import blur
from videopose.errors import ShapeError, UnknownNameError
from videopose.geometry.affine import apply

INPUT_HW = (256, 192)
# crop pixels by which decode(encode(x)) may miss x: half a heatmap pixel of rounding less the quarter regained
# (msra), half a pixel and a quarter (megvii), the Taylor expansion's remainder (dark, udp), half a bin (simcc)
# (spatial: the window's expectation); msra8 has pixels twice as large. A codec without an entry is an error here.
ERROR = {
    "msra": 2.01, "msra8": 4.01, "dark": 0.2, "dark3": 0.6, "udp": 0.2, "megvii": 3.01, "simcc": 0.26,
    "regression": 1e-4, "spatial": 0.3, "spatial_absent": 0.3, "dark3_absent": 0.6,
}  # fmt: skip
MINE = sorted(CODECS)


def as_output(codec, targets):
    """Return what a network that has learned its targets to the end would give."""
    above = 12 if codec.absent_logit is not None else 0  # what learns an absent answer puts the others far above it
    return targets.clamp_min(1e-30).log() + above if codec.is_logits else targets


inside = st.tuples(st.floats(20, 170), st.floats(20, 230))


def keypoints_at(*places, visibility=2.0):
    return torch.tensor([[[x, y, visibility] for x, y in places]])


@pytest.mark.parametrize("name", MINE)
@settings(max_examples=25, deadline=None)
@given(place=inside)
def test_decode_finds_what_encode_drew(name, place):
    codec = create_codec(name, INPUT_HW)

    targets, weights = codec.encode(keypoints_at(place))
    decoded = codec.decode(as_output(codec, targets))[0, 0]

    assert weights.tolist() == [[1.0]]
    assert np.abs(decoded[:2].numpy() - place).max() <= ERROR[name]
    assert decoded[2] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", MINE)
def test_a_keypoint_that_is_not_labelled_has_no_weight(name):
    _, weights = create_codec(name, INPUT_HW).encode(keypoints_at((50, 60), visibility=0.0))

    assert weights.tolist() == [[0.0]]


@pytest.mark.parametrize("name", MINE)
def test_a_keypoint_far_outside_has_no_weight_unless_absence_is_an_answer(name):
    codec = create_codec(name, INPUT_HW)
    targets, weights = codec.encode(keypoints_at((-80, 60), (60, 400)))

    if codec.absent_logit is None:
        assert weights.tolist() == [[0.0, 0.0]]
    else:
        assert weights.tolist() == [[1.0, 1.0]]
        assert not targets.any()
        assert codec.decode(as_output(codec, targets))[..., 2].max() < 1e-3


WITH_ABSENT = [name for name in MINE if create_codec(name, INPUT_HW).absent_logit is not None]


@pytest.mark.parametrize("name", WITH_ABSENT)
@settings(max_examples=15, deadline=None)
@given(place=inside, lower=st.floats(0.5, 30))
def test_the_lower_all_cells_are_the_less_is_a_keypoint_there(name, place, lower):
    codec, plain = create_codec(name, INPUT_HW), create_codec(name.removesuffix("_absent"), INPUT_HW)
    output = as_output(codec, codec.encode(keypoints_at(place))[0])
    lowered = output - lower if codec.is_logits else output - lower / 50

    there, less = codec.decode(output)[0, 0], codec.decode(lowered)[0, 0]

    assert less[2] < there[2]
    assert torch.allclose(less[:2], plain.decode(lowered)[0, 0, :2], atol=1e-3)
    assert there[2] < plain.decode(output)[0, 0, 2]


def flipped_output(codec, x, y):
    """Encode the mirrored crop of a person with two keypoints that are each other's mirror partners."""
    return codec.encode(keypoints_at((INPUT_HW[1] - 1 - x, y), (INPUT_HW[1] - 1 - 3 * x, y)))[0]


# whole-pixel shifts leave half a heatmap pixel less the half pixel of (stride - 1) / stride: MSRA's family; the
# others come back to the same place
MIRROR_ERROR = {
    "msra": 3.01, "msra8": 7.01, "dark": 1.2, "dark3": 1.2, "megvii": 3.01, "udp": 0.6, "simcc": 0.26,
    "regression": 1e-4, "spatial": 0.3, "spatial_absent": 0.3, "dark3_absent": 1.2,
}  # fmt: skip


@pytest.mark.parametrize("name", MINE)
@settings(max_examples=25, deadline=None)
@given(x=st.floats(20, 50), y=st.floats(20, 230))
def test_what_was_found_in_a_mirrored_crop_comes_back(name, x, y):
    codec = create_codec(name, INPUT_HW)

    restored = codec.flip_back(flipped_output(codec, x, y), torch.tensor([1, 0]))

    found = codec.decode(as_output(codec, restored))[0, :, :2].numpy()
    assert np.abs(found - [(3 * x, y), (x, y)]).max() <= MIRROR_ERROR[name]


@pytest.mark.parametrize("name", MINE)
def test_flipping_back_does_not_change_what_it_was_given(name):
    codec = create_codec(name, INPUT_HW)
    output = flipped_output(codec, 30.0, 40.0)
    before = output.clone()

    codec.flip_back(output, torch.tensor([1, 0]))

    assert torch.equal(output, before)


@pytest.mark.parametrize("name", MINE)
def test_nan_is_found_nowhere_with_score_zero(name):
    codec = create_codec(name, INPUT_HW)
    output = torch.full_like(codec.encode(keypoints_at((50, 60)))[0], float("nan"))

    assert codec.decode(output).tolist() == [[[0.0, 0.0, 0.0]]]


@pytest.mark.parametrize("name", MINE)
def test_nobody_is_decoded_to_nobody(name):
    codec = create_codec(name, INPUT_HW)
    targets, _ = codec.encode(keypoints_at((50, 60)))

    assert codec.decode(targets[:0]).shape == (0, 1, 3)


@pytest.mark.parametrize("name", MINE)
def test_scores_stay_between_zero_and_one(name):
    codec = create_codec(name, INPUT_HW)
    output = torch.randn_like(codec.encode(keypoints_at((50, 60)))[0]) * 1000

    score = codec.decode(output)[..., 2]

    assert ((score >= 0) & (score <= 1)).all()


@pytest.mark.parametrize("name", CODECS)
def test_the_table_s_names_are_the_codecs_own(name):
    codec = create_codec(name, INPUT_HW)

    assert codec.name == name
    assert codec.input_hw == INPUT_HW


def test_an_unknown_codec_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no codec is named 'msr'. Did you mean msra"):
        create_codec("msr", INPUT_HW)


def test_only_udp_moves_the_crop():
    moved = {name for name in CODECS if not np.allclose(create_codec(name, INPUT_HW).crop_alignment, np.eye(3))}

    assert moved == {"udp"}
    assert np.allclose(
        apply(create_codec("udp", INPUT_HW).crop_alignment, [[192, 256], [96, 128]]), [[191, 255], [95.5, 127.5]]
    )


def test_heatmaps_of_another_rank_are_an_error():
    with pytest.raises(ShapeError, match="heatmaps has shape"):
        create_codec("msra", INPUT_HW).decode(torch.zeros(17, 64, 48))


def test_rows_of_another_length_are_an_error():
    with pytest.raises(ShapeError, match=r"output has shape \(1, 17, 100\), but \(any, any, 896\)"):
        create_codec("simcc", INPUT_HW).decode(torch.zeros(1, 17, 100))


def test_rtmpose_s_spread_is_the_published_one():
    assert create_codec("simcc", INPUT_HW).spread == pytest.approx((4.9, 5.66), abs=0.01)
    assert create_codec("simcc", (384, 288)).spread == pytest.approx((6.0, 6.93), abs=0.01)


def test_blur_of_a_spike_keeps_its_mass():
    spike = torch.zeros(1, 1, 31, 31)
    spike[0, 0, 15, 15] = 1

    assert blur(spike, 11, border="zero").sum().item() == pytest.approx(1, abs=1e-6)


def test_regression_without_scores_counts_as_certain():
    decoded = create_codec("regression", INPUT_HW).decode(torch.tensor([[[0.5, 0.25]]]))

    assert decoded.tolist() == [[[96.0, 64.0, 1.0]]]


def test_a_wider_target_can_be_asked_for():
    narrow = create_codec("msra", INPUT_HW)

    wide, _ = replace(narrow, heatmap_sigma=4.0).encode(keypoints_at((96, 128)))

    assert wide.sum() > narrow.encode(keypoints_at((96, 128)))[0].sum()


@pytest.mark.parametrize("name", ["msra", "msra8", "dark", "udp", "megvii", "spatial"])
def test_a_codec_says_where_its_heatmap_pixels_lie(name):
    codec = create_codec(name, INPUT_HW)
    height, width = codec.heatmap_hw
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    bump = torch.exp(-((columns - 11) ** 2 + (rows - 17) ** 2) / 8)
    found = codec.decode((bump * 12 if name == "spatial" else bump)[None, None])[0, 0, :2]

    # megvii's blur leaves differences of rounding between the neighbours, whose sign is worth a quarter of a pixel
    allowed = 1.01 if name == "megvii" else 0.02
    assert found.numpy() == pytest.approx(apply(codec.crop_from_heatmap, [11, 17]), abs=allowed)


@pytest.mark.parametrize("name", MINE)
def test_crops_much_smaller_than_the_published_ones_are_decoded(name):
    codec = create_codec(name, (64, 64))
    found = codec.decode(as_output(codec, codec.encode(keypoints_at((30, 41)))[0]))[0, 0, :2]

    assert found.numpy() == pytest.approx([30, 41], abs=ERROR[name])
