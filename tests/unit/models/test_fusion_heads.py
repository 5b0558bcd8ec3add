"""Heads that fuse neighbouring frames: what every one of them promises, before training and after."""

import pytest
import torch

from videopose.estimators.build_fused import PARAMETER_FREE_HEADS
from videopose.models import ARCHITECTURES, create_model
from videopose.models.complexity import count
from videopose.models.convlstm_head import ConvLSTMHead
from videopose.models.fusion_parts import FrameWeights, WindowHead, fuse_log_likelihood, log_likelihood

KEYPOINTS, SIZE = 3, (16, 12)
HEADS = [name for name, each in ARCHITECTURES.items() if each.task == "fusion"]
WINDOWS = [name for name in HEADS if isinstance(create_model(name, num_keypoints=KEYPOINTS), WindowHead)]
LEARNED = [name for name in WINDOWS if name not in PARAMETER_FREE_HEADS]
ARITHMETIC = 1e-4  # float32, orders of summation differ with the batch


def a_window(name, num=2, *, seed=0):
    """Make what a head of this name is called with."""
    torch.manual_seed(seed)
    head = create_model(name, num_keypoints=KEYPOINTS)
    center = torch.randn(num, KEYPOINTS, *SIZE) * 3
    neighbors = torch.randn(num, head.before + head.after, KEYPOINTS, *SIZE) * 3
    frames = [*range(-head.before, 0), *range(1, head.after + 1)]
    seconds = torch.tensor(frames, dtype=torch.float32).repeat(num, 1) / 25
    return center, neighbors, seconds, torch.ones(num, len(frames), dtype=torch.bool)


def trained(name):
    """Make a head whose every parameter is random, as after training."""
    torch.manual_seed(1)
    head = create_model(name, num_keypoints=KEYPOINTS)
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return head


def distribution(logits):
    """What logits say, whatever constant they carry."""
    return logits.flatten(2).softmax(-1)


def test_there_are_heads_over_windows_and_along_tracks():
    assert {"dcpose_head", "score_fusion"} <= set(WINDOWS)
    assert {"convlstm_head"} <= set(HEADS) - set(WINDOWS)
    assert set(PARAMETER_FREE_HEADS) < set(WINDOWS)


@pytest.mark.parametrize("name", LEARNED)
def test_an_untrained_head_is_the_single_frame(name):
    window = a_window(name)

    with torch.inference_mode():
        fused = create_model(name, num_keypoints=KEYPOINTS)(*window)

    assert torch.equal(fused, window[0])


@pytest.mark.parametrize("name", WINDOWS)
def test_a_person_seen_in_no_neighbour_keeps_the_single_frame(name):
    center, neighbors, seconds, present = a_window(name)
    present[0] = False

    with torch.inference_mode():
        fused = trained(name)(center, neighbors, seconds, present)

    alone, single = distribution(fused), distribution(center)
    assert torch.allclose(alone[0], single[0], atol=ARITHMETIC)
    assert name not in LEARNED or torch.equal(fused[0], center[0])
    assert not torch.allclose(alone[1], single[1], atol=10 * ARITHMETIC)


@pytest.mark.parametrize("name", WINDOWS)
def test_what_an_absent_neighbour_holds_does_not_matter(name):
    center, neighbors, seconds, present = a_window(name)
    present[:, 2] = False
    other = neighbors.clone()
    other[:, 2] = torch.randn_like(other[:, 2]) * 9

    with torch.inference_mode():
        head = trained(name)
        once, again = head(center, neighbors, seconds, present), head(center, other, seconds, present)

    assert torch.equal(once, again)


@pytest.mark.parametrize("name", WINDOWS)
def test_people_of_a_batch_do_not_mix(name):
    window = a_window(name)

    with torch.inference_mode():
        head = trained(name)
        together, alone = head(*window), head(*(part[1:] for part in window))

    assert torch.allclose(together[1:], alone, atol=ARITHMETIC)


@pytest.mark.parametrize("name", WINDOWS)
def test_a_constant_on_the_neighbours_logits_means_nothing(name):
    center, neighbors, seconds, present = a_window(name)

    with torch.inference_mode():
        head = trained(name)
        plain, shifted = head(center, neighbors, seconds, present), head(center, neighbors + 5, seconds, present)

    assert torch.allclose(plain, shifted, atol=1e-3)


