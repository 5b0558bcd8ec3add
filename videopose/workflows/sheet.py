"""A contact sheet: some frames of a result, evenly spaced, drawn into one image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from videopose.drawing.options import DrawOptions
from videopose.errors import InputError, VideoPoseError
from videopose.io.result import atomic_write
from videopose.types import U8
from videopose.workflows.drawn import DrawnVideo
from videopose.workflows.outputs import check_output

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_GAP = 4
"""Pixels between frames."""
_MAX_SIDE = 16000
"""Pixels: what image files and viewers can hold."""


def contact_sheet(
    clip: str | Path,
    poses: str | Path,
    output: str | Path,
    *,
    columns: int = 4,
    rows: int = 3,
    width: int = 1600,
    drawing: DrawOptions | None = None,
    frames: tuple[int, int | None] | None = None,
    overwrite: bool = False,
    **reading: Any,  # Any: as `render` takes them
) -> None:
    """Draw frames of a result side by side, each with its number and time.

    Args:
        clip: the video, folder or glob the result was made of.
        poses: a result of `videopose run`.
        output: `.jpg`, `.png` or `.webp`.
        columns: of frames.
        rows: of frames, at most.
        width: of the sheet, pixels.
        drawing: what is drawn, and how.
        frames: first and last index wanted of those in the result, inclusive.
        overwrite: replace what is there.
        **reading: `frame_rate`, `stream`, `allow_references`, `keep_holes`, as `render`.

    Raises:
        InputError: as `render`; or the sheet would be too large or its frames too small.
    """
    output, clip = Path(output), Path(clip)
    if output.suffix.lower() not in SUFFIXES:
        raise InputError(f"{output}: sheets are written as {', '.join(SUFFIXES)}, by the suffix; choose one of them")
    check_output(output, (clip, Path(poses)), overwrite=overwrite)
    each = (width - (columns - 1) * _GAP) // max(1, columns)
    if columns < 1 or rows < 1 or each < 32:
        what = f"{columns} x {rows} frames, each {each} pixels wide, are no sheet"
        raise InputError(f"{output}: {what}. Choose a larger width or fewer columns")
    drawn = DrawnVideo.open(
        clip, poses, drawing or DrawOptions(), frames=frames, every=1, width=each, side_by_side=False, **reading
    )
    if (drawn.size_hw[0] + _GAP) * rows > _MAX_SIDE:
        raise InputError(f"{output}: {rows} rows of {drawn.size_hw[0]} pixels are too high. Choose fewer rows")
    tiles = list(_chosen(drawn, columns * rows))
    ok, data = cv2.imencode(output.suffix.lower(), np.ascontiguousarray(_laid_out(tiles, columns)[..., ::-1]))
    if not ok:
        raise VideoPoseError(f"{output}: the image cannot be encoded. Choose another suffix")
    with atomic_write(output) as file:
        file.write(data.tobytes())


def _chosen(drawn: DrawnVideo, number: int) -> Iterator[U8]:
    """Yield frames that lie evenly over a result, the first and the last among them, each with its caption.

    Every frame passes by, because trails need the ones between.
    """
    wanted = {round(place) for place in np.linspace(0, drawn.num_frames - 1, min(number, drawn.num_frames))}
    for place, (image, time) in enumerate(drawn):
        if place in wanted:
            _caption(image, f"{drawn.last[0]}  {time:.2f} s")
            yield image


def _caption(image: U8, text: str) -> None:
    """Write into the lower left corner, in place."""
    font, height = cv2.FONT_HERSHEY_SIMPLEX, max(9, round(image.shape[1] / 32))
    scale = cv2.getFontScaleFromHeight(font, height, 1)
    (width, tall), _ = cv2.getTextSize(text, font, scale, 1)
    pad = max(3, height // 3)
    cv2.rectangle(image, (0, image.shape[0] - tall - 2 * pad), (width + 2 * pad, image.shape[0]), (0, 0, 0), cv2.FILLED)
    cv2.putText(image, text, (pad, image.shape[0] - pad), font, scale, (255, 255, 255), 1, cv2.LINE_AA)


def _laid_out(tiles: list[U8], columns: int) -> U8:
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        top, left = row * (height + _GAP), column * (width + _GAP)
        sheet[top : top + height, left : left + width] = tile
    return sheet
