"""Small images of the worst frames: truth in green, predictions in orange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from videopose.io.exchange.table import PoseTable
from videopose.types import U8

_WIDTH = 420
_TRUTH, _PREDICTED = (80, 200, 60), (40, 140, 255)  # BGR


def thumbnails(
    worst: Sequence[Mapping[str, Any]], tables: Mapping[str, tuple[PoseTable, PoseTable]], images: Path
) -> tuple[tuple[str, bytes], ...]:
    """Draw the worst frames whose images can be found.

    Args:
        worst: entries of `explanation.worst_frames`.
        tables: sequence -> truth and predictions on the same frames.
        images: folder the image names are relative to.

    Returns:
        A caption and JPEG bytes for each; frames without an image in the folder are left out.
    """
    out = []
    for entry in worst:
        pair, path = tables.get(entry["sequence"]), _inside(images, entry["image"])
        image = cv2.imread(str(path)) if pair is not None and path is not None else None
        if pair is None or image is None:
            continue
        position = _position(pair[0], entry["image"])
        drawn = _drawn(np.asarray(image, np.uint8), pair, position)
        encoded = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        caption = f"{entry['sequence']}, {Path(entry['image']).name}: {entry['wrong_keypoints']} keypoints wrong"
        out.append((caption, encoded.tobytes()))
    return tuple(out)


def _inside(images: Path, name: str) -> Path | None:
    """Return the image of a name, None if it is not there or not in the folder: names come from somebody's file."""
    folder = images.resolve()
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (OSError, ValueError):  # a name no file can have
        return None


def _position(table: PoseTable, name: str) -> int:
    return next(position for position, frame in enumerate(table.frames) if frame.name == name)


def _drawn(image: U8, pair: tuple[PoseTable, PoseTable], position: int) -> U8:
    scale = _WIDTH / image.shape[1]
    drawn = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for table, colour in zip(pair, (_TRUTH, _PREDICTED), strict=True):
        for points in table.xy[table.rows_of(position)] * scale:
            for a, b in table.skeleton.edges:
                if np.isfinite(points[[a, b]]).all():
                    ends = [tuple(int(value) for value in points[end].round()) for end in (a, b)]
                    cv2.line(drawn, ends[0], ends[1], colour, 2, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)
