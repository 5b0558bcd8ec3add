"""The border images come in by: whatever a caller has becomes the one kind of image everything inside works on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from videopose.errors import InputError
from videopose.types import U8

Image = U8 | Tensor
"""One image as callers have it: (H, W, 3) array or (3, H, W) tensor, uint8 RGB."""


def is_one_image(value: Image | Sequence[Image]) -> bool:
    """Check whether a caller gave one image rather than a list of them; `as_images` checks what they are."""
    return isinstance(value, np.ndarray | Tensor)


def as_images(value: Image | Sequence[Image], device: torch.device | None = None) -> list[Tensor]:
    """Return images as tensors; those that are tensors already are not copied.

    Args:
        value: one image or several: numpy (H, W, 3) as from Pillow or OpenCV after `[..., ::-1]`, or torch (3, H, W);
            uint8 RGB both. Sizes may differ.
        device: where they go; None = where they are.

    Returns:
        (3, H, W) uint8 RGB tensors, one per image; of an array, the array's own memory seen as such.

    Raises:
        InputError: an image is of another kind, layout, type or without pixels. The message says which and what to do.
    """
    if isinstance(value, np.ndarray | Tensor):
        if value.ndim == 4:
            raise InputError(f"images: one {_kind(value)} with four axes; give a list of images, `list(images)`")
        return [_as_image(value, "image", device)]
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InputError(
            f"images: {type(value).__name__} is no image; give numpy (H, W, 3) or torch (3, H, W), or a list of them"
        )
    return [_as_image(each, f"images[{row}]", device) for row, each in enumerate(value)]


def _as_image(value: Image, name: str, device: torch.device | None) -> Tensor:
    if isinstance(value, Tensor):
        if value.dtype != torch.uint8 or value.ndim != 3 or value.shape[0] != 3 or not value.numel():
            raise InputError(f"{name}: {_kind(value)}: {_cure(value, 0)}")
        return value if device is None else value.to(device)
    if not isinstance(value, np.ndarray):
        raise InputError(f"{name}: {type(value).__name__} is no image; give numpy (H, W, 3) or torch (3, H, W)")
    if value.dtype != np.uint8 or value.ndim != 3 or value.shape[2] != 3 or not value.size:
        raise InputError(f"{name}: {_kind(value)}: {_cure(value, 2)}")
    # torch knows no negative steps, as of `[..., ::-1]`, and OpenCV no gaps between the channels; neither writes
    plain = value if value.flags.c_contiguous and value.flags.writeable else np.array(value, order="C")
    image = torch.from_numpy(plain).permute(2, 0, 1)
    return image if device is None else image.to(device)


def _kind(value: Image) -> str:
    dtype = str(value.dtype).removeprefix("torch.")
    return f"{'tensor' if isinstance(value, Tensor) else 'array'} {dtype}{tuple(value.shape)}"


def _cure(value: Image, channels: int) -> str:
    """Describe what to do about an image that is none; `channels` is the axis they belong on."""
    shape = tuple(value.shape)
    layout = "torch (3, H, W)" if channels == 0 else "numpy (H, W, 3)"
    if len(shape) == 2:
        return f"gray; give {layout}, the channel three times"
    if len(shape) != 3:
        return f"an image has three axes; give {layout}"
    if 0 in shape:
        return "has no pixels; check how it was read or cut"
    if shape[channels] == 3:
        text = str(value.dtype).removeprefix("torch.")
        if "float" in text:
            return "levels must be uint8 from 0 to 255; of floats from 0 to 1 take 255 times, rounded, as uint8"
        return f"{text} levels; convert from their range to uint8 from 0 to 255"
    if shape[2 - channels] == 3:
        how = ".permute(2, 0, 1)" if channels == 0 else ".transpose(1, 2, 0)"
        return f"channels on the wrong side; give {layout}, by {how}"
    if shape[channels] == 4:
        return f"four channels; leave the opacity out, by {'image[:3]' if channels == 0 else 'image[..., :3]'}"
    if shape[channels] == 1:
        return f"gray; give {layout}, the channel three times"
    return f"{shape[channels]} channels; give {layout}"
