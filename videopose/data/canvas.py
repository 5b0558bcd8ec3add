"""Training images for the detector: one image, or four in a mosaic, placed at random on a canvas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from videopose.config import Options
from videopose.data.samples import LabelledImage
from videopose.geometry.affine import invert, mirror, scaling, translation
from videopose.geometry.boxes import area, clip
from videopose.geometry.warp import warp_array
from videopose.types import F32, F64, U8

PERSON, IGNORE, PADDING = 1, 0, -1
"""Labels of boxes: a person; a region or a piece of a person nobody is judged on; nothing at all."""


class CanvasOptions(Options):
    """How images are placed on a canvas.

    Source:
        Mosaic: Bochkovskiy et al., YOLOv4, 2020, section 3.3.
    """

    mosaic_probability: float = 0.5
    zoom: tuple[float, float] = (0.75, 1.9)
    """Range of the scale relative to fitting the tile."""
    aspect: float = 0.25
    """Standard deviation of the logarithm of the change of aspect."""
    flip_probability: float = 0.5
    min_visible: float = 0.35
    """People of whom less than this share is left become ignore regions."""
    min_side: float = 8.0
    """People smaller than this on the canvas become ignore regions, pixels."""


Tile = tuple[int, int, int, int]  # left, top, right, bottom in canvas pixels


def compose(
    rng: np.random.Generator,
    draw: Callable[[], LabelledImage],
    read: Callable[[LabelledImage], U8],
    size_hw: tuple[int, int],
    options: CanvasOptions,
) -> tuple[U8, F32]:
    """Fill a canvas.

    Args:
        rng: source of every random number.
        draw: gives the next labelled image.
        read: gives its pixels.
        size_hw: (height, width) of the canvas.
        options: how images are placed.

    Returns:
        (H, W, 3) uint8 canvas and (M, 5) x1, y1, x2, y2 in canvas pixels and label.
    """
    canvas = np.full((*size_hw, 3), rng.integers(90, 140), np.uint8)
    boxes = []
    for tile in _tiles(rng, size_hw, options):
        image = draw()
        tile_hw = (tile[3] - tile[1], tile[2] - tile[0])
        tile_from_image, flipped = _placement(rng, image.size_hw, tile_hw, options)
        pixels = warp_array(read(image), tile_from_image, tile_hw)
        inside = warp_array(np.full((*image.size_hw, 1), 255, np.uint8), tile_from_image, tile_hw, antialias=False)
        part = canvas[tile[1] : tile[3], tile[0] : tile[2]]
        np.copyto(part, pixels, where=(inside.reshape(*tile_hw, 1) > 127))
        boxes.append(_move_boxes(image, tile_from_image, tile, flipped, options))
    return canvas, np.concatenate(boxes)


def _tiles(rng: np.random.Generator, size_hw: tuple[int, int], options: CanvasOptions) -> list[Tile]:
    height, width = size_hw
    if rng.random() >= options.mosaic_probability:
        return [(0, 0, width, height)]
    x, y = int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7))
    return [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]


def _placement(
    rng: np.random.Generator, image_hw: tuple[int, int], tile_hw: tuple[int, int], options: CanvasOptions
) -> tuple[F64, bool]:
    fit = min(tile_hw[0] / image_hw[0], tile_hw[1] / image_hw[1])
    zoom = fit * np.exp(rng.uniform(*np.log(options.zoom)))
    stretch = np.exp(np.clip(rng.normal(), -2, 2) * options.aspect / 2)
    scale = np.array([zoom * stretch, zoom / stretch])
    size = np.array([image_hw[1], image_hw[0]]) * scale
    free = np.array([tile_hw[1], tile_hw[0]]) - size
    corner = rng.uniform(size=2) * free  # inside the tile if smaller, a random cut-out if larger
    matrix = translation(*corner) @ scaling(*scale)
    flipped = bool(rng.random() < options.flip_probability)
    return (matrix @ mirror(image_hw[1]) if flipped else matrix), flipped


def _move_boxes(image: LabelledImage, tile_from_image: F64, tile: Tile, flipped: bool, options: CanvasOptions) -> F32:
    if not image.people:
        return np.zeros((0, 5), np.float32)
    boxes = np.stack([person.xyxy for person in image.people]).astype(np.float64)
    ignore = np.array([person.ignore for person in image.people])
    if flipped:  # boxes mirror about the image's edges, pixels about their centres
        boxes[:, [0, 2]] = image.size_hw[1] - boxes[:, [2, 0]]
        tile_from_image = tile_from_image @ invert(mirror(image.size_hw[1]))
    scale, corner = np.diag(tile_from_image)[[0, 1, 0, 1]], tile_from_image[[0, 1, 0, 1], 2]
    moved = boxes * scale + corner
    tile_hw = (tile[3] - tile[1], tile[2] - tile[0])
    shown = clip(moved, tile_hw)
    side = np.minimum(shown[:, 2] - shown[:, 0], shown[:, 3] - shown[:, 1])
    whole = area(shown) >= options.min_visible * np.maximum(area(moved), 1e-6)
    label = np.where(~ignore & whole & (side >= options.min_side), PERSON, IGNORE)
    placed = shown + np.array([tile[0], tile[1], tile[0], tile[1]])
    return np.concatenate([placed, label[:, None]], 1)[side > 1].astype(np.float32)
