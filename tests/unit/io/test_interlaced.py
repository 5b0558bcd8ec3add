"""Interlaced video: combs go, everything that stands still stays."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from video_files import write_video

from videopose.io.deinterlace import deinterlace
from videopose.io.reader import open_video

INTERLACED = {"x264-params": "interlaced=1", "crf": "8"}
STEP = 6
"""Pixels by which the bar moves from one half of an image to the next."""


def moving_bar(number, size_hw):
    """Paint a bright bar on a grey ground: even lines show it where it is first, odd ones half a frame later."""
    image = np.full((*size_hw, 3), 60, np.uint8)
    for half in (0, 1):
        left = 10 + (2 * number + half) * STEP
        image[half::2, left : left + 30] = 220
    return image


def combs(image):
    """Measure by how much lines of the second half leave the range of their neighbours, at most."""
    lines = image.astype(int)
    above, middle, below = lines[:-2:2], lines[1:-1:2], lines[2::2]
    outside = np.maximum(np.minimum(above, below) - middle, middle - np.maximum(above, below))
    return int(outside.max())


@given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_smooth_images_stay_as_they_are(height, width, seed):
    across = np.random.default_rng(seed).integers(0, 200, (1, width, 3))
    image = (across + 2 * np.arange(height)[:, None, None]).astype(np.uint8)

    np.testing.assert_array_equal(deinterlace(image), image)


@given(st.integers(3, 21), st.integers(2, 30), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_lines_of_the_first_half_are_never_touched(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    whole = deinterlace(image)

    np.testing.assert_array_equal(whole[0::2], image[0::2])
    assert combs(whole) <= 12


def test_what_moves_is_shown_once():
    image = moving_bar(3, (48, 160))

    np.testing.assert_array_equal(deinterlace(image), np.repeat(image[0::2], 2, axis=0))


@pytest.mark.parametrize(
    ("pixel_aspect", "size_hw"), [(None, (96, 160)), (Fraction(2, 1), (96, 320)), (Fraction(1, 2), (192, 160))]
)
def test_interlaced_video_is_read_without_combs(tmp_path, pixel_aspect, size_hw):
    path = write_video(
        tmp_path / "clip.mp4", num_frames=8, size_hw=(96, 160), paint=moving_bar, options=INTERLACED,
        pixel_aspect=pixel_aspect,
    )  # fmt: skip

    images = [record.frame.image.permute(1, 2, 0).numpy() for record in open_video(path).records()]

    assert len(images) == 8
    assert {image.shape[:2] for image in images} == {size_hw}
    assert max(combs(image) for image in images) < 30, "a comb is 160 levels high"


def test_progressive_video_keeps_its_lines(tmp_path):
    path = write_video(
        tmp_path / "clip.mp4", num_frames=3, size_hw=(96, 160), paint=moving_bar, options={"crf": "8"}
    )  # fmt: skip

    images = [record.frame.image.permute(1, 2, 0).numpy() for record in open_video(path).records()]

    assert min(combs(image) for image in images) > 100
