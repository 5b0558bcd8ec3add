"""Bad video from good: seeded blur, occluders, darkness, compression and lost frames, for training and for measuring.

Everything is scaled by the person's box, so that a small person is not hidden altogether by what a large one shrugs
off. What comes in runs hits some frames and spares others, as shakes and dropouts do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from videopose.errors import check_shape
from videopose.geometry.boxes import clip
from videopose.types import F32, F64, U8, Bool

Kind = Literal["motion_blur", "defocus", "occlusion", "low_light", "jpeg", "dropped"]
KINDS: tuple[Kind, ...] = get_args(Kind)
JPEG_QUALITY = 6
"""Quantisation steps eight times those of quality 50, the standard's own tables."""
_RUN, _REST = (2, 7), (3, 8)
"""Frames that are hit in a row and that are spared, ranges open at the end: about two in five frames are hit."""

Images = list[U8]


def degrade(frames: Sequence[U8], boxes: F32, kind: Kind, rng: np.random.Generator) -> Images:
    """Degrade a clip.

    Args:
        frames: T images, (H, W, 3) uint8 RGB.
        boxes: (T, 4) the person in each, image pixels; NaN where nobody is.
        kind: what happens to it.
        rng: source of every random number.

    Returns:
        T new images: with `motion_blur` and `defocus` runs of 2 to 6 frames are blurred by 0.12 to 0.3, and by discs of
        0.05 to 0.11, of the box's longer side; with `occlusion` an object crosses every ten frames or so; `low_light`
        leaves 4 to 10 % of the light, with its noise; `jpeg` compresses every frame; with `dropped` runs of 2 to 6
        frames are lost, and either black or the last frame again.
    """
    check_shape("boxes", boxes, len(frames), 4)
    change: Callable[[Sequence[U8], F32, np.random.Generator], Images] = {
        "motion_blur": _motion_blur,
        "defocus": _defocus,
        "occlusion": _occlusion,
        "low_light": _low_light,
        "jpeg": _jpeg,
        "dropped": _dropped,
    }[kind]
    return change(frames, _known(boxes, frames), rng)


def clip_seed(seed: int, name: str, kind: Kind) -> np.random.Generator:
    """Return the generator for one clip and kind: other clips and kinds do not change what this one gets."""
    return np.random.default_rng([seed, KINDS.index(kind), *name.encode()])


def _known(boxes: F32, frames: Sequence[U8]) -> F32:
    """Cut boxes off at the image's border, and give frames without one the middle half of the image."""
    height, width = frames[0].shape[:2]
    middle = np.array([width / 4, height / 4, width * 3 / 4, height * 3 / 4], np.float32)
    return clip(np.where(np.isnan(boxes), middle, boxes), (height, width))


def _sides(boxes: F32) -> F32:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(1))


def _runs(rng: np.random.Generator, count: int) -> list[range]:
    """Draw which frames are hit: runs with rests between them, the first frame never among them."""
    runs, start = [], int(rng.integers(1, _REST[1]))
    while start < count:
        stop = min(count, start + int(rng.integers(*_RUN)))
        runs.append(range(start, stop))
        start = stop + int(rng.integers(*_REST))
    return runs


def _motion_blur(frames: Sequence[U8], boxes: F32, rng: np.random.Generator) -> Images:
    out, sides = list(frames), _sides(boxes)
    for run in _runs(rng, len(frames)):
        angle, share = rng.uniform(0, math.pi), rng.uniform(0.12, 0.3)
        for index in run:
            out[index] = _filtered(frames[index], _streak(share * float(sides[index]), angle))
    return out


def _streak(length: float, angle: float) -> F32:
    """Return the kernel of a straight movement."""
    radius = max(1, round(length / 2))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for step in np.linspace(-radius, radius, 4 * radius + 1):
        kernel[round(radius + step * math.sin(angle)), round(radius + step * math.cos(angle))] = 1
    return np.asarray(kernel / kernel.sum(), np.float32)


