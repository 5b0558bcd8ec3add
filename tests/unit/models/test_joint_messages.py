"""Messages between keypoints and frames: a keypoint nobody sees follows its limb, and its neighbours in time."""

import pytest
import torch

from videopose.codecs import create_codec
from videopose.models.joint_messages import JointMessages, _spread

CODEC = create_codec("spatial", (128, 96))
SHOULDER, ELBOW = 0, 1


def logits(*places, gain=8.0):
    """(1, K, 32, 24) logits with a peak for each keypoint, None for one nobody sees."""
    maps = torch.zeros(1, len(places), 32, 24)
    for keypoint, place in enumerate(places):
        if place is not None:
            target, _ = CODEC.encode(torch.tensor([[[*place, 2.0]]]))
            maps[:, keypoint] = target[:, 0] / target.max() * gain
    return maps


def pass_messages(center, *neighbors, present=True, **options):
    head = JointMessages([(SHOULDER, ELBOW)], num_keypoints=2, before=len(neighbors), after=0, **options).eval()
    seconds = -0.04 * torch.arange(len(neighbors), 0, -1)[None]
    with torch.inference_mode():
        maps = torch.stack(neighbors, 1) if neighbors else center[:, None][:, :0]
        fused = head(center, maps, seconds, torch.full(seconds.shape, present, dtype=torch.bool))
    return CODEC.decode(fused)[0]


def test_a_hidden_keypoint_is_found_by_its_neighbours_in_time():
    seen = logits((30, 30), (60, 70))
    found = pass_messages(logits((30, 30), None), seen, seen)

    assert found[ELBOW, :2].tolist() == pytest.approx([60, 70], abs=3)


def test_a_hidden_keypoint_follows_its_limb_where_the_window_tells_the_limb():
    """The neighbour's map is worth nothing by itself here; only its limb's vector and this frame's shoulder are."""
    neighbor = logits((30, 30), (60, 70))
    moved = logits((40, 50), None)
    found = pass_messages(moved, neighbor, time_weight=0.0, edge_weight=1.0)

    assert found[ELBOW, :2].tolist() == pytest.approx([70, 90], abs=4)


def test_sure_keypoints_stay_where_they_are():
    found = pass_messages(logits((30, 30), (60, 70)), logits((34, 30), (70, 90)))

    assert found[:, :2].flatten().tolist() == pytest.approx([30, 30, 60, 70], abs=2)


def test_neighbours_that_are_not_there_say_nothing():
    center, noise = logits((30, 30), (60, 70), gain=5.0), torch.randn(1, 2, 32, 24)

    assert torch.equal(pass_messages(center, noise, present=False), pass_messages(center, -noise, present=False))


def test_a_window_of_one_frame_is_enough():
    assert pass_messages(logits((30, 30), (60, 70)))[:, :2].isfinite().all()


def test_spreading_keeps_what_there_is():
    maps = torch.zeros(1, 21, 21)
    maps[0, 10, 10] = 1

    assert _spread(maps, 2.0).sum().item() == pytest.approx(1)
    assert _spread(maps, 2.0).argmax().item() == 10 * 21 + 10
