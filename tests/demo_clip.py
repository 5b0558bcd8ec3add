"""Make a short clip of real people from nothing but what is installed, for `make demo`.

Two cut-outs of the public-domain portrait of Grace Hopper that matplotlib ships cross a stage in opposite directions
and pass each other; for about a second one of them is hidden behind a pillar. Run as
`python tests/demo_clip.py OUT.mp4`.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from videopose.types import F32, U8

SIZE_HW = (360, 640)
FRAME_RATE = 25
SECONDS = 8.0
PILLAR = (140, 345)
"""Left and right edge of the pillar, pixels: wide enough to hide the smaller person for a second."""


def portrait() -> tuple[U8, F32]:
    """Return the portrait, (H, W, 3) RGB, and its opacity, (H, W) in [0, 1], cut out from its background."""
    from matplotlib.cbook import get_sample_data  # a test dependency: only the demo needs it

    image = cv2.imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False)), cv2.IMREAD_COLOR)
    assert image is not None, "matplotlib's sample portrait is no image"
    height, width = image.shape[:2]
    mask = np.full((height, width), cv2.GC_PR_FGD, np.uint8)
    mask[:, :12] = mask[:, -12:] = mask[:20] = cv2.GC_BGD
    mask[: height // 3, : width // 5] = mask[: height // 3, -width // 5 :] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(image, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    body = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(body)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    opacity = cv2.GaussianBlur((labels == largest).astype(np.float32), (0, 0), 1.5)
    return np.asarray(image[..., ::-1], np.uint8), np.asarray(opacity, np.float32)


def stage() -> F32:
    """Paint the background: a wall, a floor and a little grain, (H, W, 3) in [0, 255]."""
    height, width = SIZE_HW
    rows = np.linspace(0, 1, height)[:, None, None]
    wall = np.array([150, 168, 178]) * (1 - 0.25 * rows)
    floor = np.array([126, 104, 84]) * (0.75 + 0.25 * rows)
    image = np.where(rows < 0.8, wall, floor) * np.ones((1, width, 1))
    grain = np.random.default_rng(0).normal(0, 3, (height, width, 1))
    return np.asarray(image + grain, np.float32)


def paste(canvas: F32, person: U8, opacity: F32, *, center: float, tall: int) -> None:
    """Lay a person onto the image, in place, standing on its lower edge.

    Args:
        image: (H, W, 3).
        person: (h, w, 3) cut-out.
        opacity: (h, w) in [0, 1].
        center: of the person, x in pixels of the image; parts outside are cut off.
        tall: height of the person in the image, pixels.
    """
    wide = round(tall * person.shape[1] / person.shape[0])
    small = cv2.resize(person, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(opacity, (wide, tall), interpolation=cv2.INTER_AREA)[..., None]
    left = round(center - wide / 2)
    first, last = max(0, left), min(canvas.shape[1], left + wide)
    if first >= last:
        return
    shown = slice(first - left, last - left)
    target = canvas[-tall:, first:last]
    target += weight[:, shown] * (small[:, shown] - target)


def frame_at(time: float, background: F32, person: U8, opacity: F32) -> U8:
    """Paint the image at a time: the smaller person behind the pillar, the larger one in front of it."""
    done = time / SECONDS
    image = background.copy()
    width = SIZE_HW[1]
    paste(image, person[:, ::-1], opacity[:, ::-1], center=width * (0.92 - 0.8 * done), tall=165)
    image[40:, PILLAR[0] : PILLAR[1]] = background[40:, PILLAR[0] : PILLAR[1]] * 0.55
    bob = 3 * np.sin(2 * np.pi * 1.5 * time)
    paste(image, person, opacity, center=width * (0.1 + 0.75 * done), tall=round(285 + bob))
    return np.asarray(image.clip(0, 255).astype(np.uint8), np.uint8)


def write_demo_clip(path: Path, *, num_frames: int = round(SECONDS * FRAME_RATE)) -> None:
    """Write the clip, or its first frames, as H.264 in an mp4."""
    person, opacity = portrait()
    background = stage()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options={"crf": "20"})
        stream.height, stream.width = SIZE_HW
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FRAME_RATE)
        for number in range(num_frames):
            image = frame_at(number / FRAME_RATE, background, person, opacity)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    write_demo_clip(Path(sys.argv[1]))
