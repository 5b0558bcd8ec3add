"""Augmentation that moves pixels: everything ends in one affine map per person."""

from __future__ import annotations

import numpy as np

from videopose.config import Options
from videopose.data.samples import PersonLabel
from videopose.geometry.affine import apply, crop_from_box, mirror
from videopose.geometry.keypoints import boxes_around
from videopose.skeletons import Skeleton
from videopose.types import F32, F64

LOWER_BODY = ("hip", "knee", "ankle")


class GeometryOptions(Options):
    """How far people are turned, scaled and shifted.

    Source:
        Ranges after Sun et al., HRNet, CVPR 2019, section 4.1 (rotation 45, scale 0.35, half body 0.3); turning all
        the way round is for acrobats, whom those papers' data does not hold.
    """

    padding: float = 1.25
    """Factor by which a box grows before it is cut out."""
    rotation_degrees: float = 30.0
    """Standard deviation of the turn; cut off at twice that."""
    rotation_probability: float = 0.7
    full_turn_probability: float = 0.08
    """How often a person is turned by any angle at all."""
    scale: float = 0.2
    """Standard deviation of the logarithm of the scale; cut off at twice that."""
    translation: float = 0.05
    """Standard deviation of the shift, in padded box sizes."""
    flip_probability: float = 0.5
    half_body_probability: float = 0.2
    truncation_probability: float = 0.0
    """How often a box loses a random part of one of its sides, as at the border of a frame."""
    truncation: float = 0.5
    """Largest part of a box's height or width that is cut off."""
    half_body_min_keypoints: int = 8
    """People with fewer labelled keypoints are never cut in half."""


def draw_crop(
    rng: np.random.Generator,
    person: PersonLabel,
    options: GeometryOptions,
    input_hw: tuple[int, int],
    skeleton: Skeleton,
) -> tuple[F64, bool]:
    """Draw a random view of a person.

    Returns:
        The (3, 3) transform from image to crop pixels, mirror included, and whether it mirrors.
    """
    box = person.xyxy
    if rng.random() < options.half_body_probability and person.num_labelled >= options.half_body_min_keypoints:
        box = _half_body(rng, person, skeleton)
    elif options.truncation_probability and rng.random() < options.truncation_probability:
        box = _truncated(rng, box, options.truncation)
    degrees = 0.0
    if rng.random() < options.full_turn_probability:
        degrees = float(rng.uniform(-180, 180))
    elif rng.random() < options.rotation_probability:
        degrees = float(np.clip(rng.normal(), -2, 2) * options.rotation_degrees)
    scale = float(np.exp(np.clip(rng.normal(), -2, 2) * options.scale))
    shift = rng.normal(size=2) * options.translation * np.array([input_hw[1], input_hw[0]])
    matrix = crop_from_box(box, input_hw, padding=options.padding * scale, degrees=degrees)
    matrix[:2, 2] += shift
    flipped = bool(rng.random() < options.flip_probability)
    return (mirror(input_hw[1]) @ matrix if flipped else matrix), flipped


def _half_body(rng: np.random.Generator, person: PersonLabel, skeleton: Skeleton) -> F32:
    """Return the box of a person's upper or lower half, chosen by chance; the whole box if the half is not labelled."""
    is_lower = np.array([name.endswith(LOWER_BODY) for name in skeleton.keypoints])
    wanted = is_lower if rng.random() < 0.4 else ~is_lower
    half = person.keypoints.copy()
    half[~wanted, 2] = 0
    if (half[:, 2] > 0).sum() < 3:
        return person.xyxy
    box = boxes_around(half[None], padding=1.3)[0]
    return box if float(np.min(box[2:] - box[:2])) > 4 else person.xyxy


def _truncated(rng: np.random.Generator, box: F32, largest: float) -> F32:
    """Cut a part off one side of a box; of half of them off the lower side, where frames and tables cut people."""
    side = 3 if rng.random() < 0.5 else int(rng.integers(4))
    amount = rng.uniform(0.1, largest) * float(box[side % 2 + 2] - box[side % 2])
    cut = box.copy()
    cut[side] += amount if side < 2 else -amount
    return cut


def move_keypoints(keypoints: F32, crop_from_image: F64, skeleton: Skeleton, *, flipped: bool) -> F32:
    """Transform keypoints as the pixels are; left and right change names in a mirrored crop.

    Args:
        keypoints: (K, 3) x, y in image pixels and visibility.
        crop_from_image: (3, 3), mirror included.
        skeleton: whose keypoints these are.
        flipped: whether the transform mirrors.

    Returns:
        (K, 3) x, y in crop pixels and visibility.
    """
    moved = keypoints.copy()
    moved[:, :2] = apply(crop_from_image, keypoints[:, :2])
    return moved[skeleton.flip_index] if flipped else moved
