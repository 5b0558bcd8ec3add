"""Trained heads over networks that give heatmaps, not logits."""

import pytest
import torch
from torch import Tensor, nn

from videopose.codecs import create_codec
from videopose.codecs.base import MapCodec
from videopose.estimators.heatmap_heads import heights, on_heatmaps
from videopose.models import create_model

CODEC = create_codec("dark3", (64, 48))
KEYPOINTS = 19


def maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, KEYPOINTS, 16, 12, generator=torch.Generator().manual_seed(seed))


def changed(name: str) -> nn.Module:
    """A head whose last layers, zero before training, do something."""
    torch.manual_seed(0)
    head = create_model(name, num_keypoints=KEYPOINTS).eval()
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=0.05)
    return head


def window(count: int, present: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    times = torch.linspace(-0.1, 0.1, 6).expand(count, 6)
    return maps(count), maps(count, 6, seed=1), times, torch.full((count, 6), present)


def test_a_head_on_logits_stays_what_it_is() -> None:
    head = changed("dcpose_head")
    codec = create_codec("spatial", (64, 48))
    assert isinstance(codec, MapCodec)
    assert on_heatmaps(head, codec) is head


@pytest.mark.parametrize("name", ["dcpose_head", "posewarper_head"])
def test_a_person_alone_in_time_keeps_the_heatmaps_to_the_bit(name: str) -> None:
    assert isinstance(CODEC, MapCodec)
    head = on_heatmaps(changed(name), CODEC)
    center, neighbors, seconds, present = window(2, present=False)
    assert torch.equal(head(center, neighbors, seconds, present), center)


@pytest.mark.parametrize("name", ["dcpose_head", "posewarper_head"])
@torch.no_grad()
def test_fused_heatmaps_are_the_heads_logits_up_to_a_constant(name: str) -> None:
    assert isinstance(CODEC, MapCodec)
    inner = changed(name)
    center, neighbors, seconds, present = window(2, present=True)
    fused = on_heatmaps(inner, CODEC)(center, neighbors, seconds, present)
    logits = inner(10 * center, 10 * neighbors, seconds, present)
    difference = logits / 10 - fused
    assert torch.allclose(difference, difference.mean((-2, -1), keepdim=True).expand_as(fused), atol=1e-5)
    assert not torch.allclose(fused, center, atol=1e-3)
    assert torch.allclose(fused.mean((-2, -1)), center.mean((-2, -1)), atol=1e-5)


@torch.no_grad()
def test_a_track_begins_with_the_heatmaps_to_the_bit_and_goes_on_with_a_state() -> None:
    assert isinstance(CODEC, MapCodec)
    inner = changed("convlstm_head")
    head = on_heatmaps(inner, CODEC)
    first, second = maps(2), maps(2, seed=2)
    out, state = head.step(first, None)
    assert torch.equal(out, first)
    fused, _ = head.step(second, state, torch.full((2,), 0.04))
    wanted, _ = inner.step(10 * second, inner.step(10 * first, None)[1], torch.full((2,), 0.04))
    assert torch.allclose(fused, heights(wanted, 10.0, second), atol=1e-5)
    assert not torch.allclose(fused, second, atol=1e-3)


def test_empty_cells_of_a_heatmap_made_from_logits_are_about_zero() -> None:
    logits = torch.full((1, 1, 16, 12), -7.0)
    logits[0, 0, 4, 5] = 3.0
    made = heights(logits, 10.0)
    assert made[0, 0, 4, 5] == pytest.approx(1, abs=0.01)
    assert made[0, 0, 0, 0] == pytest.approx(0, abs=0.01)
