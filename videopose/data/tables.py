"""Any `PoseTable` of `videopose.io.exchange` as training images: how a public set's own files get in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from videopose.data.coco import target_columns
from videopose.data.samples import LabelledImage, PersonLabel, image_size
from videopose.geometry.boxes import area, clip
from videopose.io.exchange.table import FrameEntry, PoseTable
from videopose.skeletons import Skeleton
from videopose.types import F32


def keypoints_of(table: PoseTable, skeleton: Skeleton) -> F32:
    """Return everybody's keypoints in another skeleton's order.

    Returns:
        (N, K, 3) x, y in image pixels and visibility, 0 where the table has none of that name.
    """
    source, target = target_columns(list(table.skeleton.keypoints), skeleton)
    present = table.present[:, source]
    keypoints = np.zeros((len(table), len(skeleton), 3), np.float32)
    keypoints[:, target, :2] = np.where(present[..., None], table.xy[:, source], 0)
    flags = np.where(table.visibility[:, source] < 0, 2, table.visibility[:, source])
    keypoints[:, target, 2] = np.where(present, flags, 0)
    return keypoints


def within_frame(keypoints: F32, size_hw: tuple[int, int]) -> F32:
    """Call keypoints outside the frame not labelled; (..., K, 3) both."""
    x, y = keypoints[..., 0], keypoints[..., 1]
    inside = (x >= 0) & (y >= 0) & (x <= size_hw[1] - 1) & (y <= size_hw[0] - 1)
    out = keypoints.copy()
    out[..., 2] = np.where(inside, keypoints[..., 2], 0)
    return out


def images_of(
    table: PoseTable, skeleton: Skeleton, locate: Callable[[FrameEntry], Path], *, key: str = "{number}"
) -> list[LabelledImage]:
    """Build training images of a table's frames, without frames that were not labelled.

    A person without a box gets one that ends at their keypoints; a person without either is left out. Crowds and
    polygons that do not count become ignore regions.

    Args:
        table: people with keypoints, boxes or both.
        skeleton: the target order of keypoints.
        locate: gives a frame's image file.
        key: of the images, `{number}` and `{name}` of the frame filled in.

    Raises:
        DatasetError: an image file whose size the table does not know cannot be opened.
    """
    keypoints, boxes = keypoints_of(table, skeleton), table.boxes()
    images = []
    for position, frame in enumerate(table.frames):
        if frame.labelled is False:
            continue
        path = locate(frame)
        size_hw = frame.size_hw or image_size(path)
        rows = range(*table.rows_of(position).indices(len(table)))
        people = [
            _person(table, row, boxes[row], within_frame(keypoints[row], size_hw), size_hw)
            for row in rows
            if np.isfinite(boxes[row]).all()
        ]
        people += [_ignored(np.array(region, np.float64), len(skeleton)) for region in frame.ignore_regions]
        name = key.format(number=frame.number, name=frame.name)
        images.append(LabelledImage(name, path, size_hw, tuple(people)))
    return images


def _person(table: PoseTable, row: int, box: np.ndarray, keypoints: F32, size_hw: tuple[int, int]) -> PersonLabel:
    size = float(table.area[row]) if np.isfinite(table.area[row]) else float(area(box))
    return PersonLabel(
        xyxy=clip(box.astype(np.float32), size_hw),
        keypoints=keypoints,
        weight=np.ones(len(keypoints), np.float32),
        area=size,
        ignore=bool(table.crowd[row]),
        key=str(row),
    )


def _ignored(polygon: np.ndarray, num_keypoints: int) -> PersonLabel:
    box = np.concatenate([polygon.min(0), polygon.max(0)]).astype(np.float32)
    nothing = np.zeros((num_keypoints, 3), np.float32)
    return PersonLabel(box, nothing, np.ones(num_keypoints, np.float32), float(area(box)), ignore=True)
