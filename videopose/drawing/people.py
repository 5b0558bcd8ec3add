"""Draw people into an image: skeletons coloured per track, ids with labels. Pixels only, no files."""

from __future__ import annotations

import colorsys

import numpy as np

from videopose.drawing.heads import HEAD, head_circles
from videopose.drawing.labels import Label, draw_label, label_size, place_labels
from videopose.drawing.limbs import DrawStyle, Limbs
from videopose.drawing.options import PLAIN, DrawOptions
from videopose.drawing.strokes import Colour, blend_box
from videopose.errors import InputError
from videopose.images import Image, as_images
from videopose.skeletons import Skeleton
from videopose.types import F32, U8, UNTRACKED, Bool, Poses

_GOLDEN = 0.618034
"""Steps of this share of the colour circle keep any run of ids far apart in hue."""


def track_color(track_id: int) -> Colour:
    """Return a track its colour; grey for nobody's.

    Example:
        >>> track_color(-1)
        (200, 200, 200)
    """
    if track_id == UNTRACKED:
        return (200, 200, 200)
    hue = (0.07 + (track_id - 1) * _GOLDEN) % 1.0
    # Blue and violet look dark on a screen and yellow glaring: lift the one, soften the other.
    value = 1.0 if 0.5 < hue < 0.9 else 0.95
    saturation = 0.62 if 0.55 < hue < 0.85 else 0.85
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def filled_keypoints(poses: Poses) -> Bool:
    """Return which keypoints were filled in between others instead of seen, (N, K); none where the poses do not say."""
    source = getattr(poses, "source", None)
    return np.zeros(poses.keypoints.shape[:2], np.bool_) if source is None else np.asarray(source) == 1


def draw(image: Image, poses: Poses, *, skeleton: Skeleton | None = None, options: DrawOptions | None = None) -> U8:
    """Draw everybody into a copy of an image.

    Args:
        image: numpy (H, W, 3) or torch (3, H, W), uint8 RGB.
        poses: in the image's pixels.
        skeleton: of the poses; taken from them if they say it.
        options: what is drawn, and how, `videopose.drawing.options.DrawOptions`; heads are not hidden here.

    Returns:
        (H, W, 3) uint8 RGB of the same size.

    Raises:
        InputError: the image is of another kind, or nobody says which skeleton the poses have.
    """
    known = skeleton or poses.skeleton
    if known is None:
        raise InputError(
            f"poses of {poses.keypoints.shape[1]} keypoints do not say which skeleton they have; give skeleton=…"
        )
    (tensor,) = as_images(image)
    copy = np.ascontiguousarray(tensor.cpu().permute(1, 2, 0).numpy()).copy()
    draw_people(copy, poses, known, options or PLAIN)
    return copy


def draw_people(image: U8, poses: Poses, skeleton: Skeleton, options: DrawOptions = PLAIN) -> None:
    """Draw everybody into an image, in place; weak people first, so that they do not cover strong ones.

    Args:
        image: (H, W, 3) RGB, contiguous.
        poses: in the image's pixels.
        skeleton: of the poses.
        options: which layers, and how.
    """
    pen = DrawStyle.for_size((image.shape[0], image.shape[1]), options.scale)
    filled, heads = filled_keypoints(poses), head_circles(poses, skeleton, min_score=options.min_score)
    for row in np.argsort(poses.score, kind="stable"):
        person = pen.for_person(float(poses.xyxy[row, 3] - poses.xyxy[row, 1]))
        colour = track_color(int(poses.track_id[row]))
        if "boxes" in options.draw and np.isfinite(poses.xyxy[row]).all():
            blend_box(image, poses.xyxy[row], colour, max(1.0, person.line * 0.6), dashed=bool(filled[row].all()))
        if "skeleton" in options.draw or "faces" in options.draw:
            limbs = Limbs(poses.keypoints[row], filled[row], skeleton, options, person, head=float(2 * heads[row, 2]))
            limbs.draw(image, colour)
    if "labels" in options.draw or "scores" in options.draw:
        _draw_labels(image, poses, skeleton, heads, options, pen)


def _draw_labels(image: U8, poses: Poses, skeleton: Skeleton, heads: F32, options: DrawOptions, pen: DrawStyle) -> None:
    """Label everybody who has an id and a keypoint that is drawn; lower ids choose their place first."""
    labels = []
    for row in np.argsort(poses.track_id, kind="stable"):
        is_seen = (poses.keypoints[row, :, 2] >= options.min_score).any()
        text = _text_of(poses, int(row), options)
        if is_seen and text and _is_inside(poses.xyxy[row], image):
            x, top = _top_of_head(poses, int(row), heads[row], skeleton, options.min_score)
            labels.append(Label(text, track_color(int(poses.track_id[row])), (x, top - pen.line)))
    sizes = [label_size(label.text, pen.text) for label in labels]
    corners = place_labels([label.anchor for label in labels], sizes, heads, (image.shape[0], image.shape[1]))
    for label, corner in zip(labels, corners, strict=True):
        if corner is not None:
            draw_label(image, label, corner, pen.text)


def _top_of_head(poses: Poses, row: int, head: F32, skeleton: Skeleton, min_score: float) -> tuple[float, float]:
    """Return the point a label stands on: over the keypoints of the head; over its circle where there are none."""
    x, y, radius = (float(part) for part in head)
    names = skeleton.keypoints
    points = poses.keypoints[row, [index for index, name in enumerate(names) if name in HEAD]]
    seen = points[np.isfinite(points).all(1) & (points[:, 2] >= min_score)]
    if not len(seen):
        return x, y - radius
    crown = names.index("head_top") if "head_top" in names else None
    has_crown = crown is not None and poses.keypoints[row, crown, 2] >= min_score
    return x, float(seen[:, 1].min()) - radius * (0.35 if has_crown else 0.6)


def _is_inside(xyxy: F32, image: U8) -> bool:
    """Check whether a part of a box lies in the image; a box that is nowhere does."""
    x1, y1, x2, y2 = xyxy
    return not (x2 < 0 or y2 < 0 or x1 > image.shape[1] or y1 > image.shape[0])


def _text_of(poses: Poses, row: int, options: DrawOptions) -> str:
    """Write an id, a score or both; nothing for somebody without an id where only ids are wanted."""
    words = []
    if "labels" in options.draw and poses.track_id[row] != UNTRACKED:
        words.append(str(poses.track_id[row]))
    if "scores" in options.draw:
        words.append(f"{poses.score[row]:.2f}")
    return " ".join(words)
