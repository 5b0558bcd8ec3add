"""Averaging by score: who wins, who is ignored, what is left as it was."""

import pytest
import torch

from videopose.codecs import create_codec
from videopose.models.score_fusion import ScoreFusion, peak_mass

CODEC = create_codec("spatial", (64, 64))


def logits_at(x, y, gain=8.0):
    """Logits of one keypoint with a peak at crop pixels x, y; a low gain is an unsure one."""
    target, _ = CODEC.encode(torch.tensor([[[x, y, 2.0]]]))
    return target / target.max() * gain


def fuse(center, neighbors, seconds, present, **options):
    head = ScoreFusion(num_keypoints=1, before=len(neighbors), after=0, **options).eval()
    with torch.inference_mode():
        return head(center, torch.stack(neighbors, 1), torch.tensor([seconds]), torch.tensor([present]))


def test_an_unsure_frame_follows_its_sure_neighbours():
    near = logits_at(40, 40)
    fused = fuse(logits_at(20, 20, 4.5), [near, near], [-0.08, -0.04], [True, True])

    assert CODEC.decode(fused)[0, 0, :2].tolist() == pytest.approx([40, 40], abs=1)


def test_a_sure_frame_stays_where_it_is():
    near = logits_at(40, 40, 4.5)
    fused = fuse(logits_at(20, 20), [near, near], [-0.08, -0.04], [True, True])

    assert CODEC.decode(fused)[0, 0, :2].tolist() == pytest.approx([20, 20], abs=1)


def test_neighbours_that_are_not_there_change_nothing():
    center = logits_at(20, 20)
    fused = fuse(center, [torch.randn_like(center)], [-0.04], [False])

    assert torch.allclose(CODEC.decode(fused), CODEC.decode(center), atol=1e-4)


def test_a_neighbour_far_away_in_time_counts_less():
    center, near = logits_at(20, 20, 5.0), logits_at(40, 40, 5.0)
    close, far = (peak_mass_at(fuse(center, [near], [-seconds], [True]), 40) for seconds in (0.04, 0.4))

    assert close > 2 * far


def peak_mass_at(logits, at):
    cell = (at - 1) // 4
    probability = logits.flatten(2).softmax(-1).view_as(logits)
    return float(probability[0, 0, cell - 2 : cell + 3, cell - 2 : cell + 3].sum())


def test_heatmaps_are_averaged_as_they_are():
    first, second = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    first[..., 1, 1], second[..., 2, 2] = 1.0, 1.0
    fused = fuse(first, [second], [0.0], [True], gain=1.0, is_logits=False)

    assert fused[0, 0].diagonal().tolist() == pytest.approx([0, 0.5, 0.5, 0])


def test_the_mass_of_a_peak_is_a_probability():
    flat = torch.full((1, 16, 16), 1 / 256)

    assert peak_mass(flat).item() == pytest.approx(49 / 256)
    assert peak_mass(logits_at(20, 20, 60.0).flatten(2).softmax(-1).view(1, 16, 16)).item() == pytest.approx(
        1, abs=0.01
    )
