"""Where the scene changes: cuts and slow transitions are found, what only looks like one is not."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.estimators.image_signature import image_signature
from videopose.tracking.shots import is_cut, number_shots


def scene(seed, height=90, width=160):
    """Paint a smooth scene in colours of its own, larger than an image."""
    rng = np.random.default_rng(seed)
    low, high = np.sort(rng.uniform(0, 255, (2, 3)), axis=0)
    noise = rng.uniform(low, high, (2 * height // 30, 2 * width // 30, 3)).astype(np.float32)
    return cv2.resize(noise, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)


def shown(painted, x=0.0, height=90, width=160):
    left = round(x)
    return painted[:height, left : left + width]


def sign(images):
    arrays = (np.clip(image, 0, 255).astype(np.uint8) for image in images)
    return [image_signature(torch.from_numpy(image).permute(2, 0, 1)) for image in arrays]


def starts(signatures):
    numbers = list(number_shots(signatures))
    assert len(numbers) == len(signatures)
    return [place for place in range(1, len(numbers)) if numbers[place] != numbers[place - 1]]


RED, BLUE = scene(1), scene(5)


def test_cuts_are_found():
    images = [*(shown(RED, t) for t in range(30)), *(shown(BLUE, t) for t in range(20)), *(shown(RED),) * 25]

    assert starts(sign(images)) == [30, 50]


@pytest.mark.parametrize(("length", "within"), [(4, 2), (8, 1), (16, 1), (24, 1)])
def test_dissolve_starts_a_shot_in_its_middle(length, within):
    shares = np.clip((np.arange(90) - 40) / length, 0, 1)
    images = [(1 - s) * shown(RED, t / 4) + s * shown(BLUE, t / 4) for t, s in enumerate(shares)]

    assert starts(sign(images)) == [pytest.approx(40 + length / 2, abs=within)]


@pytest.mark.parametrize("speed", [2, 5, 10])
def test_panning_camera_stays_in_the_shot(speed):
    images = [shown(RED, min(speed * t, 160)) for t in range(60)]

    assert starts(sign(images)) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_flash_is_no_shot(length):
    images = [shown(RED, t) if not 20 <= t < 20 + length else np.full((90, 160, 3), 250.0) for t in range(50)]

    assert starts(sign(images)) == []


def test_light_that_is_turned_down_is_no_shot():
    dimmed = np.linspace(1, 0.35, 20)
    light = np.concatenate([np.ones(20), dimmed, np.full(20, 0.35)])

    assert starts(sign([shown(RED) * level for level in light])) == []


def test_frames_nobody_has_looked_at_are_of_one_shot():
    assert list(number_shots([None] * 40)) == [0] * 40


@settings(max_examples=20, deadline=None)
@given(before=st.integers(0, 40), seed=st.integers(0, 100))
def test_cut_is_found_wherever_the_stream_begins(before, seed):
    after = [shown(BLUE, t) for t in range(int(np.random.default_rng(seed).integers(1, 40)))]

    assert starts(sign([*(shown(RED, t / 2) for t in range(before)), *after])) == ([before] if before else [])


def test_cut_is_told_from_two_frames_alone():
    red, next_red, blue = sign([shown(RED), shown(RED, 3), shown(BLUE)])

    assert is_cut(red, blue)
    assert not is_cut(red, next_red)
    assert not is_cut(None, blue)


@pytest.mark.parametrize("size_hw", [(9, 16), (90, 160), (720, 1280), (1300, 400)])
def test_signature_has_one_length_and_hardly_depends_on_the_size(size_hw):
    plain = shown(RED)
    image = cv2.resize(np.clip(plain, 0, 255).astype(np.uint8), size_hw[::-1], interpolation=cv2.INTER_AREA)

    signature = image_signature(torch.from_numpy(image).permute(2, 0, 1))

    assert signature.shape == sign([plain])[0].shape
    assert not is_cut(signature, sign([plain])[0])


@pytest.mark.parametrize("step", [1, 3, 7])
def test_plain_wall_that_grows_lighter_is_no_shot(step):
    images = [np.full((90, 160, 3), 20.0 + step * t) for t in range(30)]

    assert starts(sign(images)) == []
