"""Degradations: seeded, scaled by the person, and each doing what it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.data.degrade import KINDS, clip_seed, degrade
from videopose.errors import ShapeError

COUNT, SIZE = 24, (60, 80)


def a_clip(count=COUNT):
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(count)]
    boxes = np.tile(np.array([20, 10, 60, 50], np.float32), (count, 1))
    return frames, boxes


def spoiled(kind, *, seed=0, name="clip"):
    frames, boxes = a_clip()
    return frames, degrade(frames, boxes, kind, clip_seed(seed, name, kind))


def hit(before, after):
    return np.array([not np.array_equal(a, b) for a, b in zip(before, after, strict=True)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_pixels(kind):
    _, once = spoiled(kind)
    _, again = spoiled(kind)

    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "jpeg"])
@pytest.mark.parametrize("other", [{"seed": 1}, {"name": "another"}])
def test_another_seed_or_clip_is_spoiled_differently(kind, other):
    _, once = spoiled(kind)
    _, differently = spoiled(kind, **other)

    assert hit(once, differently).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_clip_itself_is_left_alone(kind):
    frames, boxes = a_clip()
    before = [frame.copy() for frame in frames]

    degrade(frames, boxes, kind, clip_seed(0, "clip", kind))

    assert not hit(before, frames).any()


@pytest.mark.parametrize("kind", ["low_light", "jpeg"])
def test_light_and_compression_hit_every_frame(kind):
    assert hit(*spoiled(kind)).all()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["motion_blur", "defocus", "dropped"]), st.integers(0, 1000))
def test_runs_spare_the_first_frame_and_some_later_ones(kind, seed):
    struck = hit(*spoiled(kind, seed=seed))

    assert struck.any()
    assert not struck[0]
    assert max(len(run) for run in "".join("x" if row else " " for row in struck).split()) <= 6


def test_a_lost_frame_is_black_or_the_last_one_again():
    before, after = spoiled("dropped", seed=5)

    for index in np.flatnonzero(hit(before, after)):
        is_black = not after[index].any()
        assert is_black or np.array_equal(after[index], after[index - 1])


def test_low_light_is_dark():
    _, after = spoiled("low_light")

    assert np.mean(after) < 20


def test_an_occluder_covers_part_of_the_person():
    before, after = spoiled("occlusion")

    covered = [(a != b).any(-1)[10:50, 20:60].mean() for a, b in zip(before, after, strict=True)]
    assert max(covered) > 0.3
    assert min(covered) < 0.3


def test_a_frame_without_a_person_is_spoiled_too():
    frames, boxes = a_clip()
    boxes[4:9] = np.nan

    after = degrade(frames, boxes, "occlusion", clip_seed(0, "clip", "occlusion"))

    assert len(after) == COUNT


def test_every_frame_needs_a_box():
    frames, boxes = a_clip()

    with pytest.raises(ShapeError, match=r"boxes has shape \(3, 4\), but \(24, 4\) is needed"):
        degrade(frames, boxes[:3], "jpeg", np.random.default_rng(0))