def _defocus(frames: Sequence[U8], boxes: F32, rng: np.random.Generator) -> Images:
    out, sides = list(frames), _sides(boxes)
    for run in _runs(rng, len(frames)):
        share = rng.uniform(0.05, 0.11)
        for index in run:
            radius = max(1, round(share * float(sides[index])))
            y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
            disc = (y**2 + x**2 <= radius**2).astype(np.float32)
            out[index] = _filtered(frames[index], disc / disc.sum())
    return out


def _filtered(image: U8, kernel: F32) -> U8:
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)


def _occlusion(frames: Sequence[U8], boxes: F32, rng: np.random.Generator) -> Images:
    out = [frame.copy() for frame in frames]
    start = int(rng.integers(-4, 4))
    while start < len(frames):
        duration = int(rng.integers(7, 12))
        _cross(out, boxes, range(start, start + duration), rng)
        start += duration + int(rng.integers(1, 6))
    return out


def _cross(frames: Images, boxes: F32, when: range, rng: np.random.Generator) -> None:
    """Draw an opaque object that passes in front of the person, in place."""
    side = float(np.median(_sides(boxes)))
    size = rng.uniform((0.35, 0.6), (0.65, 1.1)) * side  # along the way, across it
    angle = rng.uniform(0, 2 * math.pi)
    heading = np.array([math.cos(angle), math.sin(angle)])
    aside = rng.normal(0, 0.1 * side) * np.array([-heading[1], heading[0]])
    texture, is_round = _texture(rng, frames), bool(rng.random() < 0.5)
    for index in when:
        if not 0 <= index < len(frames):
            continue
        box = boxes[index]
        done = (index - when.start + 0.5) / len(when)
        middle = (box[:2] + box[2:]) / 2 + aside + heading * (done - 0.5) * (side * 0.8 + size[0])
        shape = _shape_mask(frames[index].shape[:2], middle, size, math.degrees(angle), is_round=is_round)
        frames[index][shape] = texture[shape]


def _texture(rng: np.random.Generator, frames: Sequence[U8]) -> U8:
    """Paint a surface of soft patches in two of the clip's own colours."""
    height, width = frames[0].shape[:2]
    rows, columns = rng.integers(height, size=2), rng.integers(width, size=2)
    dark, light = frames[0][rows, columns].astype(np.float32)
    patches = cv2.resize(rng.random((6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(dark + (light - dark) * patches[..., None], 0, 255), np.uint8)


def _shape_mask(size_hw: tuple[int, ...], middle: F64, size: F64, degrees: float, *, is_round: bool) -> Bool:
    mask = np.zeros(size_hw[:2], np.uint8)
    placed = ((float(middle[0]), float(middle[1])), (float(size[0]), float(size[1])), degrees)
    if is_round:
        cv2.ellipse(mask, placed, 1, -1)
    else:
        cv2.fillPoly(mask, [np.round(cv2.boxPoints(placed)).astype(np.int32)], 1)
    return mask.astype(bool)


def _low_light(frames: Sequence[U8], boxes: F32, rng: np.random.Generator) -> Images:
    light, noise = rng.uniform(0.04, 0.1), rng.uniform(1.0, 2.5)
    out = []
    for frame in frames:
        dark = frame.astype(np.float32) * light
        # photons come one by one (the first term), and reading a pixel adds its own noise
        shot = rng.standard_normal(frame.shape, np.float32) * np.sqrt(dark * 0.3)
        read = rng.standard_normal(frame.shape, np.float32) * noise
        out.append(np.clip(np.round(dark + shot + read), 0, 255).astype(np.uint8))
    return out


def _jpeg(frames: Sequence[U8], boxes: F32, rng: np.random.Generator) -> Images:
    out = []
    for frame in frames:
        _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        out.append(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1].copy())
    return out


def _dropped(frames: Sequence[U8], boxes: F32, rng: np.random.Generator) -> Images:
    out = list(frames)
    for run in _runs(rng, len(frames)):
        stays = bool(rng.random() < 0.5)
        for index in run:
            out[index] = frames[run.start - 1] if stays else np.zeros_like(frames[index])
    return out