def test_every_window_says_how_many_neighbours_it_wants():
    head = create_model("dcpose_head", num_keypoints=KEYPOINTS, before=2, after=0)

    fused = head(torch.zeros(1, KEYPOINTS, *SIZE), torch.zeros(1, 2, KEYPOINTS, *SIZE), torch.zeros(1, 2),
                 torch.ones(1, 2, dtype=torch.bool))  # fmt: skip

    assert (head.before, head.after) == (2, 0)
    assert fused.shape == (1, KEYPOINTS, *SIZE)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_small_beside_its_backbone(name):
    head, backbone = count(name), count("fpn_pose")

    assert head.parameters < 400_000
    assert head.macs < 0.6 * backbone.macs


def test_a_track_starts_as_the_single_frame():
    logits = torch.randn(2, KEYPOINTS, *SIZE)

    with torch.inference_mode():
        out, state = trained("convlstm_head").step(logits, None)

    assert torch.equal(out, logits)
    assert all(part.shape[0] == 2 and part.shape[2:] == SIZE for part in state)


def test_a_track_s_second_frame_depends_on_its_first():
    torch.manual_seed(0)
    head, tracks = trained("convlstm_head"), torch.randn(1, 2, KEYPOINTS, *SIZE) * 3

    with torch.inference_mode():
        along, alone = head(tracks), head(tracks[:, 1:])

    assert torch.allclose(along[:, 0], tracks[:, 0], atol=ARITHMETIC)
    assert not torch.allclose(along[:, 1], alone[:, 0], atol=0.1)


def test_the_time_between_two_frames_counts():
    head, logits = trained("convlstm_head"), torch.randn(1, KEYPOINTS, *SIZE) * 3

    with torch.inference_mode():
        _, state = head.step(logits, None)
        as_trained, real, late = (
            head.step(logits, state, seconds)[0] for seconds in (None, torch.tensor([0.04]), torch.tensor([0.4]))
        )

    assert torch.equal(as_trained, real)
    assert not torch.allclose(as_trained, late, atol=1e-3)


def test_an_untrained_convlstm_is_the_single_frame():
    tracks = torch.randn(1, 3, KEYPOINTS, *SIZE)

    with torch.inference_mode():
        along = ConvLSTMHead(num_keypoints=KEYPOINTS)(tracks)

    assert torch.equal(along, tracks)


def test_steps_and_a_whole_track_agree():
    head, tracks, state = trained("convlstm_head"), torch.randn(1, 3, KEYPOINTS, *SIZE), None

    with torch.inference_mode():
        whole = head(tracks)
        for number in range(3):
            out, state = head.step(tracks[:, number], state)

    assert torch.equal(out, whole[:, 2])


def test_evidence_is_zero_where_nothing_is_known():
    flat = log_likelihood(torch.full((1, 1, 8, 6), 4.2))

    assert flat.abs().max() < 0.01


def test_evidence_of_a_sharp_peak_is_high_there_and_lowest_elsewhere():
    logits = torch.zeros(1, 1, 64, 48)
    logits[..., 10:12, 20:22] = 20

    maps = log_likelihood(logits)[0, 0]

    assert maps.argmax() == 5 * 24 + 10
    assert maps.max() > 1
    assert maps[20, 20] == pytest.approx(-1, abs=1e-3)


def test_a_forgotten_centre_leaves_only_the_added_evidence():
    change = torch.zeros(1, 1, 8, 6)
    change[..., 2, 3] = 1

    out = fuse_log_likelihood(torch.randn(1, 1, 16, 12) * 10, change, torch.zeros(1, 1))

    assert divmod(int(out.argmax()), 12) in {(4, 6), (4, 7), (5, 6), (5, 7)}
    assert out[0, 0, 12, 2] == 0


def test_the_centre_s_factor_never_turns_negative():
    weights = FrameWeights(KEYPOINTS)
    torch.nn.init.normal_(weights.last.weight, std=50)

    out = weights(torch.randn(2, 3, KEYPOINTS, 8, 6), torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bool))

    assert (out[:, 0] >= -1).all()
